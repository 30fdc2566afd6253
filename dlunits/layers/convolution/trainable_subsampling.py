"""Trainable subsampling, the pooling layer of LeNet-5."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from dlunits.typing import Config, Shape, Tensor


@keras.saving.register_keras_serializable(package="dlunits")
class TrainableSubsampling(keras.layers.Layer):
    """Trainable subsampling: pooling with a coefficient and bias per map.

    Sums each window, scales and shifts the sum, and applies an activation. With
    a sigmoidal activation, a small coefficient gives nearly linear blurring, a
    large one a noisy OR or AND of the window.

        y_c = f(w_c * sum of x_c over the window + b_c)

    `x_c` is map `c` of the input, `w_c` and `b_c` are trainable scalars and
    `f` is the activation. Windows do not overlap.

    Reference: LeCun et al., 1998, "Gradient-based learning applied to
    document recognition", section II.B, layers S2 and S4,
    http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf.

    Args:
        pool_size: Integer or pair, height and width of the window in pixels.
        activation: Activation `f`.
        coefficient_initializer: Initializer of `w`; `None` for 1 / (number of
            pixels in the window), which is average pooling.
        bias_initializer: Initializer of `b`.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Tensor.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, height // pool_height, width // pool_width,
        channels)`.

    Raises:
        ValueError: If `pool_size` is not positive, or if the input is smaller
            than the window.

    Example:

    >>> layer = TrainableSubsampling(coefficient_initializer="ones")
    >>> image = ops.reshape(ops.arange(4.0), (1, 2, 2, 1))
    >>> float(layer(image)[0, 0, 0, 0])  # 1 * (0 + 1 + 2 + 3) + 0
    6.0
    """

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        activation: Any = None,
        coefficient_initializer: Any = None,
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        pair = (pool_size,) * 2 if isinstance(pool_size, int) else pool_size
        if len(pair) != 2 or min(pair) < 1:
            raise ValueError(
                "`pool_size` must be a positive integer or a pair of them. "
                f"Received: {pool_size=}"
            )
        self.pool_size = tuple(pair)
        # `dlunits.diagnostics.layer_table` reads `strides` and `padding`.
        self.strides = self.pool_size
        self.padding = "valid"
        self.activation = keras.activations.get(activation)
        self.coefficient_initializer = keras.initializers.get(
            coefficient_initializer
        )
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def build(self, input_shape: Shape) -> None:
        if any(
            size is not None and size < window
            for size, window in zip(
                input_shape[1:3], self.pool_size, strict=True
            )
        ):
            raise ValueError(
                f"The input must be at least as large as the window "
                f"{self.pool_size}. Received: input_shape={input_shape}"
            )
        area = self.pool_size[0] * self.pool_size[1]
        self.coefficient = self.add_weight(
            name="coefficient",
            shape=(input_shape[-1],),
            initializer=self.coefficient_initializer
            or keras.initializers.Constant(1 / area),
        )
        self.bias = self.add_weight(
            name="bias",
            shape=(input_shape[-1],),
            initializer=self.bias_initializer,
        )

    def call(self, inputs: Tensor) -> Tensor:
        total = window_sum(inputs, self.pool_size)
        return self.activation(self.coefficient * total + self.bias)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, height, width, channels = input_shape
        return (
            batch,
            height and height // self.pool_size[0],
            width and width // self.pool_size[1],
            channels,
        )

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "activation": keras.activations.serialize(self.activation),
            "coefficient_initializer": self.coefficient_initializer
            and keras.initializers.serialize(self.coefficient_initializer),
            "bias_initializer": keras.initializers.serialize(
                self.bias_initializer
            ),
        }


def window_sum(images: Tensor, pool_size: tuple[int, ...]) -> Tensor:
    """Sums the pixels of each window.

    `(batch, height, width, channels)`
        -> `(batch, height // pool_height, width // pool_width, channels)`
    """
    mean = ops.average_pool(
        images, pool_size, strides=pool_size, data_format="channels_last"
    )
    return mean * (pool_size[0] * pool_size[1])
