"""How much of the gradient arrives at each time step."""

import contextlib
import functools
import math

import keras
import numpy as np
from keras import ops

from dlunits.autodiff import vjp


def gradient_flow(model, x, y):
    """Measures the gradient at every time step of every recurrent layer.

    With the loss l_n of the n-th of N sequences, penalties on activations
    included, and the state h_t of a layer after time step t,

        norm_t = (1/N) sum_n |dl_n / dh_t|

    through all that comes later: the steps t + 1, t + 2, ... and the layers
    above. A row of norms that shrinks towards the first steps is a gradient
    that vanishes, one that grows is a gradient that explodes.

    The layers are run step by step by their cells, with h_t + e_t in place of
    h_t, and the loss is differentiated with respect to e = 0. Dropout is off
    and nothing of the model is changed; weights and states stay as they are.

    Reference: Hochreiter, 1991; Bengio et al., 1994,
    https://doi.org/10.1109/72.279181; Pascanu et al., 2013,
    https://arxiv.org/abs/1211.5063.

    Args:
        model: Keras model, compiled with a loss that is the mean over the
            batch, which Keras' losses are. Its recurrent layers may be
            stacked or inside `Bidirectional`, those of dlunits or of Keras;
            each has a cell whose output is its first state, which holds for
            `SimpleRNN`, `LSTM` and `GRU`.
        x: Mini-batch of inputs, as the model takes it.
        y: Mini-batch of targets.

    Returns:
        Dict of layer name to an array `(time,)`. Entry t belongs to time step
        t of what the layer is given, for one that reads backwards too; it is 0
        where a mask leaves a step out. A layer that is called more than once
        has " (2)" and so on behind its name.

    Raises:
        ValueError: If the model is not compiled, has no recurrent layer, or
            has one whose output is not its first state.

    Example, where h_t = 0.5 h_{t-1} + x_t, and the loss is that h_4 is not 1:

    >>> half = keras.initializers.Constant(0.5)
    >>> halving = keras.layers.SimpleRNN(
    ...     1, "linear", recurrent_initializer=half, name="halving"
    ... )
    >>> model = keras.Sequential([halving])
    >>> model.compile(loss="mae")
    >>> norms = gradient_flow(model, np.zeros((4, 4, 1)), np.ones((4, 1)))
    >>> norms["halving"].tolist()
    [0.125, 0.25, 0.5, 1.0]
    """
    if not getattr(model, "compiled", False):
        raise ValueError(
            "The model has no loss yet: call `model.compile(loss=...)`. "
            f"Received: model={model.name}"
        )
    x, y = keras.tree.map_structure(ops.convert_to_tensor, (x, y))
    if not model.built:
        model(x)

    def loss(perturbations):
        recurrences = Recurrences(perturbations)
        # What a loss or a layer would remember of this batch is forgotten.
        with (
            keras.StatelessScope(collect_losses=True),
            recurrences.in_place_of(layers),
        ):
            outputs = model(x, training=False)
            value = model.compute_loss(x, y, outputs, training=False)
        return value, recurrences.shapes

    layers = recurrent_layers(model)
    value, shapes = loss(None)
    if not shapes:
        raise ValueError(
            "The model must have a recurrent layer, such as "
            f"`dlunits.layers.LSTM`. Received: model={model.name}"
        )
    sizes = [math.prod(shape) for shape in shapes.values()]
    # One vector of all perturbations: one pass backwards for all layers.
    _, pullback = vjp(lambda e: loss(e)[0], ops.zeros(sum(sizes)))
    gradient = ops.convert_to_numpy(pullback(ops.ones_like(value)))
    parts = np.split(gradient.astype("float64"), np.cumsum(sizes)[:-1])
    return {
        name: mean_norms(part.reshape(*shape[:2], -1))
        for part, (name, shape) in zip(parts, shapes.items(), strict=True)
    }


