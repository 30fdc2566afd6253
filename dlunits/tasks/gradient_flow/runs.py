"""Gradient norms of untrained and trained recurrent networks."""

import itertools
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras

from dlunits.diagnostics.gradient_flow import gradient_flow
from dlunits.layers import SimpleRNN
from dlunits.tasks.gradient_flow.train import (
    CELLS,
    adding_error,
    adding_model,
    train_on_adding,
)
from dlunits.training.run_directory import RunDirectory
from dlunits.typing import Array

NUM_GRADIENT_EXAMPLES = 64
NUM_TEST_EXAMPLES = 1000
SCALES = (0.8, 1.0, 1.2)


def scaled_networks(*, length: int, units: int, seed: int) -> dict[str, Array]:
    """Gradient norms of untrained networks with scaled recurrent kernels.

    The recurrent kernel is an orthogonal matrix times a scale s. With a linear
    activation the norm of dL/dh at lag k is s^k times that at lag 0.

    Args:
        length: Integer, time steps of the adding task.
        units: Positive integer.
        seed: Integer.

    Returns:
        Dict of name, such as "tanh, scale 0.8", to norms `(time,)`.
    """
    from dlunits.data.series.adding_task import adding_examples

    examples = adding_examples(
        NUM_GRADIENT_EXAMPLES, length=length, seed=seed + 1
    )
    norms = {}
    for activation, scale in itertools.product(("linear", "tanh"), SCALES):
        kernel = keras.initializers.Orthogonal(gain=scale, seed=seed)
        rnn = SimpleRNN(
            units, activation=activation, recurrent_initializer=kernel
        )
        keras.utils.set_random_seed(seed)
        model = keras.Sequential([rnn, keras.layers.Dense(1)])
        model.compile(loss="mae")  # its derivative is 1 or -1
        [layer_norms] = gradient_flow(model, *examples).values()
        norms[f"{activation}, scale {scale}"] = layer_norms
    return norms


def compare_clipping(
    folder: pathlib.Path,
    identity: dict[str, Any],
    *,
    lags: Sequence[int],
    clipnorm: float,
    units: int,
    seed: int,
    **recipe: Any,
) -> Iterator[tuple[dict[str, Any], dict[str, Array], dict[str, Array]]]:
    """Trains every cell at every lag, with and without gradient clipping.

    Args:
        folder: `pathlib.Path`; each training run has a subfolder.
        identity: Dict of options that the results depend on, see
            `dlunits.training.RunDirectory`.
        lags: Integers, lengths of the adding task.
        clipnorm: Positive number, maximum norm of the gradient.
        units: Positive integer.
        seed: Integer.
        **recipe: Further arguments of `train_on_adding`.

    Yields:
        `(row, before, after)`: a dict for a table, and the gradient norms
        before and after training, dicts of cell to `(time,)`.
    """
    from dlunits.data.series.adding_task import adding_examples

    for lag, cell, bound in itertools.product(lags, CELLS, (clipnorm, None)):
        gradient_examples = adding_examples(
            NUM_GRADIENT_EXAMPLES, length=lag, seed=seed + 1
        )
        test_examples = adding_examples(
            NUM_TEST_EXAMPLES, length=lag, seed=seed + 2
        )
        keras.utils.set_random_seed(seed)  # as in training
        untrained = adding_model(cell, units)
        untrained.compile(loss="mse")
        name = f"{cell}_lag_{lag}_{'clipped' if bound else 'unclipped'}"
        model, history = train_on_adding(
            cell,
            RunDirectory(folder / name, {**identity, "name": name}),
            length=lag,
            units=units,
            clipnorm=bound,
            seed=seed,
            **recipe,
        )
        after = gradient_flow(model, *gradient_examples)
        row = {
            "cell": cell,
            "lag": lag,
            "clipnorm": bound,
            "rmse": adding_error(model, test_examples),
            "gradient_norm": history["gradient_norm"][-1],
            "max_gradient_norm": max(history["max_gradient_norm"]),
            "first_to_last_ratio": float(after[cell][0] / after[cell][-1]),
        }
        yield row, gradient_flow(untrained, *gradient_examples), after
