"""Reversible instance normalization, RevIN (Kim et al., 2022)."""

from typing import Any

import keras
import numpy as np
from keras import ops

from dlunits.typing import ArrayLike, Config, Shape, Tensor

NORMALIZATIONS = ("last", "mean")


@keras.saving.register_keras_serializable(package="dlunits")
class ReversibleInstanceNormalization(keras.layers.Layer):
    """Reversible instance normalization (RevIN) of each window of a series.

    Normalizes each window by its own center and standard deviation. Use it
    before a forecasting network, and `denormalize` on its forecasts, if the
    level or the variance of a series shifts over time. For a window
    x_1 ... x_L of one channel:

        z_t    = (x_t - center) / stddev
        center = x_L                              normalization="last"
        center = mean_t(x_t)                      normalization="mean"
        stddev = sqrt(var_t(x_t) + (epsilon s)^2)        scale=True
        stddev = s                                       scale=False

    s, the weight `channel_stddev`, is the standard deviation of the channel
    over the whole training series, set by `adapt`. `epsilon` limits the scaling
    of windows that are almost constant. The affine weights of the paper are
    left out.

    Reference: Kim et al., 2022, "Reversible instance normalization for
    accurate time-series forecasting against distribution shift",
    https://openreview.net/forum?id=cGDAkQo1C0p.

    Args:
        normalization: `"last"` or `"mean"`, the center that is subtracted.
        scale: Boolean, whether each window is divided by its own standard
            deviation.
        epsilon: Positive number, in units of s.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Input shape: `(batch, window, channels)`.

    Output shape: three tensors: z `(batch, window, channels)`, center and
        stddev `(batch, 1, channels)`.

    Raises:
        ValueError: If an argument is out of range.

    Example:

    >>> layer = ReversibleInstanceNormalization("last", scale=False)
    >>> window = ops.array([[[4.0], [6.0], [9.0]]])
    >>> z, center, stddev = layer(window)
    >>> ops.convert_to_numpy(z).ravel().tolist()
    [-5.0, -3.0, 0.0]
    >>> x = denormalize(z, center, stddev)
    >>> ops.convert_to_numpy(x).ravel().tolist()
    [4.0, 6.0, 9.0]
    """

    def __init__(
        self,
        normalization: str = "last",
        scale: bool = True,
        epsilon: float = 0.01,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        if normalization not in NORMALIZATIONS:
            raise ValueError(
                f"`normalization` must be one of {NORMALIZATIONS}. Received: "
                f"{normalization=}"
            )
        if not epsilon > 0:
            raise ValueError(
                f"`epsilon` must be positive. Received: {epsilon=}"
            )
        self.normalization = normalization
        self.scale = scale
        self.epsilon = epsilon

    def build(self, input_shape: Shape) -> None:
        self.channel_stddev = self.add_weight(
            name="channel_stddev",
            shape=(input_shape[-1],),
            initializer="ones",
            dtype="float32",
            trainable=False,
            autocast=False,
        )

    def adapt(self, values: ArrayLike) -> None:
        """Computes the standard deviation of each channel.

        Args:
            values: Array `(time, channels)`; NaN is a missing value.

        Raises:
            ValueError: If a channel is constant or has no values.
        """
        values = np.asarray(values, "float64")
        known = ~np.isnan(values)
        stddev = np.array(
            [
                np.std(column[rows]) if rows.any() else 0.0
                for column, rows in zip(values.T, known.T, strict=True)
            ]
        )
        if not (np.isfinite(stddev) & (stddev > 0)).all():
            channel = int(np.argmin(stddev > 0)) + 1
            raise ValueError(
                "Every channel must have at least two different values. "
                f"Received: a constant one, channel {channel} of {len(stddev)}"
            )
        if not self.built:
            self.build((None, None, len(stddev)))
        self.channel_stddev.assign(stddev.astype("float32"))

    def call(self, window: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        window = ops.cast(window, "float32")
        if self.normalization == "last":
            center = window[:, -1:]
        else:
            center = ops.mean(window, axis=1, keepdims=True)
        s = ops.reshape(self.channel_stddev, (1, 1, -1))
        stddev = s + ops.zeros_like(center)
        if self.scale:  # of windows in units of s, which do not overflow
            variance = ops.var(window / s, axis=1, keepdims=True)
            stddev = s * ops.sqrt(variance + self.epsilon**2)
        z = (window - center) / stddev
        return ops.cast(z, self.compute_dtype), center, stddev

    def compute_output_spec(
        self, window: Tensor
    ) -> tuple[keras.KerasTensor, keras.KerasTensor, keras.KerasTensor]:
        statistics = (window.shape[0], 1, window.shape[2])
        return (
            keras.KerasTensor(window.shape, self.compute_dtype),
            keras.KerasTensor(statistics, "float32"),
            keras.KerasTensor(statistics, "float32"),
        )

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "normalization": self.normalization,
            "scale": self.scale,
            "epsilon": self.epsilon,
        }


def denormalize(z: Tensor, center: Tensor, stddev: Tensor) -> Tensor:
    """Computes x = z * stddev + center, in single precision."""
    return ops.cast(z, "float32") * stddev + center
