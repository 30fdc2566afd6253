"""Training of a small dense network, recorded step by step."""

import pathlib
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from dlunits.tasks.lab.recorded_run.page import (
    Chart,
    Matrix,
    Step,
    Window,
    sum_of_products,
    text_number,
    write_page,
)
from dlunits.typing import Array, ArrayLike, Path, Tensor

MAX_SIZE = 12  # of a mini-batch, and of the rows and columns shown


def write_recorded_network(
    path: Path,
    model: keras.Model | None = None,
    x: ArrayLike | None = None,
    y: ArrayLike | None = None,
    *,
    optimizer: keras.optimizers.Optimizer | None = None,
    loss: Any = "binary_crossentropy",
    updates: int = 25,
) -> pathlib.Path:
    """Records the training of a dense network as an HTML page with a slider.

    Each update is shown in steps: the outputs of each layer, the loss, its
    gradient for each layer, and the new weights. All values are computed by
    Keras: outputs by the layers, gradients by automatic differentiation, and
    weights by the optimizer. Of larger matrices only the first 12 rows and
    columns are shown.

    Args:
        path: HTML file to write, in an existing folder.
        model: Network of `Dense` layers, optionally after `Flatten`. It is not
            changed. Default: a 2-3-1 network with tanh and sigmoid.
        x: Inputs of the model, one mini-batch of at most 12 examples. Default:
            the four examples of XOR.
        y: Targets, as the loss expects them. Default: those of XOR.
        optimizer: Keras optimizer. It is not changed. Default: `SGD(2.0)`.
        loss: Keras loss, or the name of one. Penalties of regularizers are not
            added.
        updates: Number of updates.

    Returns:
        `pathlib.Path` of the page.

    Raises:
        ValueError: If the model has other layers, the mini-batch has more than
            12 examples, or only some of `model`, `x` and `y` are given.
        OSError: If the file cannot be written.

    Example:

    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> path = write_recorded_network(f"{folder}/network.html", updates=1)
    >>> path.name
    'network.html'
    """
    number = sum(value is not None for value in (model, x, y))
    if number == 0:
        model, x, y = xor_network()
    if model is None or x is None or y is None:
        raise ValueError(
            "Expected `model`, `x` and `y` together, or none of them. Received "
            f"{number} of 3"
        )
    steps, losses = record_network(
        model, x, y, optimizer or keras.optimizers.SGD(2.0), loss, updates
    )
    layers = dense(model)
    sizes = [layers[0].kernel.shape[0], *(layer.units for layer in layers)]
    return write_page(
        path,
        title="Training of a dense network "
        + "-".join(str(size) for size in sizes),
        text="Each update computes the outputs of all layers, the loss, its "
        "gradients from the last layer to the first, and the new weights. "
        "Rows of x, z and a are examples. Frames mark the cells whose numbers "
        "are below the equation. Move the slider with the mouse or the arrow "
        "keys.",
        steps=steps,
        chart=Chart(
            "Update",
            {"loss": losses},
            [str(update + 1) for update in range(updates)],
        ),
    )


def xor_network() -> tuple[keras.Model, Array, Array]:
    """2-3-1 network with fixed initial weights, and the examples of XOR."""
    hidden, output = (
        keras.initializers.GlorotUniform(seed=seed) for seed in (3, 4)
    )
    model = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(3, "tanh", kernel_initializer=hidden),
            keras.layers.Dense(1, "sigmoid", kernel_initializer=output),
        ]
    )
    x = np.array([[1, 0], [0, 1], [1, 1], [0, 0]], "float32")
    return model, x, np.array([[1], [1], [0], [0]], "float32")


def dense(model: keras.Model) -> list[keras.layers.Dense]:
    """Dense layers of a network.

    Raises:
        ValueError: If the network has other layers, except `Flatten` before
            them.
    """
    layers = [
        layer
        for layer in model.layers
        if not isinstance(layer, keras.layers.InputLayer)
    ]
    if layers and isinstance(layers[0], keras.layers.Flatten):
        layers = layers[1:]
    other = [
        f"{type(layer).__name__} {layer.name!r}"
        for layer in layers
        if not isinstance(layer, keras.layers.Dense)
    ]
    if other or not layers or layers[0].input.ndim != 2:
        received = ", ".join(other) or model.name
        raise ValueError(
            "Expected a network of Dense layers with inputs (batch, inputs), "
            f"or Flatten before them. Received: {received}"
        )
    return layers


