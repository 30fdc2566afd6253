"""Encoding of table columns as features of unit variance."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from dlunits.layers.tabular.robust_scaling import (
    scale_bounded,
    scale_categories,
    scale_numbers,
)
from dlunits.typing import Array, Config, Tensor

LIMIT = 30.0  # features are clipped to [-LIMIT, LIMIT]
NEVER_MISSING = 10.0  # feature of a missing value where none was missing
DAY, WEEK = 86_400.0, 604_800.0  # seconds


@keras.saving.register_keras_serializable(package="dlunits")
class TabularEncoding(keras.layers.Layer):
    """Encodes numbers, timestamps and categories as features of unit variance.

    Use it before models that detect anomalies in the rows of a table: each
    column has about the same weight, whatever its unit, and outliers in the
    training rows have little effect.

        feature = max(-30, min(30, (raw - center) / spread))

        number x    raw     x
                    center  median of the column
                    spread  1.097 * standard deviation of the column after its
                            lowest and highest 5 % are clipped to the 5 % and
                            95 % quantiles
        missing     raw     1 if a number is missing, else 0
        indicator   center, spread  mean, standard deviation
        timestamp t    raw     sin and cos of 2 pi t / day and of 2 pi t / week
                    center, spread  mean, standard deviation
        category    raw     one-hot: 1 for the value of the row, else 0; the
                            first of these features is for an unknown value
                    center  p, fraction of the rows that have the value
                    spread  sqrt(sum over values of p (1 - p)); 0.1 for the
                            first one if no value is unknown

    The variances of a category's features add up to 1, the variance of one
    number. The spread of a number is the standard deviation without clipping if
    most rows are equal, and 1 if all are; all other spreads are at least 0.1.

    The feature of a missing number is 0 in a column with a missing indicator,
    and 10 in a column without one. That of an unknown category is also 10 if
    no category of the training rows was unknown. The features of a missing
    timestamp are 0. A missing category may have its own id.

    Before `adapt` all centers are 0 and all spreads 1. The arithmetic is in
    single precision for any `dtype`; the feature of 1e30 is 30.

    Args:
        num_numbers: Number of columns of numbers or booleans.
        num_timestamps: Number of columns of timestamps.
        vocabulary_sizes: Size of the vocabulary of each category column,
            without the unknown value.
        missing_indicators: Indices of the columns of numbers that get a
            missing indicator.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Dict of tensors. A key without columns may be left out. A single
            tensor stands for the numbers.

    Input shape: Dict.

    - `numbers`: `(batch, num_numbers)`, NaN where missing.
    - `timestamps`: `(batch, num_timestamps)`, seconds since a Monday's
      midnight, NaN where missing.
    - `category_ids`: `(batch, len(vocabulary_sizes))`, integers from 1 to
      the size of the vocabulary; all others are unknown values.

    Output shape: `(batch, num_features)`: numbers, missing indicators,
        timestamps, categories.

    Attributes:
        num_features: Number of features.
        column_of_feature: Index of the column of each feature. Columns are
            counted from numbers through timestamps to categories.

    Raises:
        ValueError: If there are no columns, or the number of columns of the
            input does not match.

    Example, a column with the values 7 and missing. Its center is 7 and its
    spread 1; those of the missing indicator are 0.5 and sqrt(0.5 * 0.5) = 0.5:

    >>> layer = TabularEncoding(1, missing_indicators=(0,))
    >>> layer.adapt({"numbers": np.array([[7.0], [np.nan]])})
    >>> features = layer({"numbers": np.array([[9.0], [np.nan]])})
    >>> ops.convert_to_numpy(features).tolist()
    [[2.0, -1.0], [0.0, 1.0]]
    """

    def __init__(
        self,
        num_numbers: int,
        num_timestamps: int = 0,
        vocabulary_sizes: Iterable[int] = (),
        missing_indicators: Iterable[int] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.num_numbers = num_numbers
        self.num_timestamps = num_timestamps
        self.vocabulary_sizes = tuple(vocabulary_sizes)
        self.missing_indicators = tuple(missing_indicators)
        counts = (num_numbers, num_timestamps, len(self.vocabulary_sizes))
        if min(*counts, *self.vocabulary_sizes) < 0 or not any(counts):
            raise ValueError(
                "There must be at least one column, and no size may be "
                "negative. Received: "
                f"{num_numbers=}, {num_timestamps=}, "
                f"vocabulary_sizes={self.vocabulary_sizes}"
            )
        if not set(self.missing_indicators) <= set(range(num_numbers)) or len(
            set(self.missing_indicators)
        ) < len(self.missing_indicators):
            raise ValueError(
                "`missing_indicators` must hold different indices of columns "
                f"of numbers, from 0 to {num_numbers - 1}. Received: "
                f"missing_indicators={self.missing_indicators}"
            )
        self.num_columns = dict(
            zip(("numbers", "timestamps", "category_ids"), counts, strict=True)
        )
        columns = range(num_numbers, sum(counts))
        self.widths = tuple(1 + size for size in self.vocabulary_sizes)
        self.column_of_feature = (
            *range(num_numbers),
            *self.missing_indicators,
            *np.repeat(columns, (4,) * num_timestamps + self.widths).tolist(),
        )
        never = sorted(set(range(num_numbers)) - set(self.missing_indicators))
        self.if_missing = np.zeros(self.num_features, "float32")
        self.if_missing[never] = NEVER_MISSING

    @property
    def num_features(self) -> int:
        return len(self.column_of_feature)

    def build(self, input_shape: Any) -> None:
        self.check(input_shape)
        self.center, self.spread = (
            self.add_weight(
                name=name,
                shape=(self.num_features,),
                initializer=initializer,
                dtype="float32",  # 1e30 overflows in half precision
                autocast=False,
                trainable=False,
            )
            for name, initializer in (("center", "zeros"), ("spread", "ones"))
        )

    def check(self, input_shape: Any) -> None:
        if not isinstance(input_shape, dict):
            input_shape = {"numbers": input_shape}
        for key, count in self.num_columns.items():
            shape = input_shape.get(key, (None, 0))
            if len(shape) != 2 or shape[1] != count:
                raise ValueError(
                    f"{key!r} must be of shape (batch, {count}). Received: "
                    f"{input_shape=}"
                )

    def adapt(self, inputs: Array | Mapping[str, Array]) -> None:
        """Computes centers and spreads of training rows.

        Args:
            inputs: Dict of arrays, an input of the layer.

        Raises:
            ValueError: If a number is infinite, there is no row, or the
                columns do not match.
        """
        if not isinstance(inputs, Mapping):
            inputs = {"numbers": inputs}
        inputs = {key: np.asarray(value) for key, value in inputs.items()}
        shapes = {key: value.shape for key, value in inputs.items()}
        self.check(shapes)
        with np.errstate(over="ignore"):  # 1e300 becomes infinite
            raw = ops.convert_to_numpy(self.raw_features(inputs))
        if not len(raw):
            raise ValueError(
                f"There must be at least one row. Received: {shapes=}"
            )
        if np.isinf(raw).any():
            row, column = np.argwhere(np.isinf(raw))[0].tolist()
            raise ValueError(
                "Numbers must be finite in single precision. Received: "
                f"{inputs['numbers'][row, column]} in column {column}, row "
                f"{row}, both counted from 0"
            )
        places = [self.num_numbers, self.num_features - sum(self.widths)]
        numbers, bounded, one_hot = np.split(raw, places, axis=1)
        scales = (
            scale_numbers(numbers),
            scale_bounded(bounded),
            scale_categories(one_hot, self.widths),
        )
        if not self.built:
            self.build(shapes)
        center, spread = zip(*scales, strict=True)
        self.center.assign(np.concatenate(center).astype("float32"))
        self.spread.assign(np.concatenate(spread).astype("float32"))

    def call(self, inputs: Tensor) -> Tensor:
        if not isinstance(inputs, dict):
            inputs = {"numbers": inputs}
        raw = self.raw_features(inputs)
        features = (raw - self.center) / self.spread
        features = ops.where(ops.isnan(raw), self.if_missing, features)
        features = ops.clip(features, -LIMIT, LIMIT)
        return ops.cast(features, self.compute_dtype)

    def raw_features(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Dict of columns -> (batch, num_features), NaN where missing"""
        raw = []
        if self.num_numbers:
            numbers = ops.cast(inputs["numbers"], "float32")
            with_indicator = ops.take(
                numbers, np.array(self.missing_indicators, "int32"), axis=1
            )
            raw += [numbers, ops.cast(ops.isnan(with_indicator), "float32")]
        if self.num_timestamps:
            raw.append(encode_waves(ops.cast(inputs["timestamps"], "float32")))
        if self.vocabulary_sizes:
            ids = ops.cast(inputs["category_ids"], "int32")
            raw.append(encode_one_hot(ids, self.widths))
        return ops.concatenate(raw, axis=1)

    def decode(self, features: Tensor) -> dict[str, Tensor]:
        """Inverse of the encoding: features to columns, up to rounding.

        Use it for reconstructions of features. Numbers more than 30 spreads
        from the center are returned as 30 spreads from it, and missing values
        as the center, or as 10 spreads from it in a column without a missing
        indicator.

        Args:
            features: Tensor `(batch, num_features)`.

        Returns:
            Dict in the form of the input, without keys that have no columns.
            The time of day of a timestamp is decoded from its daily wave, and
            the day of the week is the nearest one to its weekly wave. A
            category has the id of its largest one-hot feature, 0 for unknown.
        """
        raw = ops.cast(features, "float32") * self.spread + self.center
        columns = {}
        if self.num_numbers:
            columns["numbers"] = raw[:, : self.num_numbers]
        start = self.num_numbers + len(self.missing_indicators)
        if self.num_timestamps:
            end = start + 4 * self.num_timestamps
            columns["timestamps"] = decode_waves(raw[:, start:end])
            start = end
        ids = []
        for width in self.widths:
            ids.append(ops.argmax(raw[:, start : start + width], axis=1))
            start += width
        if ids:
            columns["category_ids"] = ops.stack(ids, axis=1)
        return columns

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, int]:
        if isinstance(input_shape, dict):
            key = next(key for key, count in self.num_columns.items() if count)
            input_shape = input_shape[key]
        return (input_shape[0], self.num_features)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "num_numbers": self.num_numbers,
            "num_timestamps": self.num_timestamps,
            "vocabulary_sizes": self.vocabulary_sizes,
            "missing_indicators": self.missing_indicators,
        }


