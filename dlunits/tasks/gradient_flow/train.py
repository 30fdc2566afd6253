"""How a recurrent network is trained on the adding task."""

import functools

import keras
import numpy as np

from dlunits.layers import GRU, LSTM, SimpleRNN
from dlunits.training.gradient_norm import ClippedAdam, GradientNorm
from dlunits.training.warmup_cosine import warmup_cosine

CELLS = {"rnn": SimpleRNN, "lstm": LSTM, "gru": GRU}


def adding_model(cell, units=32):
    """A recurrent layer of that name, and the sum read off its last state.

    Args:
        cell: "rnn", "lstm" or "gru".
        units: Positive integer.

    Returns:
        Keras model, `(batch, time, 2)` to `(batch, 1)`, for any time.

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
    cell,
    run_directory,
    *,
    length,
    units=32,
    epochs=10,
    steps_per_epoch=800,
    batch_size=32,
    learning_rate=1e-2,
    clipnorm=1.0,
    shortest=None,
    seed=0,
    callbacks=(),
    verbose=0,
):
    """Trains on sequences of one length, or up to one, each seen once.

    The mean squared error is minimised by Adam, whose step size rises and
    falls along a cosine to 0. The norm of the gradient before clipping is in
    the history.

    Args:
        cell: "rnn", "lstm" or "gru".
        run_directory: `dlunits.training.RunDirectory` of the run.
        length: Integer, time steps of a sequence.
        units: Positive integer.
        epochs: Positive integer, rows of the history.
        steps_per_epoch: Positive integer, mini-batches an epoch.
        batch_size: Positive integer, sequences a step.
        learning_rate: Number, Adam's largest step size.
        clipnorm: Positive number, the largest norm of the gradient, or `None`.
        shortest: Integer, the fewest time steps of a batch, see
            `dlunits.data.series.adding_task.adding_batches`; `None` has all of
            one length.
        seed: Integer, decides the sequences and the first weights.
        callbacks: Further Keras callbacks.
        verbose: As in `keras.Model.fit`.

    Returns:
        `(model, history)`, the latter a dict of metric name to its values, one
        an epoch.

    Raises:
        ValueError: If the loss stops being finite.
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
            shortest=shortest,
            batch_size=batch_size,
            seed=seed,
        ),
        epochs=epochs,
        steps_per_epoch=steps_per_epoch,
        callbacks=[*callbacks, GradientNorm()],
        verbose=verbose,
    )
    return model, history


def adding_error(model, examples):
    """Root mean squared error on sequences and sums.

    Args:
        model: Keras model.
        examples: What `dlunits.data.series.adding_task.adding_examples`
            returns.

    Returns:
        Float.

    Example, of a model that always answers 1:

    >>> model = adding_model("rnn")
    >>> weights = [0 * weight for weight in model.get_weights()]
    >>> model.set_weights([*weights[:-1], weights[-1] + 1])
    >>> adding_error(model, (np.zeros((2, 3, 2)), np.array([[1.5], [0.5]])))
    0.5
    """
    sequences, sums = examples
    answers = model.predict(sequences, batch_size=500, verbose=0)
    return float(np.sqrt(np.mean((answers - sums) ** 2)))