def record_network(
    model: keras.Model,
    x: ArrayLike,
    y: ArrayLike,
    optimizer: keras.optimizers.Optimizer,
    loss: Any,
    updates: int,
) -> tuple[list[Step], list[float]]:
    """Steps of the training, and the loss before each update.

    See `write_recorded_network` for the arguments.
    """
    dense(model)
    network = keras.models.clone_model(model)
    network.set_weights(model.get_weights())
    layers = dense(network)
    optimizer = type(optimizer).from_config(optimizer.get_config())
    optimizer.build(network.trainable_variables)
    loss_function = keras.losses.get(loss)
    examples = np.asarray(x, "float32")
    inputs = ops.convert_to_tensor(examples.reshape(len(examples), -1))
    targets = ops.convert_to_tensor(y)
    if not 1 <= len(inputs) <= MAX_SIZE:
        raise ValueError(
            f"Expected a mini-batch of 1 to {MAX_SIZE} examples. Received: "
            f"{len(inputs)}"
        )
    if updates < 1:
        raise ValueError(f"Expected at least one update. Received: {updates}")
    steps: list[Step] = []
    losses: list[float] = []
    for update in range(updates):
        before = [arrays(layer.weights) for layer in layers]
        outputs, value, errors, gradients = forward_and_backward(
            layers, inputs, targets, loss_function
        )
        variables = [w for layer in layers for w in layer.weights]
        optimizer.apply([s for pair in gradients for s in pair], variables)
        after = [arrays(layer.weights) for layer in layers]
        recorded = Update(
            update,
            layers,
            arrays([inputs, *(a for _, a in outputs)]),
            arrays([z for z, _ in outputs]),
            before,
            after,
            arrays(errors),
            [arrays(pair) for pair in gradients],
        )
        losses.append(float(value))
        steps += recorded.forward()
        steps.append(recorded.loss(losses[-1], np.asarray(y), loss_function))
        steps += recorded.backward()
        steps += recorded.new_weights(optimizer)
    return steps, losses


def forward_and_backward(
    layers: Sequence[keras.layers.Dense],
    x: Tensor,
    y: Tensor,
    loss_function: Any,
) -> tuple[
    list[tuple[Tensor, Tensor]], Tensor, list[Tensor], list[list[Tensor]]
]:
    """Outputs of the layers, the loss and its gradients.

    Returns:
        Pairs `(z, a)` of each layer, before and after its activation; the loss;
        its gradient with respect to each z, and to the weights of each layer.
    """
    weights = [list(layer.weights) for layer in layers]
    with tf.GradientTape() as tape:
        outputs, a = [], x
        for layer in layers:
            z = ops.matmul(a, layer.kernel)
            if layer.use_bias:
                z = z + layer.bias
            a = layer.activation(z)
            outputs.append((z, a))
        value = ops.mean(loss_function(y, a))
    errors, gradients = tape.gradient(
        value,
        [
            [z for z, _ in outputs],
            [[w.value for w in pair] for pair in weights],
        ],
    )
    return outputs, value, errors, gradients


def arrays(tensors: Sequence[Any]) -> list[Array]:
    """Copies of tensors as NumPy arrays."""
    return [np.array(ops.convert_to_numpy(tensor)) for tensor in tensors]


def shown(name: str, values: ArrayLike, window: Window | None = None) -> Matrix:
    """First rows and columns of a matrix; its name has the number of all.

    >>> shown("W1", np.zeros((784, 3))).name
    'W1, 12 of 784 rows'
    """
    array = np.atleast_2d(np.asarray(values))
    for axis, word in enumerate(("rows", "columns")):
        if array.shape[axis] > MAX_SIZE:
            name += f", {MAX_SIZE} of {array.shape[axis]} {word}"
    if window is not None:
        top, left, *sizes = window
        height, width = (min(size, MAX_SIZE) for size in sizes)
        window = (top, left, height, width)
    return Matrix(name, array[:MAX_SIZE, :MAX_SIZE], window=window)


