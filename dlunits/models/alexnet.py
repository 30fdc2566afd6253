"""AlexNet, with grouped convolutions as published and without groups."""

from typing import Any

import keras
from keras import layers

from dlunits.layers import GroupedConv2D, LocalResponseNormalization
from dlunits.models.layer_states import layer_states, model_from_config
from dlunits.typing import Config, Tensor

MIN_SIZE = 67  # pixels: pool5 then has one position
VARIANTS = {"grouped": 2, "ungrouped": 1}  # name -> groups


@keras.saving.register_keras_serializable(package="dlunits")
class AlexNet(keras.Model):
    """AlexNet, a convolutional classifier of color images.

    | layer   | maps  | size    | parameters `"grouped"`, `"ungrouped"`   |
    |---------|-------|---------|-----------------------------------------|
    | input   | 3     | 227x227 |                                         |
    | conv1   | 96    | 55x55   | 11x11, strides 4: 34,944                |
    | pool1   | 96    | 27x27   | maximum of 3x3, strides 2               |
    | conv2   | 256   | 27x27   | 5x5: 307,456; 614,656                   |
    | pool2   | 256   | 13x13   | maximum of 3x3, strides 2               |
    | conv3   | 384   | 13x13   | 3x3: 885,120                            |
    | conv4   | 384   | 13x13   | 3x3: 663,936; 1,327,488                 |
    | conv5   | 256   | 13x13   | 3x3: 442,624; 884,992                   |
    | pool5   | 256   | 6x6     | maximum of 3x3, strides 2               |
    | fc6     | 4,096 |         | dense: 37,752,832                       |
    | fc7     | 4,096 |         | dense: 16,781,312                       |
    | output  | 1,000 |         | dense and softmax: 4,097,000            |

    Convolutions and dense layers have ReLU activations. Local response
    normalization follows conv1 and conv2, and dropout fc6 and fc7. In the
    `"grouped"` variant conv2, conv4 and conv5 have two groups of channels, as
    in the paper, which distributed them over two GPUs: 60,965,224 parameters.
    The `"ungrouped"` variant has 62,378,344.

    The paper states an input size of 224x224; 227x227 is the size for which
    conv1 has the published 55x55 positions. Pixels x are scaled to 2 x - 1; the
    paper subtracts the mean image. Kernels are initialized as in He et al.,
    2015, and biases with 0, so that networks of any width can be trained. The
    paper uses a normal distribution of standard deviation 0.01 and biases of 1.

    Reference: Krizhevsky, Sutskever and Hinton, 2012, "ImageNet classification
    with deep convolutional neural networks",
    https://papers.nips.cc/paper/4824.

    Args:
        num_classes: Integer of at least 2.
        variant: `"grouped"` or `"ungrouped"`.
        width: Positive number by which the numbers of maps and units are
            multiplied. They are rounded to even numbers of at least 2.
        input_shape: `(height, width, channels)` with a height and width of at
            least 67 pixels.
        dropout: Dropout rate after fc6 and fc7, in [0, 1).
        dtype: Dtype policy of all layers, such as `"mixed_float16"`; `None` for
            Keras' global policy. The output layer of a mixed policy computes in
            float32.
        name: Name of the model.
        **kwargs: Keyword arguments of `keras.Model`.

    Input shape: `(batch, 227, 227, 3)`, or `input_shape` after the batch axis,
    in [0, 1].

    Output shape: `(batch, num_classes)`, probabilities.

    Raises:
        ValueError: If an argument is out of range.

    Example:

    >>> small = AlexNet(10, width=0.125, input_shape=(67, 67, 3))
    >>> [small.get_layer(f"conv{i}").filters for i in (1, 2, 3, 4, 5)]
    [12, 32, 48, 48, 32]
    >>> small.get_layer("pool5").output.shape
    (None, 1, 1, 32)
    """

    def __init__(
        self,
        num_classes: int = 1000,
        variant: str = "grouped",
        width: float = 1.0,
        input_shape: tuple[int, int, int] = (227, 227, 3),
        dropout: float = 0.5,
        dtype: Any = None,
        name: str = "alexnet",
        **kwargs: Any,
    ) -> None:
        if num_classes < 2:
            raise ValueError(
                f"`num_classes` must be at least 2. Received: {num_classes=}"
            )
        if variant not in VARIANTS:
            raise ValueError(
                "`variant` must be 'grouped' or 'ungrouped'. "
                f"Received: {variant=}"
            )
        if not 0 < width < float("inf"):
            raise ValueError(
                f"`width` must be a positive number. Received: {width=}"
            )
        if len(input_shape) != 3 or min(input_shape[:2]) < MIN_SIZE:
            raise ValueError(
                "`input_shape` must be (height, width, channels) with at least "
                f"{MIN_SIZE} pixels of height and width: in smaller images the "
                "windows of the poolings do not fit. Received: "
                f"{input_shape=}"
            )
        if not 0 <= dropout < 1:
            raise ValueError(
                "`dropout` must be at least 0 and less than 1. "
                f"Received: {dropout=}"
            )
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        inputs = keras.Input(input_shape)
        maps = convolutions(inputs, VARIANTS[variant], width, dtype=policy)
        outputs = classifier(maps, num_classes, width, dropout, dtype=policy)
        super().__init__(inputs, outputs, name=name, **kwargs)
        self.dtype_policy = policy
        self.num_classes = num_classes
        self.variant = variant
        self.width = width
        self.dropout = dropout

    def get_config(self) -> Config:
        return {
            "num_classes": self.num_classes,
            "variant": self.variant,
            "width": self.width,
            "input_shape": self.input_shape[1:],
            "dropout": self.dropout,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            "name": self.name,
            "trainable": self.trainable,
            **layer_states(self),
        }

    @classmethod
    def from_config(
        cls, config: Config, custom_objects: Config | None = None
    ) -> "AlexNet":
        return model_from_config(cls, config)


