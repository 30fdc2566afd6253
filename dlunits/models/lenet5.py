"""LeNet-5, as taught today and as published."""

import keras
from keras import layers

from dlunits.activations import scaled_tanh
from dlunits.layers import EuclideanRBF, PartialConv2D, TrainableSubsampling

# Which maps of S2 each map of C3 sees: LeCun et al., 1998, table I.
C3_CONNECTIONS = (
    # three neighbors
    (0, 1, 2),
    (1, 2, 3),
    (2, 3, 4),
    (3, 4, 5),
    (0, 4, 5),
    (0, 1, 5),
    # four neighbors
    (0, 1, 2, 3),
    (1, 2, 3, 4),
    (2, 3, 4, 5),
    (0, 3, 4, 5),
    (0, 1, 4, 5),
    (0, 1, 2, 5),
    # four with gaps
    (0, 1, 3, 4),
    (1, 2, 4, 5),
    (0, 2, 3, 5),
    # all six
    (0, 1, 2, 3, 4, 5),
)


@keras.saving.register_keras_serializable(package="dlunits")
class LeNet5(keras.Model):
    """Recognises small gray images with three convolutions and two layers.

    | layer  | maps | size  | `"modern"`             | `"1998"`              |
    |--------|------|-------|------------------------|-----------------------|
    | input  | 1    | 32x32 | 28x28 padded           | 28x28 padded          |
    | C1     | 6    | 28x28 | 5x5: 156               | 5x5: 156              |
    | S2     | 6    | 14x14 | average of 2x2         | trainable: 12         |
    | C3     | 16   | 10x10 | 5x5: 2,416             | partial 5x5: 1,516    |
    | S4     | 16   | 5x5   | average of 2x2         | trainable: 32         |
    | C5     | 120  | 1x1   | 5x5: 48,120            | 5x5: 48,120           |
    | F6     | 84   |       | dense: 10,164          | dense: 10,164         |
    | output | 10   |       | dense and softmax: 850 | distances to codes    |

    Both take ink to 1.175 and paper to -0.1, as published, which brings the
    mean of the pixels near 0 and their variance near 1. The `"modern"`
    variant has 61,706 parameters and tanh throughout. The
    `"1998"` variant has 60,000 trainable parameters, the squashing function
    1.7159 tanh(2 a / 3), also after subsampling, and 10 fixed codes of 84
    numbers; `softmax(-distance)` makes its outputs probabilities too. In it,
    C3 sees S2 through the paper's table I (rows: maps of S2, columns: maps
    of C3):

            0 1 2 3 4 5 6 7 8 9 . . . . . 15
        0   X . . . X X X . . X X X X . X X
        1   X X . . . X X X . . X X X X . X
        2   X X X . . . X X X . . X . X X X
        3   . X X X . . X X X X . . X . X X
        4   . . X X X . . X X X X . X X . X
        5   . . . X X X . . X X X X . X X X

    Reference: LeCun, Bottou, Bengio and Haffner, 1998, "Gradient-based
    learning applied to document recognition", section II.B,
    http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf.

    Args:
        num_classes: Integer of at least 2.
        variant: `"modern"` or `"1998"`.
        input_shape: `(28, 28, 1)`, padded inside the model, or
            `(32, 32, 1)` for images that already stand in the field.
        dtype: Policy of all layers, such as `"mixed_float16"`; `None` takes
            Keras' current one.

    Input shape: `(batch, 28, 28, 1)` or `(batch, 32, 32, 1)`, ink 1 on
    background 0.

    Output shape: `(batch, num_classes)`, probabilities.

    Raises:
        ValueError: If an argument is none of the above.

    Example:

    >>> LeNet5().count_params()
    61706
    >>> published = LeNet5(variant="1998")
    >>> sum(w.numpy().size for w in published.trainable_weights)
    60000
    """

    def __init__(
        self,
        num_classes=10,
        variant="modern",
        input_shape=(28, 28, 1),
        dtype=None,
        name="lenet5",
        **kwargs,
    ):
        if num_classes < 2:
            raise ValueError(
                f"`num_classes` must be at least 2. Received: {num_classes=}"
            )
        if tuple(input_shape) not in {(28, 28, 1), (32, 32, 1)}:
            raise ValueError(
                "`input_shape` must be (28, 28, 1), padded inside the model, "
                f"or (32, 32, 1). Received: {input_shape=}"
            )
        if variant not in {"modern", "1998"}:
            raise ValueError(
                f"`variant` must be 'modern' or '1998'. Received: {variant=}"
            )
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        inputs = keras.Input(input_shape)
        field = inputs
        if input_shape[0] == 28:
            field = layers.ZeroPadding2D(
                2, data_format="channels_last", dtype=policy, name="padding"
            )(inputs)
        field = layers.Rescaling(
            1.275, offset=-0.1, dtype=policy, name="paper_and_ink"
        )(field)
        variants = {"modern": modern_layers, "1998": published_layers}
        outputs = variants[variant](field, num_classes, dtype=policy)
        super().__init__(inputs, outputs, name=name, **kwargs)
        self.dtype_policy = policy
        self.num_classes = num_classes
        self.variant = variant

    def get_config(self):
        return {
            "num_classes": self.num_classes,
            "variant": self.variant,
            "input_shape": self.input_shape[1:],
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            "name": self.name,
            "trainable": self.trainable,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config)


def modern_layers(field, num_classes, dtype):
    """(batch, 32, 32, 1) -> (batch, num_classes)"""
    maps = {"data_format": "channels_last", "dtype": dtype}
    x = layers.Conv2D(6, 5, activation="tanh", name="c1", **maps)(field)
    x = layers.AveragePooling2D(2, name="s2", **maps)(x)
    x = layers.Conv2D(16, 5, activation="tanh", name="c3", **maps)(x)
    x = layers.AveragePooling2D(2, name="s4", **maps)(x)
    x = layers.Conv2D(120, 5, activation="tanh", name="c5", **maps)(x)
    x = layers.Flatten(name="flatten", **maps)(x)
    x = layers.Dense(84, activation="tanh", name="f6", dtype=dtype)(x)
    return layers.Dense(
        num_classes, activation="softmax", name="output", dtype=dtype
    )(x)


def published_layers(field, num_classes, dtype):
    """(batch, 32, 32, 1) -> (batch, num_classes)"""
    maps = {"data_format": "channels_last", "dtype": dtype}
    squash = {"activation": scaled_tanh, "dtype": dtype}
    x = layers.Conv2D(6, 5, activation=scaled_tanh, name="c1", **maps)(field)
    x = TrainableSubsampling(2, name="s2", **squash)(x)
    x = PartialConv2D(C3_CONNECTIONS, 5, name="c3", **squash)(x)
    x = TrainableSubsampling(2, name="s4", **squash)(x)
    x = layers.Conv2D(120, 5, activation=scaled_tanh, name="c5", **maps)(x)
    x = layers.Flatten(name="flatten", **maps)(x)
    x = layers.Dense(84, name="f6", **squash)(x)
    x = EuclideanRBF(num_classes, name="distances", dtype=dtype)(x)
    x = layers.Rescaling(-1.0, name="nearness", dtype=dtype)(x)
    return layers.Softmax(name="output", dtype=dtype)(x)