class GradientFlow(keras.callbacks.Callback):
    """Measures `gradient_flow` on one mini-batch while a model is trained.

    A measurement costs about as much as a few training steps of a batch of
    that size on a backend that runs operation by operation.

    Args:
        x: Mini-batch of inputs, always the same.
        y: Mini-batch of targets.
        every: Integer, training steps from one measurement to the next;
            `None` measures before the first and after every epoch.

    Attributes:
        steps: List of the numbers of training steps before each measurement.
        norms: Dict of layer name to a list of arrays `(time,)`, one a
            measurement.

    Raises:
        ValueError: If `every` is not positive; what `gradient_flow` refuses.

    Example:

    >>> import dlunits
    >>> model = keras.Sequential([dlunits.layers.LSTM(2, name="lstm")])
    >>> model.compile("sgd", "mse")
    >>> x, y = np.ones((8, 5, 1)), np.ones((8, 2))
    >>> flow = GradientFlow(x, y, every=2)
    >>> _ = model.fit(x, y, batch_size=2, verbose=0, callbacks=[flow])
    >>> flow.steps, flow.norms["lstm"][0].shape
    ([2, 4], (5,))
    """

    def __init__(self, x, y, every=None):
        super().__init__()
        if every is not None and every < 1:
            raise ValueError(
                "`every` must be a positive number of steps, or None for "
                f"every epoch. Received: {every=}"
            )
        self.x, self.y, self.every = x, y, every
        self.steps, self.norms = [], {}

    def on_train_begin(self, logs=None):
        if self.every is None and not self.steps:
            self.measure(int(self.model.optimizer.iterations))

    def on_epoch_begin(self, epoch, logs=None):
        self.before = self.seen = int(self.model.optimizer.iterations)

    def on_train_batch_end(self, batch, logs=None):
        now = self.before + batch + 1
        if self.every and now // self.every > self.seen // self.every:
            self.measure(now)
        self.seen = now

    def on_epoch_end(self, epoch, logs=None):
        if self.every is None:
            self.measure(self.seen)

    def measure(self, step):
        self.steps.append(step)
        for name, norms in gradient_flow(self.model, self.x, self.y).items():
            self.norms.setdefault(name, []).append(norms)

    def table(self):
        """List of dicts, one a measurement and layer, for a report.

        `first` and `last` are the norms at the first and the last time step,
        and `first_by_last` says how much of the gradient comes through.
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


def ratio(a, b):
    """Gives a / b, infinite or not a number where b is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.float64(a) / np.float64(b))


def mean_norms(of_h):
    """(batch, time, units) -> (time,), from the gradient of a mean loss."""
    # The loss is a mean: an example's own gradient is as many times larger.
    return len(of_h) * np.linalg.norm(of_h, axis=2).mean(axis=0)


class Recurrences:
    """Runs recurrent layers step by step, each state with a perturbation.

    Args:
        perturbations: Vector of as many numbers as there are states over all
            layers, sequences, time steps and units; `None` for zeros.

    Attributes:
        shapes: Dict of layer name to `(batch, time, units)`, in the order in
            which the layers were called.
    """

    def __init__(self, perturbations=None):
        self.perturbations = perturbations
        self.shapes = {}
        self.used = 0

    @contextlib.contextmanager
    def in_place_of(self, layers):
        """Within this context the loops of the layers are run here."""
        try:
            for layer in layers:
                layer.inner_loop = functools.partial(self.inner_loop, layer)
            yield
        finally:
            for layer in layers:
                if "inner_loop" in vars(layer):
                    del layer.inner_loop

    def inner_loop(self, layer, sequences, initial_state, mask, training=False):
        """What `keras.layers.RNN.inner_loop` does, perturbed."""
        mask = None if mask is None else keras.tree.flatten(mask)[0]
        states = list(initial_state)
        if self.perturbations is None:
            check_output_is_state(layer, states[0], states[0])
        steps = range(sequences.shape[1])
        e = self.next(layer, (len(sequences), len(steps), *states[0].shape[1:]))
        outputs, output = [], ops.zeros_like(states[0])
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
                seen = ops.cast(mask[:, t, None], "bool")
                if layer.zero_output_for_mask:
                    output = ops.zeros_like(output)
                output = ops.where(seen, new[0], output)
                pairs = zip(new, states, strict=True)
                states = [ops.where(seen, *pair) for pair in pairs]
            outputs.append(output)
        return output, ops.stack(outputs, axis=1), states

    def next(self, layer, shape):
        """The perturbations of the layer that is called next."""
        name, calls = layer.name, 1
        while name in self.shapes:
            calls += 1
            name = f"{layer.name} ({calls})"
        self.shapes[name] = shape
        if self.perturbations is None:
            return None
        first, self.used = self.used, self.used + math.prod(shape)
        return ops.reshape(self.perturbations[first : self.used], shape)


def check_output_is_state(layer, output, state):
    """Refuses a cell, such as stacked ones, that has no single h_t."""
    nested = isinstance(state, list | tuple)
    if (
        nested
        or output.shape != state.shape
        or not np.array_equal(*map(ops.convert_to_numpy, (output, state)))
    ):
        raise ValueError(
            "The output of a recurrent layer's cell must be its first state, "
            "as those of SimpleRNN, LSTM and GRU are; stack layers, not cells. "
            f"Received: {layer.name} with {type(layer.cell).__name__}"
        )


def recurrent_layers(layer):
    """All layers with a cell, in models and wrappers too, once each."""
    if isinstance(layer, keras.layers.RNN):
        return [layer]
    names = "layers", "layer", "forward_layer", "backward_layer"
    inner = [getattr(layer, name, ()) for name in names]
    found = {
        id(each): each
        for child in keras.tree.flatten(inner)
        if isinstance(child, keras.Layer)
        for each in recurrent_layers(child)
    }
    return list(found.values())
