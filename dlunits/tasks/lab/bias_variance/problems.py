"""Learning problems from which many training sets can be drawn."""

import dataclasses
import hashlib
import json
from collections.abc import Callable

import numpy as np

from dlunits.tasks.lab.sources import LabData
from dlunits.typing import Array

NOISE_DEVIATION = 0.3  # of the targets of the sine
NUM_DECOMPOSED = 500  # points of the sine for the decomposition
NUM_FRESH = 2000  # points of the sine for the measured error
NUM_VALIDATION = 100  # points of the sine for early stopping
POOL_SIZE = 2  # pixels of an image that are averaged, along each side

Split = tuple[Array, Array]


@dataclasses.dataclass(frozen=True, eq=False)
class Problem:
    """Regression or classification with examples for all measurements.

    Inputs are float32 `(n, num_features)`. Targets are float32 `(n,)` in
    regression, and int32 classes `(n,)` in classification.

    Args:
        name: Name for files.
        title: Name for reports.
        num_classes: Number of classes; 0 in regression.
        noise: Variance of the targets, or probability of a wrong label; `None`
            if it is not known.
        draw: Function from a number of examples and a random generator to the
            inputs and targets of a training set.
        max_examples: Number of different training examples.
        validation: Examples for early stopping, with noise.
        decomposed: Examples with true targets, for the decomposition. In
            regression with unknown noise their targets are the measured ones.
        fresh: Further examples with noise, for the measured error.
        kernel_stddev: Standard deviation of the initial weights of the hidden
            layer. Default: initialization of Glorot and Bengio.
        learning_rate: Learning rate of Adam.
        epochs: Number of epochs, each an update on the whole training set.
        patience: Number of epochs without a lower validation loss after which
            early stopping ends the training.
    """

    name: str
    title: str
    num_classes: int
    noise: float | None
    draw: Callable[[int, np.random.Generator], Split]
    max_examples: int
    validation: Split
    decomposed: Split
    fresh: Split
    kernel_stddev: float | None
    learning_rate: float
    epochs: int
    patience: int

    @property
    def is_regression(self) -> bool:
        return not self.num_classes

    @property
    def num_features(self) -> int:
        return self.fresh[0].shape[1]

    @property
    def chance_error(self) -> float:
        """Error of the best constant prediction on the fresh examples."""
        targets = self.fresh[1]
        if self.is_regression:
            return float(targets.var())
        return 1 - float(np.bincount(targets).max() / len(targets))

    @property
    def fingerprint(self) -> str:
        """Hash of the examples and settings, 16 hex digits."""
        settings = [
            self.name,
            self.num_classes,
            self.noise,
            self.kernel_stddev,
            self.learning_rate,
            self.epochs,
        ]
        digest = hashlib.sha256(json.dumps(settings).encode())
        sample = self.draw(self.max_examples, np.random.default_rng(0))
        for split in (sample, self.validation, self.decomposed, self.fresh):
            for array in split:
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()[:16]

    def training_sets(self, num_sets: int, size: int, seed: int) -> Split:
        """Draws training sets.

        Returns:
            Inputs `(size, num_sets, num_features)`, targets
            `(size, num_sets)`.

        Raises:
            ValueError: If there are fewer than `size` examples.
        """
        if size > self.max_examples:
            raise ValueError(
                f"{self.title} has {self.max_examples:,} training examples. "
                f"Expected training sets of at most that size. Received: {size}"
            )
        sets = [
            self.draw(size, np.random.default_rng([seed, number]))
            for number in range(num_sets)
        ]
        x, y = zip(*sets, strict=True)
        return np.stack(x, axis=1), np.stack(y, axis=1)