def encode_waves(timestamps: Tensor) -> Tensor:
    """Sine and cosine of day and week: seconds (batch, m) -> (batch, 4 m)."""
    day, week = (ops.multiply(timestamps, math.tau / t) for t in (DAY, WEEK))
    waves = [ops.sin(day), ops.cos(day), ops.sin(week), ops.cos(week)]
    return ops.reshape(ops.stack(waves, axis=-1), (-1, 4 * timestamps.shape[1]))


def decode_waves(waves: Tensor) -> Tensor:
    """Inverse of `encode_waves`: (batch, 4 m) -> seconds (batch, m)"""
    waves = ops.reshape(waves, (-1, waves.shape[1] // 4, 4))
    day = ops.arctan2(waves[..., 0], waves[..., 1]) * (DAY / math.tau)
    week = ops.arctan2(waves[..., 2], waves[..., 3]) * (WEEK / math.tau)
    return ops.mod(day + DAY * ops.round((week - day) / DAY), WEEK)


def encode_one_hot(ids: Tensor, widths: tuple[int, ...]) -> Tensor:
    """One-hot encoding of ids, (batch, columns) -> (batch, sum of widths)."""
    known = ops.logical_and(ids > 0, ops.less(ids, np.array(widths, "int32")))
    category = np.repeat(np.arange(len(widths)), widths)
    ids = ops.take(ops.where(known, ids, 0), category, axis=1)
    value = np.concatenate([np.arange(width) for width in widths])
    return ops.cast(ops.equal(ids, value.astype("int32")), "float32")