def convolutions(
    images: Tensor, groups: int, width: float, dtype: Any
) -> Tensor:
    """(batch, 227, 227, 3) -> (batch, 6, 6, 256)"""
    options = {"data_format": "channels_last", "dtype": dtype}

    def convolution(filters: int, kernel_size: int, **arguments: Any) -> Any:
        return GroupedConv2D(
            scaled(filters, width),
            kernel_size,
            activation="relu",
            kernel_initializer="he_normal",
            **arguments,
            **options,
        )

    def pooling(name: str) -> Any:
        return layers.MaxPooling2D(3, strides=2, name=name, **options)

    def normalization(name: str) -> Any:
        return LocalResponseNormalization(name=name, dtype=dtype)

    x = layers.Rescaling(2.0, offset=-1.0, name="scaling", dtype=dtype)(images)
    x = convolution(96, 11, strides=4, groups=1, name="conv1")(x)
    x = pooling("pool1")(normalization("norm1")(x))
    x = convolution(256, 5, padding="same", groups=groups, name="conv2")(x)
    x = pooling("pool2")(normalization("norm2")(x))
    x = convolution(384, 3, padding="same", groups=1, name="conv3")(x)
    x = convolution(384, 3, padding="same", groups=groups, name="conv4")(x)
    x = convolution(256, 3, padding="same", groups=groups, name="conv5")(x)
    return pooling("pool5")(x)


def classifier(
    maps: Tensor, num_classes: int, width: float, dropout: float, dtype: Any
) -> Tensor:
    """(batch, 6, 6, 256) -> (batch, num_classes)"""
    x = layers.Flatten(data_format="channels_last", dtype=dtype)(maps)
    for name in "fc6", "fc7":
        x = layers.Dense(
            scaled(4096, width),
            activation="relu",
            kernel_initializer="he_normal",
            name=name,
            dtype=dtype,
        )(x)
        x = layers.Dropout(dropout, name=f"{name}_dropout", dtype=dtype)(x)
    # In half precision, probabilities would not add up to 1.
    return layers.Dense(
        num_classes,
        activation="softmax",
        name="output",
        dtype=dtype.variable_dtype,
    )(x)


def scaled(number: int, width: float) -> int:
    """Number of maps or units of a layer: even, for two groups.

    >>> scaled(96, 1.0), scaled(96, 0.1), scaled(96, 0.001)
    (96, 10, 2)
    """
    return 2 * max(round(number * width / 2), 1)
