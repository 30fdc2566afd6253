"""Training of the runs of a comparison, with measurements after each epoch.

An epoch is one compiled loop over its mini-batches. Runs that differ only in
seed, learning rate, initializer, batch size or number of examples share the
loop, so that a comparison compiles one loop for each combination of network,
loss and optimizer.
"""

import dataclasses
import time
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from dlunits.autodiff import gradients
from dlunits.diagnostics import (
    activation_saturation,
    flat_weights,
    gradient_norms,
    update_ratios,
)
from dlunits.tasks.lab.keras_code import epoch_order
from dlunits.tasks.lab.output_probabilities import returns_probabilities
from dlunits.tasks.lab.sources import LabData
from dlunits.tasks.lab.training.recipes import (
    Recipe,
    cloned_network,
    dense_network,
)
from dlunits.typing import Array, Tensor

NUM_PROBED = 256  # training examples on which gradients are measured
EVALUATION_BATCH = 2_000
MAX_LOSSES = 1_000  # of updates, stored for a run
MAX_PATH_WEIGHTS = 300_000  # of a network whose path is stored
DIVERGED = 2.0  # times the loss before training


@dataclasses.dataclass(frozen=True, eq=False)
class RunResult:
    """Measurements of a run of E epochs.

    The measurements of an epoch are taken at its end. Arrays with E + 1 rows
    also have a row from before training. A diverged run has NaN from the first
    epoch with a loss that is not finite.

    Args:
        layers: Names of the layers with weights.
        activations: Names of the layers with an activation.
        loss: Training loss of each epoch, the mean over its updates, with the
            penalties of regularizers. `(E,)`
        score: Training accuracy of each epoch, or in regression the root mean
            squared error. `(E,)`
        validation_loss, validation_score: Loss and score of the validation
            split, without penalties. `(E + 1,)`
        seconds: Training time at the end of each epoch, without compiling and
            measuring. `(E,)`
        updates: Number of updates at the end of each epoch. `(E,)`
        gradient_norm: Norm of the gradient of each layer, on the same training
            examples. `(E + 1, layers)`
        update_ratio: Norm of an update divided by the norm of the weights, the
            mean over the updates. `(E, layers)`
        saturated, dead: Shares of saturated activations and of dead units.
            `(E + 1, activations)`
        update: Number of the update at the end of each interval of
            `update_loss`.
        update_loss: Loss of the mini-batches, averaged over intervals of
            updates.
        loss_deviation: Standard deviation of the losses of the updates of the
            last epoch.
        path: All weights. `(E + 1, weights)`, or `(0, 0)` if they are not
            stored.
        train_loss, train_score, test_loss, test_score: Loss and score of the
            training examples and of the test split after training, without
            penalties and dropout.
        diverged: Whether the training loss was not finite, or the final one
            above twice the loss before training.
    """

    layers: list[str]
    activations: list[str]
    loss: Array
    score: Array
    validation_loss: Array
    validation_score: Array
    seconds: Array
    updates: Array
    gradient_norm: Array
    update_ratio: Array
    saturated: Array
    dead: Array
    update: Array
    update_loss: Array
    loss_deviation: float
    path: Array
    train_loss: float
    train_score: float
    test_loss: float
    test_score: float
    diverged: bool


def score_name(data: LabData) -> str:
    """Name of the score of the data: accuracy or RMSE."""
    return "RMSE" if data.is_regression else "accuracy"


def make_network(
    recipe: Recipe, data: LabData, model: keras.Model | None = None
) -> keras.Model:
    """Network of a run with the initial weights of its seed.

    Args:
        recipe: Recipe of the run.
        data: Data of the run.
        model: A user's model, or `None` for a dense network.

    Returns:
        Model that has not been trained.
    """
    keras.utils.set_random_seed(recipe.seed)
    if model is not None:
        return cloned_network(recipe, model)
    return dense_network(recipe, data.input_shape, data.num_outputs)


