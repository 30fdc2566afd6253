"""Columns of a table as features of spread about 1."""

import math

import keras
import numpy as np
from keras import ops

from dlunits.layers.tabular.robust_scaling import (
    scale_of_bounded,
    scale_of_categories,
    scale_of_numbers,
)

LIMIT = 30.0  # features lie in -LIMIT ... LIMIT: further off is as strange
NEVER_MISSING = 10.0  # feature of a value missing where none ever was
DAY, WEEK = 86_400.0, 604_800.0  # seconds


@keras.saving.register_keras_serializable(package="dlunits")
class TabularEncoding(keras.layers.Layer):
    """Scales numbers, spells out categories, and says what is missing.

    Use it before models that measure how strange the rows of a table are:
    each column then counts about as much as another, however its unit, and
    outliers in the rows it is adapted to hardly matter.

        feature = max(-30, min(30, (raw - center) / spread))

        number x    raw     x
                    center  median of the column
                    spread  1.097 * standard deviation of the column after its
                            lowest and highest 5 % were pulled in to the rest
        gap         raw     1 if a number is missing, else 0
        timestamp t    raw     sin and cos of 2 pi t / day and of 2 pi t / week
                    center, spread  mean, standard deviation
        category    raw     1 for the value that a row has, else 0; the first
                            of these features stands for an unknown value
                    center  share of the rows that have the value
                    spread  sqrt(sum over values of share * (1 - share))

    The variances of a category's features add up to 1, as if it were one
    number. The spread of a number is the plain standard deviation where most
    rows are equal, and 1 where all are; all other spreads are at least 0.1.

    A missing number gives 0 in columns with gaps, which have a feature that
    says so, and 10 in the others, where none was missing. A missing timestamp
    gives 0 four times; a missing category may have a value of its own.

    Before `adapt` all centers are 0 and spreads 1. Whatever the `dtype`, the
    arithmetic is in single precision, in which the features of 1e30 are 30.

    Args:
        num_numbers: Integer, columns of numbers or booleans.
        num_timestamps: Integer, columns of points in time.
        vocabulary_sizes: For each column of categories, how many values it
            has beside unknown.
        gaps: Indices of the columns of numbers that may lack values.

    Input shape: Dict, of which keys without columns may be left out; a tensor
    alone is taken for the numbers:

        numbers: `(batch, num_numbers)`, NaN where missing.
        timestamps: `(batch, num_timestamps)`, seconds since a Monday's
            midnight, NaN where missing.
        codes: `(batch, len(vocabulary_sizes))`, integers: from 1 to the size
            of the vocabulary, all others for unknown.

    Output shape: `(batch, num_features)`: numbers, gaps, timestamps,
        categories.

    Attributes:
        num_features: Integer.
        owners: For every feature the index of its column; columns count on
            from numbers through timestamps to categories.

    Raises:
        ValueError: If there are no columns or the input has others.

    Example, a column that holds 7 or nothing, so that its spread is 1; half of
    it is missing, sqrt(0.5 * 0.5) = 0.5:

    >>> layer = TabularEncoding(1, gaps=(0,))
    >>> layer.adapt({"numbers": np.array([[7.0], [np.nan]])})
    >>> features = layer({"numbers": np.array([[9.0], [np.nan]])})
    >>> ops.convert_to_numpy(features).tolist()
    [[2.0, -1.0], [0.0, 1.0]]
    """

    def __init__(
        self,
        num_numbers,
        num_timestamps=0,
        vocabulary_sizes=(),
        gaps=(),
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        self.num_numbers = num_numbers
        self.num_timestamps = num_timestamps
        self.vocabulary_sizes = tuple(vocabulary_sizes)
        self.gaps = tuple(gaps)
        counts = (num_numbers, num_timestamps, len(self.vocabulary_sizes))
        if min(*counts, *self.vocabulary_sizes) < 0 or not any(counts):
            raise ValueError(
                "There must be columns, and no number of columns or values "
                "may be negative. Received: "
                f"{num_numbers=}, {num_timestamps=}, "
                f"vocabulary_sizes={self.vocabulary_sizes}"
            )
        if not set(self.gaps) <= set(range(num_numbers)) or len(
            set(self.gaps)
        ) < len(self.gaps):
            raise ValueError(
                "`gaps` must hold different indices of columns of numbers, "
                f"from 0 to {num_numbers - 1}. Received: gaps={self.gaps}"
            )
        self.counts = dict(
            zip(("numbers", "timestamps", "codes"), counts, strict=True)
        )
        columns = range(num_numbers, sum(counts))
        self.widths = tuple(1 + size for size in self.vocabulary_sizes)
        self.owners = (
            *range(num_numbers),
            *self.gaps,
            *np.repeat(columns, (4,) * num_timestamps + self.widths).tolist(),
        )
        never = sorted(set(range(num_numbers)) - set(self.gaps))
        self.if_missing = np.zeros(self.num_features, "float32")
        self.if_missing[never] = NEVER_MISSING

    @property
    def num_features(self):
        return len(self.owners)

    def build(self, input_shape):
        self.check(input_shape)
        self.center, self.spread = (
            self.add_weight(
                name=name,
                shape=(self.num_features,),
                initializer=initializer,
                dtype="float32",  # 1e30 is no number in half precision
                autocast=False,
                trainable=False,
            )
            for name, initializer in (("center", "zeros"), ("spread", "ones"))
        )

    def check(self, input_shape):
        if not isinstance(input_shape, dict):
            input_shape = {"numbers": input_shape}
        for key, count in self.counts.items():
            shape = input_shape.get(key, (None, 0))
            if len(shape) != 2 or shape[1] != count:
                raise ValueError(
                    f"{key!r} must be of shape (batch, {count}). Received: "
                    f"{input_shape=}"
                )

    def adapt(self, inputs):
        """Takes centers and spreads from known rows.

        Args:
            inputs: Dict of arrays, as the layer's input.

        Raises:
            ValueError: If a number is infinite, there is no row, or the
                columns are others than the layer's.
        """
        if not isinstance(inputs, dict):
            inputs = {"numbers": inputs}
        inputs = {key: np.asarray(value) for key, value in inputs.items()}
        shapes = {key: value.shape for key, value in inputs.items()}
        self.check(shapes)
        with np.errstate(over="ignore"):  # 1e300 becomes infinite
            raw = ops.convert_to_numpy(self.raw_features(inputs))
        if not len(raw):
            raise ValueError(f"There must be a row. Received: {shapes=}")
        if np.isinf(raw).any():
            row, column = np.argwhere(np.isinf(raw))[0].tolist()
            raise ValueError(
                "Numbers must be finite in single precision. Received: "
                f"{inputs['numbers'][row, column]} in column {column}, row "
                f"{row}, both counted from 0"
            )
        places = [self.num_numbers, self.num_features - sum(self.widths)]
        numbers, bounded, hot = np.split(raw, places, axis=1)
        scales = (
            scale_of_numbers(numbers),
            scale_of_bounded(bounded),
            scale_of_categories(hot, self.widths),
        )
        if not self.built:
            self.build(shapes)
        center, spread = zip(*scales, strict=True)
        self.center.assign(np.concatenate(center).astype("float32"))
        self.spread.assign(np.concatenate(spread).astype("float32"))

    def call(self, inputs):
        if not isinstance(inputs, dict):
            inputs = {"numbers": inputs}
        raw = self.raw_features(inputs)
        features = (raw - self.center) / self.spread
        features = ops.where(ops.isnan(raw), self.if_missing, features)
        features = ops.clip(features, -LIMIT, LIMIT)
        return ops.cast(features, self.compute_dtype)

    def raw_features(self, inputs):
        """Dict of columns -> (batch, num_features), NaN where missing"""
        raw = []
        if self.num_numbers:
            numbers = ops.cast(inputs["numbers"], "float32")
            gaps = ops.take(numbers, np.array(self.gaps, "int32"), axis=1)
            raw += [numbers, ops.cast(ops.isnan(gaps), "float32")]
        if self.num_timestamps:
            raw.append(waves(ops.cast(inputs["timestamps"], "float32")))
        if self.vocabulary_sizes:
            codes = ops.cast(inputs["codes"], "int32")
            raw.append(one_hot(codes, self.widths))
        return ops.concatenate(raw, axis=1)

    def decode(self, features):
        """Puts features, of a reconstruction for example, into columns' units.

        What was encoded comes back to rounding, but numbers more than 30
        spreads off come back as if they were 30 off, and missing values as
        the column's middle, or, where none may be missing, 10 spreads off.

        Args:
            features: Tensor `(batch, num_features)`.

        Returns:
            Dict as the layer's input, without keys that have no columns. The
            day of a timestamp is the one that fits best with both of its waves;
            its code is a category's most probable value, 0 for unknown.
        """
        raw = ops.cast(features, "float32") * self.spread + self.center
        columns = {}
        if self.num_numbers:
            columns["numbers"] = raw[:, : self.num_numbers]
        start = self.num_numbers + len(self.gaps)
        if self.num_timestamps:
            end = start + 4 * self.num_timestamps
            columns["timestamps"] = timestamps_of_waves(raw[:, start:end])
            start = end
        codes = []
        for width in self.widths:
            codes.append(ops.argmax(raw[:, start : start + width], axis=1))
            start += width
        if codes:
            columns["codes"] = ops.stack(codes, axis=1)
        return columns

    def compute_output_shape(self, input_shape):
        if isinstance(input_shape, dict):
            key = next(key for key, count in self.counts.items() if count)
            input_shape = input_shape[key]
        return (input_shape[0], self.num_features)

    def get_config(self):
        return {
            **super().get_config(),
            "num_numbers": self.num_numbers,
            "num_timestamps": self.num_timestamps,
            "vocabulary_sizes": self.vocabulary_sizes,
            "gaps": self.gaps,
        }


def waves(timestamps):
    """Seconds in the week (batch, m) -> (batch, 4 m)"""
    day, week = (ops.multiply(timestamps, math.tau / t) for t in (DAY, WEEK))
    waves = [ops.sin(day), ops.cos(day), ops.sin(week), ops.cos(week)]
    return ops.reshape(ops.stack(waves, axis=-1), (-1, 4 * timestamps.shape[1]))


def timestamps_of_waves(waves):
    """(batch, 4 m) -> seconds in the week (batch, m)"""
    waves = ops.reshape(waves, (-1, waves.shape[1] // 4, 4))
    day = ops.arctan2(waves[..., 0], waves[..., 1]) * (DAY / math.tau)
    week = ops.arctan2(waves[..., 2], waves[..., 3]) * (WEEK / math.tau)
    return ops.mod(day + DAY * ops.round((week - day) / DAY), WEEK)


def one_hot(codes, widths):
    """(batch, categories) -> (batch, values of all, 0 of each for unknown)"""
    known = ops.logical_and(codes > 0, codes < np.array(widths, "int32"))
    category = np.repeat(np.arange(len(widths)), widths)
    codes = ops.take(ops.where(known, codes, 0), category, axis=1)
    value = np.concatenate([np.arange(width) for width in widths])
    return ops.cast(ops.equal(codes, value.astype("int32")), "float32")
