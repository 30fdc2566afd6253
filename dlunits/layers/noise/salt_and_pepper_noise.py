"""Corruption that pushes values to either end of their range."""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="dlunits")
class SaltAndPepperNoise(keras.layers.Layer):
    """Replaces each value, with probability `rate`, by `low` or by `high`.

    The input of a denoising autoencoder for images with broken pixels. Half
    of the replaced values become pepper, half salt; the rest stays clean. It
    acts in training only.

        y_i = low    if u_i < rate / 2
              high   if rate / 2 <= u_i < rate
              x_i    else,                           u_i uniform in [0, 1)

    `x` is the input and `u_i` is drawn afresh for each value at every call.

    Reference: Vincent et al., 2010, "Stacked denoising autoencoders",
    section 3.3, https://www.jmlr.org/papers/v11/vincent10a.html.

    Args:
        rate: Float in [0, 1], the expected share of values replaced, the
            paper's nu.
        low: Float, the smallest value of the range: pepper.
        high: Float, the largest value of the range: salt.
        seed: Integer, or `None` for noise that differs from run to run.

    Call arguments:
        inputs: Tensor of any shape; integers are made floats.
        training: Whether to corrupt; otherwise inputs come through.

    Input shape: Any.

    Output shape: That of the input.

    Raises:
        ValueError: If `rate` lies outside [0, 1], or `low` and `high` are not
            the finite ends of a range.

    Example:

    >>> layer = SaltAndPepperNoise(0.5, seed=0)
    >>> noisy = layer(ops.full((100, 100), 0.4), training=True)
    >>> abs(float(ops.mean(noisy)) - 0.45) < 0.02  # 0.4 / 2 + 1 / 4
    True
    """

    def __init__(self, rate, low=0.0, high=1.0, seed=None, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= rate <= 1:
            raise ValueError(
                "`rate` is the share of values to replace and must lie in "
                f"[0, 1]. Received: {rate=}"
            )
        if not -math.inf < low < high < math.inf:
            raise ValueError(
                "`low` and `high` must be the finite ends of a range, low "
                f"below high. Received: {low=}, {high=}"
            )
        self.rate = rate
        self.low = low
        self.high = high
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def call(self, inputs, training=False):
        inputs = ops.cast(inputs, self.compute_dtype)
        if not training:
            return inputs
        # In single precision always: half has only 1,024 steps below 1.
        draws = keras.random.uniform(
            ops.shape(inputs), dtype="float32", seed=self.seed_generator
        )
        low, high = (
            ops.cast(end, inputs.dtype) for end in (self.low, self.high)
        )
        extreme = ops.where(draws < self.rate / 2, low, high)
        return ops.where(draws < self.rate, extreme, inputs)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "rate": self.rate,
            "low": self.low,
            "high": self.high,
            "seed": self.seed,
        }
