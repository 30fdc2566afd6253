"""Gradient norms over time steps: vanishing and exploding gradients."""

import contextlib
import functools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from dlunits.autodiff import vjp
from dlunits.typing import Array, Tensor


def gradient_flow(model: keras.Model, x: Any, y: Any) -> dict[str, Array]:
    """Gradient norms with respect to the state at each time step.

    With the loss l_n of the n-th of N sequences, including activity
    regularization, and the state h_t of a layer after time step t,

        norm_t = (1/N) sum_n ||dl_n / dh_t||_2

    through all later time steps t + 1, t + 2, ... and all layers above. Norms
    that decrease toward the first time step show a vanishing gradient, norms
    that increase an exploding gradient.

    The layers are run step by step with their cells, with h_t + e_t instead of
    h_t, and the loss is differentiated with respect to e at e = 0. Dropout is
    off. Weights, states and metrics of the model do not change.

    References: Hochreiter, 1991, "Untersuchungen zu dynamischen neuronalen
    Netzen"; Bengio et al., 1994, "Learning long-term dependencies with gradient
    descent is difficult", https://doi.org/10.1109/72.279181; Pascanu et al.,
    2013, "On the difficulty of training recurrent neural networks",
    https://arxiv.org/abs/1211.5063.

    Args:
        model: Keras model, compiled with a loss that is a mean over the batch,
            as the losses of Keras are. It may contain recurrent layers of
            dlunits and of Keras, stacked or in `Bidirectional`. The output of
            each cell must be its first state, as in `SimpleRNN`, `LSTM` and
            `GRU`.
        x: Batch of inputs of the model.
        y: Batch of targets.

    Returns:
        Dict of layer name to an array `(time,)`. Entry t is for time step t of
        the layer's input, also in layers that run backward. It is 0 for time
        steps that a mask excludes. If a layer is called more than once, its
        name is followed by " (2)" and so on.

    Raises:
        ValueError: If the model is not compiled, if it has no recurrent layer,
            or if the output of a cell is not its first state.

    Example, h_t = 0.5 h_{t-1} + x_t with the loss |h_4 - 1|:

    >>> half = keras.initializers.Constant(0.5)
    >>> rnn = keras.layers.SimpleRNN(
    ...     1, "linear", recurrent_initializer=half, name="rnn"
    ... )
    >>> model = keras.Sequential([rnn])
    >>> model.compile(loss="mae")
    >>> norms = gradient_flow(model, np.zeros((4, 4, 1)), np.ones((4, 1)))
    >>> norms["rnn"].tolist()
    [0.125, 0.25, 0.5, 1.0]
    """
    if not getattr(model, "compiled", False):
        raise ValueError(
            "The model must have a loss: call `model.compile(loss=...)`. "
            f"Received: model={model.name}"
        )
    x, y = keras.tree.map_structure(ops.convert_to_tensor, (x, y))
    if not model.built:
        model(x)

    def loss(perturbations):
        loops = PerturbedLoops(perturbations)
        # In the scope, changes of state by the loss and the layers are dropped.
        with (
            keras.StatelessScope(collect_losses=True),
            loops.replace_inner_loops(layers),
        ):
            outputs = model(x, training=False)
            value = model.compute_loss(x, y, outputs, training=False)
        return value, loops.shapes

    layers = recurrent_layers(model)
    value, shapes = loss(None)
    if not shapes:
        raise ValueError(
            "The model must have a recurrent layer, such as "
            f"`dlunits.layers.LSTM`. Received: model={model.name}"
        )
    sizes = [math.prod(shape) for shape in shapes.values()]
    # One vector of all perturbations needs one backward pass for all layers.
    _, pullback = vjp(lambda e: loss(e)[0], ops.zeros(sum(sizes)))
    gradient = ops.convert_to_numpy(pullback(ops.ones_like(value)))
    parts = np.split(gradient.astype("float64"), np.cumsum(sizes)[:-1])
    return {
        name: mean_norms(part.reshape(*shape[:2], -1))
        for part, (name, shape) in zip(parts, shapes.items(), strict=True)
    }