class Update:
    """Update of the weights, as steps of the page.

    Args:
        number: Number of the update, from 0.
        layers: Layers.
        a: Inputs and outputs of the layers: a[0] is the input.
        z: Outputs of each layer before its activation.
        before, after: Weights of each layer before and after the update.
        errors: Gradient of the loss with respect to each z.
        gradients: Gradients of the loss with respect to the weights of each
            layer.
    """

    def __init__(
        self,
        number: int,
        layers: Sequence[keras.layers.Dense],
        a: list[Array],
        z: list[Array],
        before: list[list[Array]],
        after: list[list[Array]],
        errors: list[Array],
        gradients: list[list[Array]],
    ) -> None:
        self.number = number
        self.layers = layers
        self.a, self.z = a, z
        self.before, self.after = before, after
        self.errors, self.gradients = errors, gradients

    def step(self, title: str, *texts: str, matrices: list[Matrix]) -> Step:
        equation, element = texts
        return Step(
            f"Update {self.number + 1}: {title}",
            equation,
            element,
            matrices,
            self.number,
        )

    def output_name(self, layer: int) -> str:
        """Name of the output of a layer; layer 0 is the input."""
        return f"a{layer}" if layer else "x"

    def forward(self) -> list[Step]:
        """Outputs of each layer."""
        steps = []
        for number, layer in enumerate(self.layers, start=1):
            source, z = self.a[number - 1], self.z[number - 1]
            kernel, *biases = self.before[number - 1]
            name = self.output_name(number - 1)
            bias = f" + b{number}" if biases else ""
            added = [text_number(value[0]) for value in biases]
            products = sum_of_products(source[0], kernel[:, 0], MAX_SIZE)
            terms = [products, *added]
            steps.append(
                self.step(
                    f"weighted sums of layer {number}",
                    f"z{number} = {name} W{number}{bias}",
                    f"z{number}[1, 1] = {' + '.join(terms)} = {z[0, 0]:.4g}",
                    matrices=[
                        shown(name, source, window=(0, 0, 1, source.shape[1])),
                        shown(
                            f"W{number}", kernel, window=(0, 0, len(kernel), 1)
                        ),
                        *(
                            shown(f"b{number}", value, window=(0, 0, 1, 1))
                            for value in biases
                        ),
                        shown(f"z{number}", z, window=(0, 0, 1, 1)),
                    ],
                )
            )
            a = self.a[number]
            activation = layer.activation.__name__
            # Softmax needs the whole row.
            width = z.shape[1] if activation == "softmax" else 1
            numbers = [f"{value:.4g}" for value in z[0, :width]]
            if width > MAX_SIZE:
                numbers[MAX_SIZE:] = [f"... ({width - MAX_SIZE} more)"]
            argument = ", ".join(numbers)
            steps.append(
                self.step(
                    f"activation of layer {number}",
                    f"a{number} = {activation}(z{number})",
                    f"a{number}[1, 1] = {activation}({argument})"
                    + ("[1]" if width > 1 else "")
                    + f" = {a[0, 0]:.4g}",
                    matrices=[
                        shown(f"z{number}", z, window=(0, 0, 1, width)),
                        shown(f"a{number}", a, window=(0, 0, 1, 1)),
                    ],
                )
            )
        return steps

    def loss(self, value: float, y: Array, loss_function: Any) -> Step:
        """Loss of the mini-batch."""
        name = getattr(loss_function, "name", None) or loss_function.__name__
        last = self.output_name(len(self.layers))
        targets = y.reshape(len(y), -1)
        return self.step(
            "loss",
            f"L = mean over examples of {name}(y, {last})",
            f"L = {value:.6g}",
            matrices=[
                shown(last, self.a[-1]),
                shown("y", targets),
                shown("L", [value], window=(0, 0, 1, 1)),
            ],
        )

    def backward(self) -> list[Step]:
        """Gradients of each layer, from the last to the first."""
        steps = []
        for number in range(len(self.layers), 0, -1):
            source, errors = self.a[number - 1], self.errors[number - 1]
            gradient, *bias_gradients = self.gradients[number - 1]
            name = self.output_name(number - 1)
            equation = f"dL/dW{number} = {name}ᵀ dL/dz{number}"
            if bias_gradients:
                equation += (
                    f",  dL/db{number} = sum over examples of dL/dz{number}"
                )
            if number < len(self.layers):
                activation = self.layers[number - 1].activation.__name__
                equation = (
                    f"dL/dz{number} = (dL/dz{number + 1} W{number + 1}ᵀ) times "
                    f"the derivative of {activation} at z{number},  {equation}"
                )
            products = sum_of_products(source[:, 0], errors[:, 0], MAX_SIZE)
            steps.append(
                self.step(
                    f"gradient of layer {number}",
                    equation,
                    f"dL/dW{number}[1, 1] = {products} = {gradient[0, 0]:.4g}",
                    matrices=[
                        shown(name, source, window=(0, 0, len(source), 1)),
                        shown(
                            f"dL/dz{number}",
                            errors,
                            window=(0, 0, len(errors), 1),
                        ),
                        shown(f"dL/dW{number}", gradient, window=(0, 0, 1, 1)),
                        *(
                            shown(f"dL/db{number}", value)
                            for value in bias_gradients
                        ),
                    ],
                )
            )
        return steps

    def new_weights(self, optimizer: keras.optimizers.Optimizer) -> list[Step]:
        """Weights of each layer after the update."""
        steps = []
        name = type(optimizer).__name__
        rate = float(optimizer.learning_rate)
        plain = name == "SGD" and not optimizer.momentum
        for number in range(1, len(self.layers) + 1):
            kernel = self.before[number - 1][0]
            new_kernel, *new_biases = self.after[number - 1]
            gradient = self.gradients[number - 1][0]
            old, new = kernel[0, 0], new_kernel[0, 0]
            if plain:
                equation = (
                    f"W{number} ← W{number} - η dL/dW{number},  η = {rate:g}"
                )
                change = f"- {rate:g} · {text_number(gradient[0, 0])}"
            else:
                equation = (
                    f"W{number} ← W{number} + ΔW{number},  ΔW{number} by "
                    f"keras.optimizers.{name}, learning rate {rate:g}"
                )
                change = f"+ {text_number(new - old)}"
            first = (0, 0, 1, 1)
            steps.append(
                self.step(
                    f"new weights of layer {number}",
                    equation,
                    f"W{number}[1, 1] = {old:.4g} {change} = {new:.4g}",
                    matrices=[
                        shown(f"W{number} before", kernel, window=first),
                        shown(f"dL/dW{number}", gradient, window=first),
                        shown(f"ΔW{number}", new_kernel - kernel, window=first),
                        shown(f"W{number} after", new_kernel, window=first),
                        *(
                            shown(f"b{number} after", value)
                            for value in new_biases
                        ),
                    ],
                )
            )
        return steps
