"""Masking noise for denoising autoencoders."""

import math
from typing import Any

import keras
from keras import ops

from dlunits.typing import Config, Shape, Tensor


@keras.saving.register_keras_serializable(package="dlunits")
class MaskingNoise(keras.layers.Layer):
    """Masking noise: replaces each value by `mask_value` with a probability.

    Use it to corrupt the input of a denoising autoencoder. Unlike
    `keras.layers.Dropout` it does not rescale the values that are kept. It is
    active in training only.

        y_i = mask_value    if u_i < rate
              x_i           otherwise

    `x` is the input and `u_i` is uniform in [0, 1), drawn for each value at
    every call.

    Reference: Vincent et al., 2010, "Stacked denoising autoencoders",
    section 3.3, https://www.jmlr.org/papers/v11/vincent10a.html.

    Args:
        rate: Float in [0, 1], probability that a value is replaced, nu in the
            paper.
        mask_value: Float, the replacement: the background of an image, or the
            mean of a standardized feature.
        seed: Integer, for the same noise in every run; `None` uses the global
            seed of Keras.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Tensor of any shape; integers are cast to floats.
        training: Whether to add noise; if `False`, inputs are returned.

    Input shape: Any.

    Output shape: Same as the input.

    Raises:
        ValueError: If `rate` is outside [0, 1], or `mask_value` is not finite.

    Example:

    >>> layer = MaskingNoise(0.25, mask_value=-1.0, seed=0)
    >>> noisy = layer(ops.ones((100, 100)), training=True)
    >>> fraction = float(ops.mean(ops.cast(noisy == -1, "float32")))
    >>> 0.23 < fraction < 0.27  # the standard error is 0.004
    True
    """

    def __init__(
        self,
        rate: float,
        mask_value: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if not 0 <= rate <= 1:
            raise ValueError(
                "`rate` is the probability that a value is replaced and must "
                f"be in [0, 1]. Received: {rate=}"
            )
        if not math.isfinite(mask_value):
            raise ValueError(
                "`mask_value` must be finite, or all weights become NaN. "
                f"Received: {mask_value=}"
            )
        self.rate = rate
        self.mask_value = mask_value
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        inputs = ops.cast(inputs, self.compute_dtype)
        if not training:
            return inputs
        # Half precision has only 1,024 steps between 0.5 and 1.
        u = keras.random.uniform(
            ops.shape(inputs), dtype="float32", seed=self.seed_generator
        )
        return ops.where(
            u < self.rate, ops.cast(self.mask_value, inputs.dtype), inputs
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "rate": self.rate,
            "mask_value": self.mask_value,
            "seed": self.seed,
        }
