"""Corruption that blanks out values at random."""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="dlunits")
class MaskingNoise(keras.layers.Layer):
    """Replaces each value, with probability `rate`, by `mask_value`.

    The input of a denoising autoencoder, which learns to fill in what is
    missing from what is left. Unlike `keras.layers.Dropout` it does not scale
    what is left up: the values that come through are the clean ones. It acts
    in training only.

        y_i = mask_value  if u_i < rate,  else x_i,    u_i uniform in [0, 1)

    `x` is the input and `u_i` is drawn afresh for each value at every call.

    Reference: Vincent et al., 2010, "Stacked denoising autoencoders",
    section 3.3, https://www.jmlr.org/papers/v11/vincent10a.html.

    Args:
        rate: Float in [0, 1], the expected share of values replaced, the
            paper's nu.
        mask_value: Float, what stands for a missing value: the background of
            an image, the mean of a standardized feature.
        seed: Integer, or `None` for noise that differs from run to run.

    Call arguments:
        inputs: Tensor of any shape; integers are made floats.
        training: Whether to corrupt; otherwise inputs come through.

    Input shape: Any.

    Output shape: That of the input.

    Raises:
        ValueError: If `rate` lies outside [0, 1], or `mask_value` is not
            finite.

    Example:

    >>> layer = MaskingNoise(0.25, mask_value=-1.0, seed=0)
    >>> noisy = layer(ops.ones((100, 100)), training=True)
    >>> share = float(ops.mean(ops.cast(noisy == -1, "float32")))
    >>> 0.23 < share < 0.27  # the standard error is 0.004
    True
    """

    def __init__(self, rate, mask_value=0.0, seed=None, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= rate <= 1:
            raise ValueError(
                "`rate` is the share of values to replace and must lie in "
                f"[0, 1]. Received: {rate=}"
            )
        if not math.isfinite(mask_value):
            raise ValueError(
                "`mask_value` must be finite, or it would turn every weight "
                f"into NaN. Received: {mask_value=}"
            )
        self.rate = rate
        self.mask_value = mask_value
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
        return ops.where(
            draws < self.rate, ops.cast(self.mask_value, inputs.dtype), inputs
        )

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "rate": self.rate,
            "mask_value": self.mask_value,
            "seed": self.seed,
        }
