"""Training of recurrent networks on the adding task."""

import functools
from collections.abc import Sequence

import keras
import numpy as np

from dlunits.layers import GRU, LSTM, SimpleRNN
from dlunits.training.gradient_norm import ClippedAdam, GradientNorm
from dlunits.training.run_directory import RunDirectory
from dlunits.training.warmup_cosine import warmup_cosine
from dlunits.typing import Array

CELLS = {"rnn": SimpleRNN, "lstm": LSTM, "gru": GRU}


def adding_model(cell: str, units: int = 32) -> keras.Model:
    """A recurrent layer, and a linear layer on its last state.

    Args:
        cell: "rnn", "lstm" or "gru".
        units: Positive integer.

    Returns:
        Keras model from `(batch, time, 2)` to `(batch, 1)`, for any number of
        time steps.

    Example:

    >>> adding_model("rnn", units=4).count_params()  # 4 (2 + 4 + 1) + 4 + 1
    33
    """
    return keras.Sequential(
        [
            keras.Input((None, 2)),
            CELLS[cell](units, name=cell),
            keras.layers.Dense(1, name="sum"),
        ]
    )


def train_on_adding(
    cell: str,
    run_directory: RunDirectory,
    *,
    length: int,
    units: int = 32,
    epochs: int = 10,
    steps_per_epoch: int = 800,
    batch_size: int = 32,
    learning_rate: float = 1e-2,
    clipnorm: float | None = 1.0,
    min_length: int | None = None,
    seed: int = 0,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: str | int = 0,
) -> tuple[keras.Model, dict[str, list[float]]]:
    """Trains on the adding task, with new sequences in every step.

    Adam minimizes the mean squared error, with a linear warm-up and a cosine
    decay of the learning rate. The history has the norm of the gradient before
    clipping.

    Args:
        cell: "rnn", "lstm" or "gru".
        run_directory: `dlunits.training.RunDirectory` of the run.
        length: Integer, maximum number of time steps of a sequence.
        units: Positive integer.
        epochs: Positive integer.
        steps_per_epoch: Positive integer, mini-batches of an epoch.
        batch_size: Positive integer, sequences of a mini-batch.
        learning_rate: Peak learning rate of Adam.
        clipnorm: Positive number, the maximum norm of the gradient, or `None`.
        min_length: Integer, minimum number of time steps, see
            `dlunits.data.series.adding_task.adding_batches`; `None` gives all
            sequences the same length.
        seed: Integer, seed of the sequences and of the initial weights.
        callbacks: Further Keras callbacks.
        verbose: As in `keras.Model.fit`.

    Returns:
        `(model, history)`, the latter a dict of metric name to its values, one
        for each epoch.

    Raises:
        ValueError: If the loss is not finite.
        OSError: If a file cannot be written.
    """
    from dlunits.data.series.adding_task import adding_batches

    keras.utils.set_random_seed(seed)
    model = adding_model(cell, units)
    steps = epochs * steps_per_epoch
    schedule = warmup_cosine(learning_rate, steps=steps, warmup_steps=200)
    model.compile(ClippedAdam(schedule, global_clipnorm=clipnorm), "mse")
    history = run_directory.fit(
        model,
        functools.partial(
            adding_batches,
            length=length,
            min_length=min_length,
            batch_size=batch_size,
            seed=seed,
        ),
        epochs=epochs,
        steps_per_epoch=steps_per_epoch,
        callbacks=[*callbacks, GradientNorm()],
        verbose=verbose,
    )
    return model, history


def adding_error(model: keras.Model, examples: tuple[Array, Array]) -> float:
    """Root mean squared error on sequences of the adding task.

    Args:
        model: Keras model.
        examples: As returned by
            `dlunits.data.series.adding_task.adding_examples`.

    Returns:
        Float.

    Example, a model that always predicts 1:

    >>> model = adding_model("rnn")
    >>> weights = [0 * weight for weight in model.get_weights()]
    >>> model.set_weights([*weights[:-1], weights[-1] + 1])
    >>> adding_error(model, (np.zeros((2, 3, 2)), np.array([[1.5], [0.5]])))
    0.5
    """
    sequences, sums = examples
    predictions = model.predict(sequences, batch_size=500, verbose=0)
    return float(np.sqrt(np.mean((predictions - sums) ** 2)))
