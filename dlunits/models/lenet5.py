"""LeNet-5, in its modern form and as published in 1998."""

from typing import Any

import keras
from keras import layers

from dlunits.activations import scaled_tanh
from dlunits.layers import EuclideanRBF, PartialConv2D, TrainableSubsampling
from dlunits.models.layer_states import layer_states, model_from_config
from dlunits.typing import Config, Tensor

# Maps of S2 that each map of C3 is connected to: LeCun et al., 1998, table I.
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
    """LeNet-5, a convolutional classifier of small gray images.

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

    Both variants scale pixels x to 1.275 x - 0.1, as published: foreground 1
    becomes 1.175 and background 0 becomes -0.1, so that the mean of the pixels
    is near 0 and their variance near 1. The `"modern"` variant has 61,706
    parameters and tanh activations. The `"1998"` variant has 60,000 trainable
    parameters, the activation 1.7159 tanh(2 a / 3), also after subsampling,
    and 10 fixed codes of 84 numbers. Its outputs are softmax(-distance), so
    that they are probabilities. Its C3 is connected to S2 by the paper's table
    I (rows: maps of S2, columns: maps of C3):

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
            `(32, 32, 1)` for images that are already padded.
        dtype: Dtype policy of all layers, such as `"mixed_float16"`; `None` for
            Keras' global policy.
        name: Name of the model.
        **kwargs: Keyword arguments of `keras.Model`.

    Input shape: `(batch, 28, 28, 1)` or `(batch, 32, 32, 1)`, foreground 1 on
    background 0.

    Output shape: `(batch, num_classes)`, probabilities.

    Raises:
        ValueError: If an argument is out of range.

    Example:

    >>> LeNet5().count_params()
    61706
    >>> published = LeNet5(variant="1998")
    >>> sum(w.numpy().size for w in published.trainable_weights)
    60000
    """

    def __init__(
        self,
        num_classes: int = 10,
        variant: str = "modern",
        input_shape: tuple[int, int, int] = (28, 28, 1),
        dtype: Any = None,
        name: str = "lenet5",
        **kwargs: Any,
    ) -> None:
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
            1.275, offset=-0.1, dtype=policy, name="scaling"
        )(field)
        variants = {"modern": modern_layers, "1998": published_layers}
        outputs = variants[variant](field, num_classes, dtype=policy)
        super().__init__(inputs, outputs, name=name, **kwargs)
        self.dtype_policy = policy
        self.num_classes = num_classes
        self.variant = variant

    def get_config(self) -> Config:
        return {
            "num_classes": self.num_classes,
            "variant": self.variant,
            "input_shape": self.input_shape[1:],
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            "name": self.name,
            "trainable": self.trainable,
            **layer_states(self),
        }

    @classmethod
    def from_config(
        cls, config: Config, custom_objects: Config | None = None
    ) -> "LeNet5":
        return model_from_config(cls, config)


def modern_layers(field: Tensor, num_classes: int, dtype: Any) -> Tensor:
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


def published_layers(field: Tensor, num_classes: int, dtype: Any) -> Tensor:
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
    x = layers.Rescaling(-1.0, name="negated_distances", dtype=dtype)(x)
    return layers.Softmax(name="output", dtype=dtype)(x)
