"""Euclidean radial basis function (RBF) output layer of LeNet-5."""

from typing import Any

import keras
from keras import ops

from dlunits.typing import Config, Shape, Tensor


@keras.saving.register_keras_serializable(package="dlunits")
class EuclideanRBF(keras.layers.Layer):
    """Euclidean radial basis function (RBF) units: squared distance to codes.

    Use it as the output layer of a classifier. An input that resembles no
    class is far from every code, which a dense layer cannot express.
    `softmax(-y)` turns the distances into probabilities.

        y_i = sum_j (x_j - w_ij)^2

    `x` is the input, `w_i` the code of class `i` and `y_i` the output for this
    class. The elements of codes are -1 or 1 with equal probability, and fixed
    unless `trainable_codes` is true.

    Reference: LeCun et al., 1998, "Gradient-based learning applied to
    document recognition", equation 7,
    http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf. The codes in the paper
    are 7x12 images of the characters; it names random codes as an
    alternative.

    Args:
        units: Positive integer, number of classes.
        trainable_codes: Whether the codes are trained.
        seed: Integer, seed of the codes.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Tensor.

    Input shape: `(batch, ..., features)`.

    Output shape: `(batch, ..., units)`, squared distances.

    Raises:
        ValueError: If `units` is not positive.

    Example:

    >>> layer = EuclideanRBF(units=1)
    >>> layer.build((None, 2))
    >>> _ = layer.codes.assign([[1.0, -1.0]])
    >>> float(layer(ops.array([[1.0, 2.0]]))[0, 0])  # (1 - 1)^2 + (2 + 1)^2
    9.0
    """

    def __init__(
        self,
        units: int,
        trainable_codes: bool = False,
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(f"`units` must be at least 1. Received: {units=}")
        self.units = units
        self.trainable_codes = trainable_codes
        self.seed = seed

    def build(self, input_shape: Shape) -> None:
        self.codes = self.add_weight(
            name="codes",
            shape=(self.units, input_shape[-1]),
            initializer=self.random_codes,
            trainable=self.trainable_codes,
        )

    def call(self, inputs: Tensor) -> Tensor:
        return squared_distances(inputs, ops.cast(self.codes, inputs.dtype))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "units": self.units,
            "trainable_codes": self.trainable_codes,
            "seed": self.seed,
        }

    def random_codes(self, shape: Shape, dtype: str) -> Tensor:
        """Initializer: -1 or 1 with equal probability."""
        bits = keras.random.randint(shape, 0, 2, seed=self.seed)
        return ops.cast(2 * bits - 1, dtype)


def squared_distances(x: Tensor, codes: Tensor) -> Tensor:
    """`(..., features)`, `(units, features)` -> `(..., units)`."""
    differences = ops.expand_dims(x, -2) - codes
    return ops.sum(ops.square(differences), axis=-1)
