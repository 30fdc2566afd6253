"""Dense and convolutional classifiers of equal size, and their costs."""

import math
from typing import Any

import keras
from keras import layers

from dlunits.diagnostics import layer_table
from dlunits.diagnostics.weight_sharing import num_elements

BYTES = 4  # of a float32 number
GLOBAL_POOLINGS = {
    "average": layers.GlobalAveragePooling2D,
    "maximum": layers.GlobalMaxPooling2D,
}


def global_pooling_cnn(
    num_classes: int, pooling: str = "average"
) -> keras.Sequential:
    """CNN for 28x28 images with about as many parameters as LeNet-5.

    Because of the mean or maximum over all positions before the last layer, the
    predicted class depends on which features occur, and little on where.

    Reference: Lin, Chen and Yan, 2014, "Network in network", section 3.2, on
    global average pooling, https://arxiv.org/abs/1312.4400.

    Args:
        num_classes: Number of classes.
        pooling: `"average"` or `"maximum"`.

    Returns:
        Model from `(batch, 28, 28, 1)` to class probabilities.

    Example:

    >>> global_pooling_cnn(10).count_params()  # LeNet-5 has 61,706
    61130
    """
    options = {"padding": "same", "activation": "relu"}
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(16, 5, **options, name="conv1"),
            layers.MaxPooling2D(2, name="pool1"),
            layers.Conv2D(32, 3, **options, name="conv2"),
            layers.MaxPooling2D(2, name="pool2"),
            layers.Conv2D(64, 3, **options, name="conv3"),
            layers.MaxPooling2D(2, name="pool3"),
            layers.Conv2D(64, 3, **options, name="conv4"),
            GLOBAL_POOLINGS[pooling](name="global_pool"),
            layers.Dense(num_classes, "softmax", name="output"),
        ],
        name="global_pooling_cnn",
    )


def dense_network(
    input_shape: tuple[int, ...], num_classes: int, num_parameters: int
) -> keras.Sequential:
    """Fully connected network (FCNN) with a hidden layer of ReLU units.

    The hidden layer has the smallest number of units with which the network
    has at least `num_parameters` parameters:

        units = ceil((num_parameters - num_classes)
                     / (inputs + 1 + num_classes))

    where `inputs` is the number of elements of an example.

    Args:
        input_shape: Shape of an example.
        num_classes: Number of classes.
        num_parameters: Number of parameters to reach.

    Returns:
        Model from `(batch, *input_shape)` to class probabilities.

    Example:

    >>> dense_network((28, 28, 1), 10, 61_706).count_params()  # 78 * 795 + 10
    62020
    """
    inputs = math.prod(input_shape)
    units = max(
        1,
        math.ceil((num_parameters - num_classes) / (inputs + 1 + num_classes)),
    )
    return keras.Sequential(
        [
            keras.Input(input_shape),
            layers.Flatten(name="flatten"),
            layers.Dense(units, "relu", name="hidden"),
            layers.Dense(num_classes, "softmax", name="output"),
        ],
        name="dense_network",
    )


def costs(model: keras.Model) -> dict[str, Any]:
    """Parameters, operations and memory of a model, per example.

    Args:
        model: Built model.

    Returns:
        Dict of `parameters`, `multiply_adds` and `flops` of the layers that
        `layer_table` counts, `activations` (number of outputs of all layers,
        which are stored for backpropagation) and `activation_bytes`.

    Example:

    >>> costs(dense_network((28, 28, 1), 10, 61_706))["activations"]
    872
    """
    rows = layer_table(model)
    activations = sum(num_elements(layer.output) or 0 for layer in model.layers)
    return {
        "parameters": model.count_params(),
        "multiply_adds": sum(row["multiply_adds"] or 0 for row in rows),
        "flops": sum(row["flops"] or 0 for row in rows),
        "activations": activations,
        "activation_bytes": BYTES * activations,
    }
