"""Windows of a series without their level and spread, and back."""

import keras
import numpy as np
from keras import ops

LEVELS = ("last", "mean")


@keras.saving.register_keras_serializable(package="dlunits")
class ReversibleInstanceNormalization(keras.layers.Layer):
    """Takes from each window of a series its own level and spread.

    A series whose level wanders looks new to a model every day; beside its
    own past it does not. What is taken is kept and put back to the forecast
    by `restored`.

        z_t = (x_t - level) / spread
        level  = the window's last value, or its mean
        spread = sqrt(variance of the window + (floor * scale)^2)

    `scale` is the spread of the whole series a channel, which `adapt` learns;
    the floor keeps a window that stands still from being blown up. With
    `divide=False` the spread is `scale` for all windows.

    Reference: Kim et al., 2022, "Reversible instance normalization for
    accurate time-series forecasting against distribution shift",
    https://openreview.net/forum?id=cGDAkQo1C0p.

    Args:
        level: `"last"` or `"mean"`.
        divide: Whether each window is divided by its own spread.
        floor: Number, in units of `scale`.

    Input shape: `(batch, window, channels)`.

    Output shape: three tensors, `(batch, window, channels)`, and level and
        spread `(batch, 1, channels)`.

    Raises:
        ValueError: If an argument is none of the above.

    Example:

    >>> layer = ReversibleInstanceNormalization("last", divide=False)
    >>> window = ops.array([[[4.0], [6.0], [9.0]]])
    >>> z, level, spread = layer(window)
    >>> ops.convert_to_numpy(z).ravel().tolist()
    [-5.0, -3.0, 0.0]
    >>> again = restored(z, level, spread)
    >>> ops.convert_to_numpy(again).ravel().tolist()
    [4.0, 6.0, 9.0]
    """

    def __init__(self, level="last", divide=True, floor=0.01, **kwargs):
        super().__init__(autocast=False, **kwargs)
        if level not in LEVELS:
            raise ValueError(
                f"`level` must be one of {LEVELS}. Received: {level=}"
            )
        if not floor > 0:
            raise ValueError(f"`floor` must be positive. Received: {floor=}")
        self.level = level
        self.divide = divide
        self.floor = floor

    def build(self, input_shape):
        self.scale = self.add_weight(
            name="scale",
            shape=(input_shape[-1],),
            initializer="ones",
            dtype="float32",
            trainable=False,
            autocast=False,
        )

    def adapt(self, values):
        """Learns the spread of each channel.

        Args:
            values: Array `(rows, channels)`; NaN is missing.

        Raises:
            ValueError: If a channel has one value only, or none.
        """
        values = np.asarray(values, "float64")
        there = ~np.isnan(values)
        scale = np.array(
            [
                np.std(column[known]) if known.any() else 0.0
                for column, known in zip(values.T, there.T, strict=True)
            ]
        )
        if not (np.isfinite(scale) & (scale > 0)).all():
            channel = int(np.argmin(scale > 0)) + 1
            raise ValueError(
                "Every channel must have values that differ. Received: a "
                f"constant one, channel {channel} of {len(scale)}"
            )
        if not self.built:
            self.build((None, None, len(scale)))
        self.scale.assign(scale.astype("float32"))

    def call(self, window):
        window = ops.cast(window, "float32")
        if self.level == "last":
            level = window[:, -1:]
        else:
            level = ops.mean(window, axis=1, keepdims=True)
        scale = ops.reshape(self.scale, (1, 1, -1))
        spread = scale + ops.zeros_like(level)
        if self.divide:
            variance = ops.var(window / scale, axis=1, keepdims=True)
            spread = scale * ops.sqrt(variance + self.floor**2)
        z = (window - level) / spread
        return ops.cast(z, self.compute_dtype), level, spread

    def compute_output_spec(self, window):
        one = (window.shape[0], 1, window.shape[2])
        return (
            keras.KerasTensor(window.shape, self.compute_dtype),
            keras.KerasTensor(one, "float32"),
            keras.KerasTensor(one, "float32"),
        )

    def get_config(self):
        return {
            **super().get_config(),
            "level": self.level,
            "divide": self.divide,
            "floor": self.floor,
        }


def restored(z, level, spread):
    """Forecasts in units of the window -> in units of the series."""
    return ops.cast(z, "float32") * spread + level
