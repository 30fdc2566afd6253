"""Experiments on bias and variance, and the tables of their results."""

import dataclasses
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from dlunits.diagnostics import (
    LearningCurveVerdict,
    learning_curve_verdict,
    squared_error_decomposition,
    zero_one_decomposition,
)
from dlunits.metrics import confidence_interval
from dlunits.tasks.lab.bias_variance.problems import Problem
from dlunits.tasks.lab.bias_variance.stacked_networks import (
    ACTIVATION,
    OWN_MODEL,
    TrainedStack,
    Width,
    train_stack,
)
from dlunits.tasks.lab.ordered_batches import batches_of_epochs
from dlunits.tasks.lab.output_probabilities import cross_entropy
from dlunits.tasks.lab.sources import LabData
from dlunits.training.result_cache import cached_arrays
from dlunits.typing import Array, ArrayLike

Row = dict[str, Any]


def trained_stack(
    folder: pathlib.Path,
    problem: Problem,
    *,
    num_networks: int,
    width: Width,
    size: int,
    seed: int,
    model: keras.Model | None = None,
) -> TrainedStack:
    """Trains networks, or loads their results from a file in the folder.

    Args:
        folder: Existing folder.
        problem: Problem.
        num_networks, width, size, seed, model: See `train_stack`.

    Returns:
        `TrainedStack`.
    """
    options: dict[str, Any] = {
        "num_networks": num_networks,
        "width": width,
        "size": size,
        "seed": seed,
    }
    identity = {"problem": problem.fingerprint, **options}
    if model is not None and width == OWN_MODEL:
        identity["model"] = model.to_json()
    name = network_name(width).replace(" ", "_")
    arrays = cached_arrays(
        folder / f"{problem.name}_{num_networks}_networks_{name}_"
        f"size_{size}.npz",
        identity,
        lambda: vars(train_stack(problem, model=model, **options)),
    )
    return TrainedStack(**arrays)


def network_name(width: Width) -> str:
    """Name of the networks of a width.

    >>> network_name(16), network_name(OWN_MODEL)
    ('width 16', 'own model')
    """
    return OWN_MODEL if width == OWN_MODEL else f"width {width}"


def decomposition(
    problem: Problem, stack: TrainedStack, evaluation: int = -1
) -> dict[str, Array]:
    """Decomposition of the error of each example at one evaluation."""
    predictions = stack.predictions[evaluation]
    truth = problem.decomposed[1]
    if problem.is_regression:
        return squared_error_decomposition(
            predictions, truth, problem.noise or 0.0
        )
    return zero_one_decomposition(
        predictions, truth, problem.num_classes, problem.noise or 0.0
    )


def decomposition_row(
    problem: Problem, stack: TrainedStack, evaluation: int = -1
) -> Row:
    """Mean decomposition and measured error at one evaluation."""
    parts = decomposition(problem, stack, evaluation)
    row = {name: float(part.mean()) for name, part in parts.items()}
    if not problem.is_regression:
        row["net_variance"] = row["variance_unbiased"] - row["variance_biased"]
    row["sum"] = row.pop("error")
    row["measured_error"] = float(stack.fresh_errors[evaluation].mean())
    row["training_error"] = float(stack.training_errors[evaluation].mean())
    return row


def complexity_row(
    problem: Problem, stack: TrainedStack, width: Width, num_parameters: int
) -> Row:
    """Decomposition after training, and whether its parts add up.

    The sum of the parts and the measured error are means over different
    examples. `half_width` is the half width of the 95 % confidence interval of
    their difference.
    """
    _, of_sum = confidence_interval(decomposition(problem, stack)["error"])
    _, of_measured = confidence_interval(stack.fresh_example_errors)
    row = decomposition_row(problem, stack)
    half_width = float(np.hypot(of_sum, of_measured))
    return {
        "width": width,
        "parameters": num_parameters,
        **row,
        "half_width": half_width,
        "adds_up": abs(row["sum"] - row["measured_error"]) <= half_width,
    }


def num_parameters(
    problem: Problem, width: Width, model: keras.Model | None = None
) -> int:
    """Number of weights of one network."""
    if model is not None and width == OWN_MODEL:
        return model.count_params()
    width, outputs = int(width), max(1, problem.num_classes)
    return width * (problem.num_features + 1) + outputs * (width + 1)


def training_time_rows(problem: Problem, stack: TrainedStack) -> list[Row]:
    """Decomposition at each evaluation."""
    return [
        {"epoch": int(epoch), **decomposition_row(problem, stack, number)}
        for number, epoch in enumerate(stack.epochs)
    ]


