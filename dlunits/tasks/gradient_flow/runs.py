"""Trainings that show what becomes of the gradient on its way back."""

import itertools

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

MEASURED = 64  # sequences that gradients are measured on
TESTED = 1000
SCALES = (0.8, 1.0, 1.2)


def scaled_networks(*, length, units, seed):
    """Measures untrained networks whose recurrent kernel is scaled.

    The kernel is an orthogonal matrix times a number s, so without a bend in
    the activation the norm of dL/dh is s^k at lag k, times that at lag 0.

    Args:
        length: Integer, time steps of the adding task.
        units: Positive integer.
        seed: Integer.

    Returns:
        Dict of a name, such as "tanh, times 0.8", to norms `(time,)`.
    """
    from dlunits.data.series.adding_task import adding_examples

    examples = adding_examples(MEASURED, length=length, seed=seed + 1)
    norms = {}
    for activation, scale in itertools.product(("linear", "tanh"), SCALES):
        kernel = keras.initializers.Orthogonal(gain=scale, seed=seed)
        rnn = SimpleRNN(
            units, activation=activation, recurrent_initializer=kernel
        )
        keras.utils.set_random_seed(seed)
        model = keras.Sequential([rnn, keras.layers.Dense(1)])
        model.compile(loss="mae")  # its slope is 1, whatever the answer
        [found] = gradient_flow(model, *examples).values()
        norms[f"{activation}, times {scale}"] = found
    return norms


def clipped_and_not(folder, run_of, *, lags, clipnorm, units, seed, **recipe):
    """Trains every cell at every lag, with clipping and without.

    Args:
        folder: `pathlib.Path`, in which every training gets its own.
        run_of: Dict of what the results depend on.
        lags: Integers, lengths of the adding task.
        clipnorm: Positive number.
        units: Positive integer.
        seed: Integer.
        recipe: Further arguments of `train_on_adding`.

    Yields:
        `(row, before, after)`: a dict for a table, and the gradient's norms
        before and after training, cell -> `(time,)`.
    """
    from dlunits.data.series.adding_task import adding_examples

    for lag, cell, bound in itertools.product(lags, CELLS, (clipnorm, None)):
        measured = adding_examples(MEASURED, length=lag, seed=seed + 1)
        tested = adding_examples(TESTED, length=lag, seed=seed + 2)
        keras.utils.set_random_seed(seed)  # as in training
        untrained = adding_model(cell, units)
        untrained.compile(loss="mse")
        name = f"{cell}_lag_{lag}_{'clipped' if bound else 'unclipped'}"
        model, history = train_on_adding(
            cell,
            RunDirectory(folder / name, {**run_of, "name": name}),
            length=lag,
            units=units,
            clipnorm=bound,
            seed=seed,
            **recipe,
        )
        after = gradient_flow(model, *measured)
        row = {
            "cell": cell,
            "lag": lag,
            "clipped_at": bound,
            "rmse": adding_error(model, tested),
            "gradient_norm": history["gradient_norm"][-1],
            "largest": max(history["max_gradient_norm"]),
            "first_by_last": float(after[cell][0] / after[cell][-1]),
        }
        yield row, gradient_flow(untrained, *measured), after