class GradientFlow(keras.callbacks.Callback):
    """Callback that computes `gradient_flow` during training, on one batch.

    One computation costs about as much as a few eager training steps with a
    batch of that size.

    Args:
        x: Batch of inputs, the same for each computation.
        y: Batch of targets.
        every_n_steps: Integer, number of training steps between computations;
            `None` for before the first and after each epoch.

    Attributes:
        steps: List of the number of training steps before each computation.
        norms: Dict of layer name to a list of arrays `(time,)`, one per
            computation.

    Raises:
        ValueError: If `every_n_steps` is not positive; in training, see
            `gradient_flow`.

    Example:

    >>> import dlunits
    >>> model = keras.Sequential([dlunits.layers.LSTM(2, name="lstm")])
    >>> model.compile("sgd", "mse")
    >>> x, y = np.ones((8, 5, 1)), np.ones((8, 2))
    >>> flow = GradientFlow(x, y, every_n_steps=2)
    >>> _ = model.fit(x, y, batch_size=2, verbose=0, callbacks=[flow])
    >>> flow.steps, flow.norms["lstm"][0].shape
    ([2, 4], (5,))
    """

    def __init__(self, x: Any, y: Any, every_n_steps: int | None = None):
        super().__init__()
        if every_n_steps is not None and every_n_steps < 1:
            raise ValueError(
                "`every_n_steps` must be a positive number of training steps, "
                f"or None for each epoch. Received: {every_n_steps=}"
            )
        self.x, self.y, self.every_n_steps = x, y, every_n_steps
        self.steps: list[int] = []
        self.norms: dict[str, list[Array]] = {}

    def on_train_begin(self, logs: Any = None) -> None:
        if self.every_n_steps is None and not self.steps:
            self.compute(int(self.model.optimizer.iterations))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epoch_start = self.step = int(self.model.optimizer.iterations)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        step = self.epoch_start + batch + 1
        n = self.every_n_steps
        if n and step // n > self.step // n:
            self.compute(step)
        self.step = step

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.every_n_steps is None:
            self.compute(self.step)

    def compute(self, step: int) -> None:
        """Computes the norms with the current weights, and records them.

        Args:
            step: Integer, number of training steps so far.
        """
        self.steps.append(step)
        for name, norms in gradient_flow(self.model, self.x, self.y).items():
            self.norms.setdefault(name, []).append(norms)

    def table(self) -> list[dict[str, Any]]:
        """Table of the norms, for a report.

        Returns:
            List of dicts, one per computation and layer: `step`, `layer`,
            `first` and `last`, the norms at the first and the last time step,
            and their ratio `first_by_last`.
        """
        return [
            {
                "step": step,
                "layer": name,
                "first": float(norms[i][0]),
                "last": float(norms[i][-1]),
                "first_by_last": ratio(norms[i][0], norms[i][-1]),
            }
            for i, step in enumerate(self.steps)
            for name, norms in self.norms.items()
        ]