def sine_problem(*, epochs: int = 2000, seed: int = 0) -> Problem:
    """Regression with a known truth: a sine with Gaussian noise.

        y = sin(2 pi x) + e,    x uniform in [-1, 1],    e ~ N(0, 0.3^2)

    where x is the input, y the target and e the noise. Each training set is
    drawn independently, so that no two sets have an example in common.

    Args:
        epochs: Number of epochs.
        seed: Seed of the validation and test examples.

    Returns:
        `Problem`.

    Example:

    >>> problem = sine_problem()
    >>> x, y = problem.training_sets(num_sets=3, size=20, seed=0)
    >>> x.shape, y.shape, round(problem.noise, 2)
    ((20, 3, 1), (20, 3), 0.09)
    """

    def draw(size: int, rng: np.random.Generator) -> Split:
        x = rng.uniform(-1, 1, (size, 1)).astype("float32")
        noise = rng.normal(0, NOISE_DEVIATION, size)
        return x, (sine(x) + noise).astype("float32")

    rng = np.random.default_rng([seed, 2**32 - 1])
    validation = draw(NUM_VALIDATION, rng)
    x, _ = draw(NUM_DECOMPOSED, rng)
    return Problem(
        name="sine",
        title="Sine with noise",
        num_classes=0,
        noise=NOISE_DEVIATION**2,
        draw=draw,
        max_examples=10**4,
        validation=validation,
        decomposed=(x, sine(x)),
        fresh=draw(NUM_FRESH, rng),
        kernel_stddev=4.0,
        learning_rate=0.01,
        epochs=epochs,
        patience=max(1, epochs // 5),
    )


def sine(x: Array) -> Array:
    """True value of the regression, `(n, 1)` to `(n,)`."""
    return np.sin(2 * np.pi * x[:, 0]).astype("float32")


def data_problem(
    data: LabData,
    *,
    noise: float | None,
    learning_rate: float = 0.003,
    epochs: int = 200,
    patience: int = 20,
    seed: int = 0,
) -> Problem:
    """Problem whose training sets are drawn from the training split of data.

    A training set is drawn without replacement. Two sets may have examples in
    common, so that the measured variance is slightly too small. The difference
    is negligible if the sets are much smaller than the training split.

    Half of the test split is used for the decomposition, the other half for the
    measured error.

    Args:
        data: Data, as `prepare_data` returns them.
        noise: Probability of a wrong label in the training and validation
            split; the fresh examples get wrong labels as well. `None` for
            regression.
        learning_rate: Learning rate of Adam.
        epochs: Number of epochs.
        patience: Epochs without a lower validation loss, for early stopping.
        seed: Seed of the halves of the test split and of the wrong labels.

    Returns:
        `Problem`.

    Raises:
        ValueError: If the test split has fewer than 4 examples.

    Example:

    >>> from dlunits.tasks.lab.sources import load_data
    >>> data = prepare_data(load_data("digits"), label_noise=0.1)
    >>> problem = data_problem(data, noise=0.1)
    >>> problem.num_features, problem.max_examples
    (196, 1372)
    """
    num_test = len(data.test[1])
    if num_test < 4:
        raise ValueError(
            f"{data.name}: has {num_test} test examples. Expected at least 4: "
            "use more data"
        )
    rng = np.random.default_rng([seed, 2**32 - 2])
    order = rng.permutation(num_test)
    decomposed, fresh = (
        (data.test[0][rows], data.test[1][rows].ravel())
        for rows in (order[: num_test // 2], order[num_test // 2 :])
    )
    x_train, y_train = data.train[0], data.train[1].ravel()
    num_classes = len(data.class_names)
    fresh_targets = wrong_labels(fresh[1], num_classes, noise or 0.0, rng)

    def draw(size: int, rng: np.random.Generator) -> Split:
        rows = rng.choice(len(y_train), size, replace=False)
        return x_train[rows], y_train[rows]

    return Problem(
        name=data.name,
        title=data.name,
        num_classes=num_classes,
        noise=noise,
        draw=draw,
        max_examples=len(y_train),
        validation=(data.validation[0], data.validation[1].ravel()),
        decomposed=decomposed,
        fresh=(fresh[0], fresh_targets),
        kernel_stddev=None,
        learning_rate=learning_rate,
        epochs=epochs,
        patience=patience,
    )


def prepare_data(
    data: LabData,
    *,
    label_noise: float = 0.0,
    pool_size: int = POOL_SIZE,
    seed: int = 0,
) -> LabData:
    """Examples as vectors in random order, some with a wrong label.

    Images are reduced by averaging blocks of `pool_size` x `pool_size` pixels.
    A label of the training or validation split is replaced by another class
    with the probability `label_noise`; labels of the test split are not
    changed.

    Args:
        data: Data.
        label_noise: Probability of a wrong label, for classes only.
        pool_size: Pixels of an image that are averaged, along each side.
        seed: Seed of the order and of the wrong labels.

    Returns:
        `LabData`.

    Raises:
        ValueError: If `label_noise` is given for regression.
    """
    if label_noise and data.is_regression:
        raise ValueError(
            "Label noise needs classes, and the task is regression. Expected "
            f"no label noise. Received: {label_noise}"
        )
    rng = np.random.default_rng([seed, 2**32 - 3])

    def prepare(split: Split, probability: float) -> Split:
        x, y = split
        order = rng.permutation(len(y))
        labels = wrong_labels(y[order], len(data.class_names), probability, rng)
        return as_features(data, x, pool_size)[order], labels

    return dataclasses.replace(
        data,
        train=prepare(data.train, label_noise),
        validation=prepare(data.validation, label_noise),
        test=prepare(data.test, 0.0),
    )


def as_features(data: LabData, x: Array, pool_size: int) -> Array:
    """Examples as vectors; images are reduced by averaging blocks of pixels."""
    if data.is_images:
        n, height, width, channels = x.shape
        rows, columns = height // pool_size, width // pool_size
        x = x[:, : rows * pool_size, : columns * pool_size]
        x = x.reshape(n, rows, pool_size, columns, pool_size, channels)
        x = x.mean(axis=(2, 4))
    return np.ascontiguousarray(x.reshape(len(x), -1), "float32")


def wrong_labels(
    labels: Array,
    num_classes: int,
    probability: float,
    rng: np.random.Generator,
) -> Array:
    """Replaces labels at random with one of the other classes.

    Example:

    >>> wrong_labels(np.array([0, 1]), 2, 1.0, np.random.default_rng(0))
    array([1, 0])
    """
    if not probability:
        return labels
    replaced = rng.uniform(size=len(labels)) < probability
    shifts = rng.integers(1, num_classes, len(labels))
    return np.where(replaced, (labels + shifts) % num_classes, labels).astype(
        labels.dtype
    )