def loss_function(recipe: Recipe, model: keras.Model, data: LabData) -> Any:
    """Loss of a run: the name of a Keras loss, or a `keras.Loss` of logits.

    Args:
        recipe: Recipe of the run.
        model: Network of the run.
        data: Data of the run.

    Raises:
        ValueError: If the outputs of a classifier are logits, and the loss is
            not the cross-entropy.
    """
    if data.is_regression or returns_probabilities(model, data.input_shape):
        return recipe.loss
    if recipe.loss != "categorical_crossentropy":
        raise ValueError(
            f"The loss {recipe.loss} needs probabilities, and the network of "
            "--model does not end in softmax. Add softmax, or choose "
            "categorical_crossentropy"
        )
    return keras.losses.CategoricalCrossentropy(from_logits=True)


class Trainer:
    """Compiled training of all runs with the same network, loss and optimizer.

    Args:
        recipe: Recipe of one of the runs.
        data: Data of the runs.
        model: A user's model, or `None` for a dense network.
        splits: What `to_tensors` returns for the data.
    """

    def __init__(
        self,
        recipe: Recipe,
        data: LabData,
        model: keras.Model | None,
        splits: Sequence[tuple[Tensor, Tensor]],
    ) -> None:
        self.data = data
        self.user_model = model
        self.model = make_network(recipe, data, model)
        self.optimizer = recipe.make_optimizer()
        self.optimizer.build(self.model.trainable_variables)
        self.initial = [
            ops.convert_to_numpy(variable)
            for variable in self.optimizer.variables
        ]
        loss = loss_function(recipe, self.model, data)
        self.loss = keras.losses.get(loss)
        self.train, self.validation, self.test = splits
        any_order = tf.TensorSpec((None, None), "int32")
        self.train_epoch = tf.function(
            self.epoch_loop, input_signature=[any_order]
        )
        self.measure = tf.function(self.measurements)
        self.evaluate_batch = tf.function(
            self.batch_scores,
            input_signature=[
                tf.TensorSpec((None, *array.shape[1:]), "float32")
                for array in self.train
            ],
        )

    @property
    def num_compiled(self) -> int:
        """Number of times that the loop over an epoch was traced."""
        return self.train_epoch.experimental_get_tracing_count()

    def reset(self, recipe: Recipe) -> None:
        """Sets model and optimizer to the initial state of a run."""
        fresh = make_network(recipe, self.data, self.user_model)
        for variable, start in zip(
            self.model.variables, fresh.variables, strict=True
        ):
            variable.assign(start)
        for variable, value in zip(
            self.optimizer.variables, self.initial, strict=True
        ):
            variable.assign(value)
        self.optimizer.learning_rate = recipe.rate

    def scores(self, y: Tensor, predicted: Tensor) -> Tensor:
        """Score of each example: 1 if it is correct, or the squared error."""
        if self.data.is_regression:
            return ops.mean(ops.square(y - predicted), axis=-1)
        right = ops.argmax(y, axis=-1) == ops.argmax(predicted, axis=-1)
        return ops.cast(right, "float32")

    def as_score(self, mean: float) -> float:
        """Accuracy, or root mean squared error, from the mean of `scores`."""
        return float(np.sqrt(mean)) if self.data.is_regression else float(mean)

    def epoch_loop(self, order: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Updates the weights on each mini-batch.

        Args:
            order: Integers `(updates, batch)`, indices of examples.

        Returns:
            `(losses, scores, ratios)`: the first two for each update, and the
            mean update-to-weight ratio of each layer.
        """
        x, y = self.train
        variables = self.model.trainable_variables
        updates = tf.shape(order)[0]
        losses = tf.TensorArray("float32", updates)
        scores = tf.TensorArray("float32", updates)
        before = [tf.identity(variable.value) for variable in variables]
        ratios = tf.zeros(len(update_ratios(self.model, before)))
        for number in tf.range(updates):
            x_batch, y_batch = (
                tf.gather(x, order[number]),
                tf.gather(y, order[number]),
            )

            def loss_of_batch(x_batch=x_batch, y_batch=y_batch):
                predicted = self.model(x_batch, training=True)
                loss = ops.mean(self.loss(y_batch, predicted))
                return loss + sum(self.model.losses), predicted

            before = [tf.identity(variable.value) for variable in variables]
            loss, predicted, slopes = gradients(loss_of_batch, variables)
            self.optimizer.apply(slopes, variables)
            losses = losses.write(number, loss)
            scores = scores.write(
                number, ops.mean(self.scores(y_batch, predicted))
            )
            ratios += tf.stack(list(update_ratios(self.model, before).values()))
        return (
            losses.stack(),
            scores.stack(),
            ratios / tf.cast(tf.maximum(updates, 1), "float32"),
        )

    def measurements(self) -> tuple[dict, dict]:
        """Gradient norms and saturation on the first training examples."""
        x, y = (array[:NUM_PROBED] for array in self.train)
        return (
            gradient_norms(self.model, x, y, self.loss),
            activation_saturation(self.model, x),
        )

    def batch_scores(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Sums of losses and scores of a batch."""
        predicted = self.model(x, training=False)
        size = ops.cast(ops.shape(x)[0], "float32")
        loss = ops.mean(self.loss(y, predicted)) * size
        return loss, ops.sum(self.scores(y, predicted))

    def evaluate(self, split: tuple[Tensor, ...]) -> tuple[float, float]:
        """Loss and score of a split."""
        x, y = split
        sums = np.zeros(2)
        for start in range(0, len(x), EVALUATION_BATCH):
            part = slice(start, start + EVALUATION_BATCH)
            sums += [float(v) for v in self.evaluate_batch(x[part], y[part])]
        loss, score = sums / len(x)
        return float(loss), self.as_score(score)

    def fit(self, recipe: Recipe, keep_path: bool = False) -> RunResult:
        """Trains a run.

        Args:
            recipe: Recipe of the same structure as that of the trainer.
            keep_path: Whether to keep all weights after each epoch, if there
                are at most 300,000.

        Returns:
            `RunResult`.
        """
        self.reset(recipe)
        if self.model.count_params() > MAX_PATH_WEIGHTS:
            keep_path = False
        number = recipe.num_examples(self.data)
        batch_size = recipe.examples_per_update(self.data)
        # Compiles the loop without an update, outside the training time.
        self.train_epoch(tf.zeros((0, batch_size), "int32"))

        measured = [self.measure_all(keep_path)]
        losses: list[Array] = []
        rows: list[tuple[float, ...]] = []
        seconds = 0.0
        for epoch in range(recipe.epochs):
            order = epoch_order(recipe.seed, epoch, number, batch_size)
            batches = tf.constant(order.reshape(-1, batch_size), "int32")
            start = time.perf_counter()
            of_updates, scores, ratios = (
                tensor.numpy() for tensor in self.train_epoch(batches)
            )
            seconds += time.perf_counter() - start
            losses.append(of_updates)
            rows.append(
                (
                    float(of_updates.mean()),
                    self.as_score(scores.mean()),
                    seconds,
                    *ratios,
                )
            )
            if not np.isfinite(of_updates).all():
                break
            measured.append(self.measure_all(keep_path))
        return make_result(
            recipe,
            measured,
            np.array(rows),
            losses,
            self.evaluate(tuple(array[:number] for array in self.train)),
            self.evaluate(self.test),
        )

    def measure_all(self, keep_path: bool) -> dict[str, Any]:
        """Measurements at the end of an epoch."""
        norms, saturation = self.measure()
        loss, score = self.evaluate(self.validation)
        return {
            "layers": list(norms),
            "activations": list(saturation),
            "validation_loss": loss,
            "validation_score": score,
            "gradient_norm": [float(norm) for norm in norms.values()],
            "saturated": [float(pair[0]) for pair in saturation.values()],
            "dead": [float(pair[1]) for pair in saturation.values()],
            "path": flat_weights(self.model) if keep_path else [],
        }


def make_result(
    recipe: Recipe,
    measured: Sequence[dict[str, Any]],
    rows: Array,
    losses: Sequence[Array],
    train: tuple[float, float],
    test: tuple[float, float],
) -> RunResult:
    """Collects the measurements of a run in arrays.

    Args:
        recipe: Recipe of the run.
        measured: What `Trainer.measure_all` returned, before training and after
            each epoch with finite losses.
        rows: Loss, score, seconds and update ratios of each epoch.
        losses: Losses of the updates of each epoch.
        train, test: Loss and score of the training examples, and of the test
            split.
    """
    epochs, nan = recipe.epochs, float("nan")

    def padded(array: Any, rows: int) -> Array:
        array = np.asarray(array, "float32")
        full = np.full((rows, *array.shape[1:]), np.nan, "float32")
        full[: len(array)] = array
        return full

    def of_epochs(name: str) -> Array:
        return padded([each[name] for each in measured], epochs + 1)

    every = np.concatenate(losses)
    finite = bool(np.isfinite(every).all())
    ends = np.unique(np.linspace(0, len(every), MAX_LOSSES + 1).astype(int))
    means = np.add.reduceat(every, ends[:-1]) / np.diff(ends)
    before = measured[0]["validation_loss"]
    per_epoch = len(losses[0])
    path = np.asarray([each["path"] for each in measured], "float32")
    return RunResult(
        layers=measured[0]["layers"],
        activations=measured[0]["activations"],
        loss=padded(rows[:, 0], epochs),
        score=padded(rows[:, 1], epochs),
        validation_loss=of_epochs("validation_loss"),
        validation_score=of_epochs("validation_score"),
        seconds=padded(rows[:, 2], epochs),
        updates=per_epoch * np.arange(1, epochs + 1),
        gradient_norm=of_epochs("gradient_norm"),
        update_ratio=padded(rows[:, 3:], epochs),
        saturated=of_epochs("saturated"),
        dead=of_epochs("dead"),
        update=ends[1:],
        update_loss=means.astype("float32"),
        loss_deviation=float(losses[-1].std()),
        path=path if path.size else np.zeros((0, 0), "float32"),
        train_loss=train[0] if finite else nan,
        train_score=train[1] if finite else nan,
        test_loss=test[0] if finite else nan,
        test_score=test[1] if finite else nan,
        diverged=not finite or bool(rows[-1, 0] > DIVERGED * before),
    )


def to_tensors(data: LabData) -> list[tuple[Tensor, Tensor]]:
    """Splits as tensors, with one-hot classes."""
    splits = []
    for x, y in (data.train, data.validation, data.test):
        if not data.is_regression:
            y = keras.utils.to_categorical(y, data.num_outputs)
        splits.append((tf.constant(x), tf.constant(y, "float32")))
    return splits


class Trainers:
    """Trainers of a comparison, built on first use.

    There is one for each combination of network, loss and optimizer.

    Args:
        data: Data of the runs.
        model: A user's model, or `None` for dense networks.

    Raises:
        ValueError: If the backend of Keras is not TensorFlow.
    """

    def __init__(self, data: LabData, model: keras.Model | None = None) -> None:
        if keras.backend.backend() != "tensorflow":
            raise ValueError(
                "The training lab needs the TensorFlow backend of Keras. "
                f"Received: KERAS_BACKEND={keras.backend.backend()}"
            )
        self.data = data
        self.model = model
        self.splits = to_tensors(data)
        self.trainers: dict[Recipe, Trainer] = {}

    @property
    def num_compiled(self) -> int:
        """Number of compiled loops over an epoch."""
        return sum(each.num_compiled for each in self.trainers.values())

    def fit(self, recipe: Recipe, keep_path: bool = False) -> RunResult:
        """Trains a run, see `Trainer.fit`."""
        structure = structure_of(recipe)
        if structure not in self.trainers:
            self.trainers[structure] = Trainer(
                recipe, self.data, self.model, self.splits
            )
        return self.trainers[structure].fit(recipe, keep_path)


def check_networks(
    recipes: Sequence[Recipe], data: LabData, model: keras.Model
) -> None:
    """Builds all networks of a user's model once, before the first training.

    Raises:
        ValueError: If a recipe cannot be applied to the model.
    """
    for recipe in dict.fromkeys(map(structure_of, recipes)):
        loss_function(recipe, make_network(recipe, data, model), data)


def structure_of(recipe: Recipe) -> Recipe:
    """Recipe without the settings that do not change the compiled loop.

    Example:

    >>> a, b = Recipe(seed=0, learning_rate=0.1), Recipe(seed=1, batch_size=8)
    >>> structure_of(a) == structure_of(b)
    True
    """
    return dataclasses.replace(
        recipe,
        seed=0,
        learning_rate=None,
        initializer=None,
        batch_size=0,
        data_size=None,
        epochs=0,
    )