def ratio(a: float, b: float) -> float:
    """Returns a / b; infinity or NaN if b is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.float64(a) / np.float64(b))


def mean_norms(gradient: Array) -> Array:
    """Mean norms of the gradients of each example's own loss.

    Args:
        gradient: Array `(batch, time, units)`, gradient of the mean loss.

    Returns:
        Array `(time,)`.
    """
    # The gradient of an example's loss is N times that of the mean loss.
    return len(gradient) * np.linalg.norm(gradient, axis=2).mean(axis=0)


class PerturbedLoops:
    """Runs recurrent layers step by step, and adds perturbations to states.

    Args:
        perturbations: Vector with one number for each state over all layers,
            sequences, time steps and units; `None` for zeros.

    Attributes:
        shapes: Dict of layer name to `(batch, time, units)`, in the order of
            the calls.
    """

    def __init__(self, perturbations: Tensor | None = None):
        self.perturbations = perturbations
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.num_used = 0

    @contextlib.contextmanager
    def replace_inner_loops(
        self, layers: Iterable[keras.layers.RNN]
    ) -> Iterator[None]:
        """Context in which this class runs the loops of the layers."""
        try:
            for layer in layers:
                layer.inner_loop = functools.partial(self.inner_loop, layer)
            yield
        finally:
            for layer in layers:
                if "inner_loop" in vars(layer):
                    del layer.inner_loop

    def inner_loop(
        self,
        layer: keras.layers.RNN,
        sequences: Tensor,
        initial_state: Sequence[Tensor],
        mask: Any,
        training: bool = False,
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """`keras.layers.RNN.inner_loop` with perturbed states."""
        mask = None if mask is None else keras.tree.flatten(mask)[0]
        embeddings = getattr(layer, "embeddings", None)
        if embeddings is not None:  # in `EmbeddingRNN`
            sequences = ops.take(embeddings, sequences[..., 0], axis=0)
        states = list(initial_state)
        if self.perturbations is None:
            check_output_is_state(layer, states[0], states[0])
        steps = range(sequences.shape[1])
        shape = (len(sequences), len(steps), *states[0].shape[1:])
        e = self.next_perturbations(layer, shape)
        outputs: list[Tensor] = []
        output = ops.zeros_like(states[0])
        for t in reversed(steps) if layer.go_backwards else steps:
            y, new = layer.cell(sequences[:, t], states)
            new = keras.tree.flatten(new)
            if e is None and not outputs:
                check_output_is_state(layer, y, new[0])
            if e is not None:
                new[0] = new[0] + ops.cast(e[:, t], new[0].dtype)
            if mask is None:
                states, output = new, new[0]
            else:
                mask_t = ops.cast(mask[:, t, None], "bool")
                if layer.zero_output_for_mask:
                    output = ops.zeros_like(output)
                output = ops.where(mask_t, new[0], output)
                pairs = zip(new, states, strict=True)
                states = [ops.where(mask_t, *pair) for pair in pairs]
            outputs.append(output)
        return output, ops.stack(outputs, axis=1), states

    def next_perturbations(
        self, layer: keras.layers.RNN, shape: tuple[int, ...]
    ) -> Tensor | None:
        """Perturbations of the layer that is called next, `None` for zeros."""
        name, calls = layer.name, 1
        while name in self.shapes:
            calls += 1
            name = f"{layer.name} ({calls})"
        self.shapes[name] = shape
        if self.perturbations is None:
            return None
        start = self.num_used
        self.num_used += math.prod(shape)
        return ops.reshape(self.perturbations[start : self.num_used], shape)


def check_output_is_state(
    layer: keras.layers.RNN, output: Any, state: Any
) -> None:
    """Checks that the output of a cell is its first state.

    Raises:
        ValueError: If it is not, for example with stacked cells.
    """
    nested = isinstance(state, list | tuple)
    if (
        nested
        or output.shape != state.shape
        or not np.array_equal(*map(ops.convert_to_numpy, (output, state)))
    ):
        raise ValueError(
            "The output of a recurrent layer's cell must be its first state, "
            "as in SimpleRNN, LSTM and GRU: stack layers, not cells. "
            f"Received: {layer.name} with {type(layer.cell).__name__}"
        )


def recurrent_layers(layer: keras.layers.Layer) -> list[keras.layers.RNN]:
    """Distinct recurrent layers in a layer, model or wrapper."""
    found: dict[int, keras.layers.RNN] = {}
    visited: set[int] = set()

    def visit(value):
        if id(value) in visited:
            return
        visited.add(id(value))
        if isinstance(value, keras.layers.RNN):
            found[id(value)] = value
        elif isinstance(value, keras.Layer):
            visit(vars(value))
        elif isinstance(value, dict):
            for item in value.values():
                visit(item)
        elif isinstance(value, list | tuple | set):
            for item in value:
                visit(item)

    visit(layer)
    return list(found.values())
