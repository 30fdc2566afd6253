"""Output units that measure the distance to a code."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="dlunits")
class EuclideanRBF(keras.layers.Layer):
    """Measures how far its input is from the code of each class.

    Use it as the last layer of a classifier. The distances tell more than
    weighted sums do: an input that resembles no class is far from every
    code. `softmax(-y)` turns the distances into probabilities.

        y_i = sum_j (x_j - w_ij)^2

    `x` is the input, `w_i` the code of class `i`: -1 and 1 drawn with equal
    probability, and fixed unless `trainable_codes`.

    Reference: LeCun et al., 1998, "Gradient-based learning applied to
    document recognition", equation 7 (Euclidean radial basis function
    units), http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf. The paper
    draws its codes as 7x12 images of the characters; it names random
    codes as an alternative.

    Args:
        units: Positive integer, number of classes.
        trainable_codes: Whether the codes are learnt.
        seed: Integer, seed of the codes.

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

    def __init__(self, units, trainable_codes=False, seed=0, **kwargs):
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(f"`units` must be at least 1. Received: {units=}")
        self.units = units
        self.trainable_codes = trainable_codes
        self.seed = seed

    def build(self, input_shape):
        self.codes = self.add_weight(
            name="codes",
            shape=(self.units, input_shape[-1]),
            initializer=self.draw_codes,
            trainable=self.trainable_codes,
        )

    def call(self, inputs):
        return squared_distances(inputs, ops.cast(self.codes, inputs.dtype))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "trainable_codes": self.trainable_codes,
            "seed": self.seed,
        }

    def draw_codes(self, shape, dtype):
        """-1 or 1 with equal probability."""
        coin = keras.random.randint(shape, 0, 2, seed=self.seed)
        return ops.cast(2 * coin - 1, dtype)


def squared_distances(points, codes):
    """(..., features), (units, features) -> (..., units)"""
    differences = ops.expand_dims(points, -2) - codes
    return ops.sum(ops.square(differences), axis=-1)
