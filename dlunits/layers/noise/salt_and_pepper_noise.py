"""Salt-and-pepper noise for denoising autoencoders."""

import math
from typing import Any

import keras
from keras import ops

from dlunits.typing import Config, Shape, Tensor


@keras.saving.register_keras_serializable(package="dlunits")
class SaltAndPepperNoise(keras.layers.Layer):
    """Salt-and-pepper noise: replaces values by `low` or `high` at random.

    Use it to corrupt the input of a denoising autoencoder of images. Half of
    the replaced values become pepper (`low`), half salt (`high`). It is active
    in training only.

        y_i = low     if u_i < rate / 2
              high    if rate / 2 <= u_i < rate
              x_i     otherwise

    `x` is the input and `u_i` is uniform in [0, 1), drawn for each value at
    every call.

    Reference: Vincent et al., 2010, "Stacked denoising autoencoders",
    section 3.3, https://www.jmlr.org/papers/v11/vincent10a.html.

    Args:
        rate: Float in [0, 1], probability that a value is replaced, nu in the
            paper.
        low: Float, smallest value of the range, pepper.
        high: Float, largest value of the range, salt.
        seed: Integer, for the same noise in every run; `None` uses the global
            seed of Keras.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Tensor of any shape; integers are cast to floats.
        training: Whether to add noise; if `False`, inputs are returned.

    Input shape: Any.

    Output shape: Same as the input.

    Raises:
        ValueError: If `rate` is outside [0, 1], or not
            `-inf < low < high < inf`.

    Example:

    >>> layer = SaltAndPepperNoise(0.5, seed=0)
    >>> noisy = layer(ops.full((100, 100), 0.4), training=True)
    >>> abs(float(ops.mean(noisy)) - 0.45) < 0.02  # 0.4 / 2 + 1 / 4
    True
    """

    def __init__(
        self,
        rate: float,
        low: float = 0.0,
        high: float = 1.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if not 0 <= rate <= 1:
            raise ValueError(
                "`rate` is the probability that a value is replaced and must "
                f"be in [0, 1]. Received: {rate=}"
            )
        if not -math.inf < low < high < math.inf:
            raise ValueError(
                "`low` and `high` must be finite, with low < high. Received: "
                f"{low=}, {high=}"
            )
        self.rate = rate
        self.low = low
        self.high = high
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
        low = ops.cast(self.low, inputs.dtype)
        high = ops.cast(self.high, inputs.dtype)
        replacement = ops.where(u < self.rate / 2, low, high)
        return ops.where(u < self.rate, replacement, inputs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "rate": self.rate,
            "low": self.low,
            "high": self.high,
            "seed": self.seed,
        }