def stopping_point(
    validation_losses: ArrayLike, epochs: ArrayLike, patience: int
) -> tuple[int, int]:
    """Indices of the evaluation with the lowest loss, and of the last one.

    Training stops at the first evaluation that is `patience` epochs or more
    after the lowest loss so far, as `keras.callbacks.EarlyStopping` does.

    Args:
        validation_losses: Loss at each evaluation.
        epochs: Epoch of each evaluation.
        patience: Number of epochs.

    Returns:
        `(best, last)`, indices.

    Example:

    >>> stopping_point([3, 1, 2, 4, 0], epochs=[0, 5, 10, 15, 20], patience=10)
    (1, 3)
    """
    losses, epochs = np.asarray(validation_losses), np.asarray(epochs)
    best = 0
    for number in range(len(losses)):
        if losses[number] < losses[best]:
            best = number
        if epochs[number] - epochs[best] >= patience:
            return best, number
    return best, len(epochs) - 1


def early_stopping_rows(problem: Problem, stack: TrainedStack) -> list[Row]:
    """Error of each network with and without early stopping."""
    rows = []
    for number in range(stack.fresh_errors.shape[1]):
        best, last = stopping_point(
            stack.validation_losses[:, number], stack.epochs, problem.patience
        )
        rows.append(
            {
                "network": number,
                "best_epoch": int(stack.epochs[best]),
                "stopped_epoch": int(stack.epochs[last]),
                "training_error_stopped": float(
                    stack.training_errors[best, number]
                ),
                "error_stopped": float(stack.fresh_errors[best, number]),
                "training_error": float(stack.training_errors[-1, number]),
                "error": float(stack.fresh_errors[-1, number]),
            }
        )
    return rows


def learning_curve_row(
    problem: Problem, stack: TrainedStack, *, size: int, stopped: bool
) -> Row:
    """Mean errors of the networks, with or without early stopping."""
    suffix = "_stopped" if stopped else ""
    rows = early_stopping_rows(problem, stack)
    row: Row = {"size": size}
    for name in ("training_error", "error"):
        mean, half_width = confidence_interval(
            [entry[name + suffix] for entry in rows]
        )
        row |= {name: mean, f"{name}_half_width": half_width}
    return row


def verdict(
    problem: Problem, rows: Sequence[Row], irreducible_error: float
) -> LearningCurveVerdict | None:
    """Verdict on a learning curve; `None` if a training diverged."""
    training = [row["training_error"] for row in rows]
    errors = [row["error"] for row in rows]
    if not np.isfinite([*training, *errors]).all():
        return None
    return learning_curve_verdict(
        training,
        errors,
        chance_error=problem.chance_error,
        irreducible_error=irreducible_error,
    )


@dataclasses.dataclass(frozen=True, eq=False)
class Measurement:
    """Results of all experiments on one problem.

    Args:
        problem: Problem.
        size: Number of examples of a training set.
        stacks: Trained networks of each width.
        complexity: Rows of `complexity_row`, in ascending order of the width.
        own_model: List of the row of a user's model, or an empty list.
        training_time: Rows of `training_time_rows` of the subject.
        early_stopping: Rows of `early_stopping_rows` of the subject.
        curves: Rows of `learning_curve_row` of each network.
        verdicts: Verdicts on each learning curve, up to each size.
        irreducible_error: Variance of the noise; if it is not known, the
            lowest measured error.
    """

    problem: Problem
    size: int
    stacks: dict[Width, TrainedStack]
    complexity: list[Row]
    own_model: list[Row]
    training_time: list[Row]
    early_stopping: list[Row]
    curves: dict[str, list[Row]]
    verdicts: dict[str, list[LearningCurveVerdict | None]]
    irreducible_error: float

    @property
    def subject(self) -> str:
        """Networks whose training is shown: the user's or the widest ones."""
        return OWN_MODEL if self.own_model else "the widest network"


# Sizes of the training sets of a learning curve, relative to `size`.
CURVE_SIZES = (0.25, 0.5, 1, 2, 4)
MAX_CURVE_NETWORKS = 10


def trainings(
    problem: Problem, widths: Sequence[Width], num_sets: int, size: int
) -> list[dict[str, Any]]:
    """Arguments of `trained_stack` of all trainings of `measure`.

    Args:
        problem: Problem.
        widths: Numbers of hidden units in ascending order, optionally followed
            by `OWN_MODEL`.
        num_sets: Number of training sets of each width.
        size: Number of examples of a training set.
    """
    runs: list[dict[str, Any]] = [
        {"num_networks": num_sets, "width": width, "size": size}
        for width in widths
    ]
    sizes = [round(factor * size) for factor in CURVE_SIZES]
    return runs + [
        {
            "num_networks": min(num_sets, MAX_CURVE_NETWORKS),
            "width": width,
            "size": curve_size,
        }
        for width in dict.fromkeys((widths[0], widths[-1]))
        for curve_size in dict.fromkeys(sizes)
        if 2 <= curve_size <= problem.max_examples
    ]


def measure(
    folder: pathlib.Path,
    problem: Problem,
    *,
    widths: Sequence[Width],
    num_sets: int,
    size: int,
    seed: int,
    model: keras.Model | None = None,
    on_training: Callable[[], Any] = lambda: None,
) -> Measurement:
    """Runs all experiments on a problem.

    Args:
        folder: Existing folder; each finished training is saved there.
        problem: Problem.
        widths, num_sets, size: As in `trainings`.
        seed: Seed of the training sets and initial weights.
        model: A user's model, for `OWN_MODEL`.
        on_training: Called after each training.

    Returns:
        `Measurement`.
    """
    stacks: dict[Width, TrainedStack] = {}
    smallest, largest = widths[0], widths[-1]
    stopped = f"{network_name(largest)}, early stopping"
    curves: dict[str, list[Row]] = {
        network_name(smallest): [],
        network_name(largest): [],
        stopped: [],
    }
    for number, run in enumerate(trainings(problem, widths, num_sets, size)):
        stack = trained_stack(folder, problem, seed=seed, model=model, **run)
        on_training()
        width = run["width"]
        if number < len(widths):
            stacks[width] = stack
            continue
        options = {"size": run["size"]}
        curves[network_name(width)].append(
            learning_curve_row(problem, stack, stopped=False, **options)
        )
        if width == largest:
            curves[stopped].append(
                learning_curve_row(problem, stack, stopped=True, **options)
            )
    rows = {
        width: complexity_row(
            problem, stack, width, num_parameters(problem, width, model)
        )
        for width, stack in stacks.items()
    }
    irreducible = problem.noise
    if irreducible is None:
        errors = [row["measured_error"] for row in rows.values()]
        errors += [row["error"] for curve in curves.values() for row in curve]
        irreducible = float(np.nanmin(errors))
    return Measurement(
        problem=problem,
        size=size,
        stacks=stacks,
        complexity=[row for name, row in rows.items() if name != OWN_MODEL],
        own_model=[row for name, row in rows.items() if name == OWN_MODEL],
        training_time=training_time_rows(problem, stacks[largest]),
        early_stopping=early_stopping_rows(problem, stacks[largest]),
        curves=curves,
        verdicts={
            name: [
                verdict(problem, curve[: number + 1], irreducible)
                for number in range(len(curve))
            ]
            for name, curve in curves.items()
        },
        irreducible_error=irreducible,
    )


def dense_network(data: LabData, width: int) -> keras.Sequential:
    """Dense network with one hidden layer."""
    return keras.Sequential(
        [
            keras.Input(data.input_shape),
            keras.layers.Dense(width, ACTIVATION),
            keras.layers.Dense(
                data.num_outputs, None if data.is_regression else "softmax"
            ),
        ]
    )


def loss_of(model: keras.Model, data: LabData) -> Any:
    """Squared error or cross-entropy, as the argument of `compile`."""
    if data.is_regression:
        return "mse"
    return cross_entropy(model, data.input_shape)


def fit_one_network(
    data: LabData,
    make_model: Callable[[], keras.Model],
    *,
    size: int,
    batch_size: int,
    epochs: int,
    learning_rate: float,
    patience: int | None,
    seed: int,
) -> dict[str, Array]:
    """Trains one network with Keras' `fit`, with or without early stopping.

    Args:
        data: Data, as `prepare_data` returns them.
        make_model: Function that builds the untrained network.
        size: Number of training examples, the first ones.
        batch_size: Examples per mini-batch.
        epochs: Number of epochs.
        learning_rate: Learning rate of Adam.
        patience: Argument of `keras.callbacks.EarlyStopping`, or `None`.
        seed: Seed of the initial weights and of the mini-batches.

    Returns:
        Dict of `loss` and `val_loss`, arrays `(epochs,)`, and `test_error` of
        the final weights.
    """
    loss = loss_of(make_model(), data)
    keras.utils.set_random_seed(seed)
    model = make_model()
    model.compile(keras.optimizers.Adam(learning_rate), loss)

    def targets(y: Array) -> Array:
        if data.is_regression:
            return y
        return keras.utils.to_categorical(y, data.num_outputs)

    x, y = (array[:size] for array in data.train)
    stopping = keras.callbacks.EarlyStopping(
        "val_loss",
        patience=epochs if patience is None else patience,
        restore_best_weights=patience is not None,
    )
    history = model.fit(
        batches_of_epochs(
            x, targets(y), seed=seed, epochs=epochs, batch_size=batch_size
        ),
        steps_per_epoch=len(y) // batch_size,
        shuffle=False,  # avoids a warning: a dataset is not shuffled
        validation_data=(data.validation[0], targets(data.validation[1])),
        epochs=epochs,
        callbacks=[stopping],
        verbose=0,
    ).history
    outputs = model.predict(data.test[0], verbose=0)
    if data.is_regression:
        error = np.mean((outputs - data.test[1]) ** 2)
    else:
        error = np.mean(outputs.argmax(axis=1) != data.test[1])
    arrays = {name: np.array(values) for name, values in history.items()}
    return {**arrays, "test_error": np.array(error)}
