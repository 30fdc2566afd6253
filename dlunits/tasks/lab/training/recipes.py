"""Settings of a training run, and the factors that the lab compares."""

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import keras

from dlunits.tasks.lab.sources import LabData
from dlunits.typing import Shape

MAX_RUNS = 500
MOMENTUM = 0.9

# Name -> constructor of the optimizer from a learning rate, and the default
# learning rate.
OPTIMIZERS: dict[str, tuple[Callable[[float], Any], float]] = {
    "sgd": (keras.optimizers.SGD, 0.05),
    "momentum": (lambda rate: keras.optimizers.SGD(rate, MOMENTUM), 0.05),
    "nesterov": (
        lambda rate: keras.optimizers.SGD(rate, MOMENTUM, nesterov=True),
        0.05,
    ),
    "adagrad": (keras.optimizers.Adagrad, 0.05),
    "rmsprop": (keras.optimizers.RMSprop, 0.001),
    "adam": (keras.optimizers.Adam, 0.001),
}

# Name -> optimizer, and examples per update: 0 for all, `None` for
# `--batch_size`.
GRADIENT_DESCENT: dict[str, tuple[str, int | None]] = {
    "batch": ("sgd", 0),
    "stochastic": ("sgd", 1),
    "mini_batch": ("sgd", None),
    **{
        name: (name, None)
        for name in ("momentum", "nesterov", "adagrad", "rmsprop", "adam")
    },
}

ACTIVATIONS = ("sigmoid", "tanh", "relu", "leaky_relu", "softmax")
INITIALIZERS = (
    "zeros",
    "random_normal",
    "glorot_uniform",
    "he_normal",
    "orthogonal",
)
# Name -> default strength: weight of the penalty, or rate of dropout.
REGULARIZERS = {"none": 0.0, "l1": 1e-4, "l2": 1e-3, "dropout": 0.3}
LOSSES = (
    "categorical_crossentropy",
    "mean_squared_error",
    "categorical_hinge",
)
REGRESSION_LOSSES = ("mean_squared_error", "mean_absolute_error")

# Factor -> default values. Those of `loss` and `data_size` depend on the data.
FACTORS: dict[str, tuple[str, ...]] = {
    "optimizer": tuple(OPTIMIZERS),
    "gradient_descent": tuple(GRADIENT_DESCENT),
    "activation": ACTIVATIONS,
    "initializer": (*INITIALIZERS, "random_normal:1"),
    "batch_size": ("8", "32", "128", "512"),
    "learning_rate": ("0.0001", "0.001", "0.01", "0.1", "1"),
    "depth": ("0", "1", "2", "4", "8"),
    "width": ("4", "16", "64", "256"),
    "loss": (),
    "regularizer": tuple(REGULARIZERS),
    "data_size": (),
}

# Factors that set the same settings.
EXCLUSIVE = (
    {"gradient_descent", "optimizer"},
    {"gradient_descent", "batch_size"},
)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Settings of a training run of the lab.

    A setting of `None` is taken from the user's model.

    Args:
        epochs: Number of epochs.
        seed: Seed of the initial weights and of the order of the examples.
        batch_size: Examples per update; 0 for all.
        optimizer: Key of `OPTIMIZERS`.
        learning_rate: Learning rate; `None` for the optimizer's default.
        loss: Name of a Keras loss.
        activation: Name of a Keras activation, of the hidden layers.
        negative_slope: Slope of leaky ReLU for negative inputs.
        initializer: Name of the Keras initializer of the kernels; a number
            after a colon is its standard deviation.
        regularizer: Key of `REGULARIZERS`; a number after a colon is its
            strength.
        units: Number of units of each hidden layer.
        num_layers: Number of hidden layers.
        data_size: Number of training examples; `None` for all.
    """

    epochs: int = 10
    seed: int = 0
    batch_size: int = 32
    optimizer: str = "adam"
    learning_rate: float | None = None
    loss: str = "categorical_crossentropy"
    activation: str | None = "relu"
    negative_slope: float = 0.1
    initializer: str | None = "glorot_uniform"
    regularizer: str | None = "none"
    units: int | None = 64
    num_layers: int | None = 2
    data_size: int | None = None

    @property
    def rate(self) -> float:
        """Learning rate of the run."""
        if self.learning_rate is not None:
            return self.learning_rate
        return OPTIMIZERS[self.optimizer][1]

    def num_examples(self, data: LabData) -> int:
        """Number of training examples of the run."""
        return self.data_size or len(data.train[0])

    def examples_per_update(self, data: LabData) -> int:
        """Number of examples of a mini-batch, at most all of the run."""
        number = self.num_examples(data)
        return min(self.batch_size or number, number)

    def make_optimizer(self) -> keras.optimizers.Optimizer:
        """New optimizer of the run."""
        return OPTIMIZERS[self.optimizer][0](self.rate)


@dataclasses.dataclass(frozen=True)
class Run:
    """A run of a comparison.

    Args:
        values: Value of each compared factor, as the user writes it.
        recipe: `Recipe`.
    """

    values: tuple[str, ...]
    recipe: Recipe

    @property
    def label(self) -> str:
        """Name of the run in tables and figures, the same for all seeds."""
        return ", ".join(self.values)


def make_runs(
    factors: Sequence[str],
    values: str | None,
    recipe: Recipe,
    data: LabData,
    num_seeds: int,
) -> list[Run]:
    """Runs of a comparison: a grid of values, times the seeds.

    Args:
        factors: One or two keys of `FACTORS`.
        values: Values of each factor, separated by commas; a semicolon
            separates two factors. `None` for the default values.
        recipe: Settings that are not compared, with the first seed.
        data: Data of the runs.
        num_seeds: Number of seeds.

    Returns:
        List of `Run`; the seeds of a combination of values follow each other.

    Raises:
        ValueError: If a factor or value is unknown, or the grid has no run or
            more than 500.

    Example:

    >>> from dlunits.tasks.lab.sources import load_data
    >>> runs = make_runs(
    ...     ["optimizer", "learning_rate"], "sgd,adam;0.1", Recipe(),
    ...     load_data("digits"), num_seeds=2,
    ... )
    >>> [(run.label, run.recipe.seed) for run in runs]
    [('sgd, 0.1', 0), ('sgd, 0.1', 1), ('adam, 0.1', 0), ('adam, 0.1', 1)]
    """
    check_factors(factors)
    lists = [
        list(FACTORS[factor]) or default_values(factor, data)
        for factor in factors
    ]
    if values is not None:
        lists = [
            [text.strip() for text in part.split(",") if text.strip()]
            for part in values.split(";")
        ]
        if len(lists) != len(factors):
            raise ValueError(
                f"--values must have one list for each factor of "
                f"{', '.join(factors)}, separated by ';'. Received: {values!r}"
            )
    sizes = [*map(len, lists), num_seeds]
    number = 1
    for size in sizes:
        number *= size
    if not 0 < number <= MAX_RUNS:
        raise ValueError(
            f"The grid has {number:,} runs: "
            + " x ".join(f"{size:,}" for size in sizes[:-1])
            + f" values of {', '.join(factors)}, times {num_seeds:,} seeds. "
            f"Expected from 1 to {MAX_RUNS}: choose --values and --seeds"
        )
    runs = []
    for combination in itertools.product(*lists):
        own = recipe
        for factor, value in zip(factors, combination, strict=True):
            own = with_value(own, factor, value, data)
        for number in range(num_seeds):
            seeded = dataclasses.replace(own, seed=recipe.seed + number)
            runs.append(Run(combination, seeded))
    if len({run.values for run in runs}) * num_seeds < len(runs):
        raise ValueError(f"--values must be different. Received: {values!r}")
    return runs


def check_factors(factors: Sequence[str]) -> None:
    """Raises ValueError if factors are unknown or cannot be combined."""
    known = ", ".join(FACTORS)
    if (
        not 1 <= len(factors) <= 2
        or len(set(factors)) < len(factors)
        or not set(factors) <= FACTORS.keys()
    ):
        raise ValueError(
            f"--compare must be one factor, or two different ones, of {known}. "
            f"Received: {','.join(factors)!r}"
        )
    if set(factors) in EXCLUSIVE:
        raise ValueError(
            f"{factors[0]} and {factors[1]} cannot be compared together, as "
            "gradient_descent sets the optimizer and the batch size"
        )


def default_values(factor: str, data: LabData) -> list[str]:
    """Values of a factor whose defaults depend on the data."""
    if factor == "loss":
        return list(REGRESSION_LOSSES if data.is_regression else LOSSES)
    number = len(data.train[0])
    sizes = {max(1, number // share) for share in (16, 8, 4, 2, 1)}
    return [str(size) for size in sorted(sizes)]


def with_value(recipe: Recipe, factor: str, text: str, data: LabData) -> Recipe:
    """Recipe with one value of a factor changed.

    Args:
        recipe: Recipe.
        factor: Key of `FACTORS`.
        text: Value as the user writes it.
        data: Data of the run.

    Returns:
        `Recipe`.

    Raises:
        ValueError: If the value is invalid.

    Example:

    >>> with_value(Recipe(), "depth", "3", None).num_layers
    3
    """
    changes: dict[str, Any]
    if factor == "optimizer":
        changes = {"optimizer": one_of(factor, text, OPTIMIZERS)}
    elif factor == "gradient_descent":
        name = one_of(factor, text, GRADIENT_DESCENT)
        optimizer, size = GRADIENT_DESCENT[name]
        size = recipe.batch_size if size is None else size
        changes = {"optimizer": optimizer, "batch_size": size}
    elif factor == "activation":
        changes = {"activation": one_of(factor, text, ACTIVATIONS)}
    elif factor == "initializer":
        name, deviation = with_number(factor, text)
        one_of(factor, name, INITIALIZERS)
        if deviation is not None and name != "random_normal":
            raise ValueError(
                "--values of initializer: only random_normal takes a standard "
                f"deviation, random_normal:0.05. Received: {text!r}"
            )
        changes = {"initializer": text}
    elif factor == "regularizer":
        name, strength = with_number(factor, text)
        one_of(factor, name, REGULARIZERS)
        if name == "dropout" and strength is not None and strength >= 1:
            raise ValueError(
                "--values of regularizer: the rate of dropout must be below 1. "
                f"Received: {text!r}"
            )
        changes = {"regularizer": text}
    elif factor == "loss":
        losses = REGRESSION_LOSSES if data.is_regression else LOSSES
        changes = {"loss": one_of(factor, text, losses)}
    elif factor == "learning_rate":
        changes = {"learning_rate": positive(factor, text)}
    else:
        least, most = {
            "batch_size": (1, 10**6),
            "depth": (0, 100),
            "width": (1, 10**4),
            "data_size": (1, len(data.train[0]) if data else 1),
        }[factor]
        field = {"depth": "num_layers", "width": "units"}.get(factor, factor)
        changes = {field: integer(factor, text, least, most)}
    return dataclasses.replace(recipe, **changes)


def one_of(factor: str, text: str, names: Any) -> str:
    if text not in names:
        raise ValueError(
            f"--values of {factor} must be among {', '.join(names)}. Received: "
            f"{text!r}"
        )
    return text


def positive(factor: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not 0 < number < float("inf"):
        raise ValueError(
            f"--values of {factor} must be positive numbers. Received: {text!r}"
        )
    return number


def integer(factor: str, text: str, least: int, most: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise ValueError(
            f"--values of {factor} must be integers from {least:,} to "
            f"{most:,}. Received: {text!r}"
        )
    return number


def with_number(factor: str, text: str) -> tuple[str, float | None]:
    """Splits `"l2:0.01"` into name and number.

    >>> with_number("regularizer", "l2:0.01"), with_number("regularizer", "l1")
    (('l2', 0.01), ('l1', None))
    """
    name, colon, number = text.partition(":")
    return name, positive(factor, number) if colon else None


def make_initializer(text: str) -> keras.initializers.Initializer:
    """Keras initializer of a kernel."""
    name, deviation = with_number("initializer", text)
    if deviation is not None:
        return keras.initializers.RandomNormal(stddev=deviation)
    return keras.initializers.get(name)


def make_regularizer(text: str) -> tuple[Any, float]:
    """Keras regularizer of kernels, and the rate of dropout."""
    name, number = with_number("regularizer", text)
    strength = REGULARIZERS[name] if number is None else number
    if name == "dropout":
        return None, strength
    kinds = {"l1": keras.regularizers.L1, "l2": keras.regularizers.L2}
    return (kinds[name](strength) if name in kinds else None), 0.0


def dense_network(
    recipe: Recipe, input_shape: Shape, num_outputs: int
) -> keras.Sequential:
    """Feed-forward network of a recipe.

    Args:
        recipe: Recipe.
        input_shape: Shape of an example.
        num_outputs: Number of classes, or 1 for a linear output.

    Returns:
        Model that has not been trained.

    Example:

    >>> dense_network(Recipe(units=3, num_layers=1), (4,), 2).count_params()
    23
    """
    layers = [keras.Input(input_shape)]
    if len(input_shape) > 1:
        layers.append(keras.layers.Flatten())
    leaky = recipe.activation == "leaky_relu"
    for number in range(1, (recipe.num_layers or 0) + 1):
        penalty, rate = make_regularizer(recipe.regularizer or "none")
        layers.append(
            keras.layers.Dense(
                recipe.units,
                None if leaky else recipe.activation,
                kernel_initializer=make_initializer(recipe.initializer or ""),
                kernel_regularizer=penalty,
                name=f"hidden_{number}",
            )
        )
        if leaky:
            slope = recipe.negative_slope
            name = f"leaky_relu_{number}"
            layers.append(keras.layers.LeakyReLU(slope, name=name))
        if rate:
            layers.append(keras.layers.Dropout(rate))
    layers.append(
        keras.layers.Dense(
            num_outputs,
            "softmax" if num_outputs > 1 else None,
            kernel_initializer=make_initializer(recipe.initializer or ""),
            name="output",
        )
    )
    return keras.Sequential(layers)


def cloned_network(recipe: Recipe, model: keras.Model) -> keras.Model:
    """Copy of a user's model with new weights and the settings of a recipe.

    The recipe's initializer replaces that of all kernels. Its activation and
    regularizer replace those of all layers except the last one with weights.
    Settings of `None` are not replaced.

    Args:
        recipe: Recipe.
        model: Model.

    Returns:
        Model that has not been trained.

    Raises:
        ValueError: If the recipe has dropout, or the model has no layer that
            can be changed.
    """
    weighted = [layer for layer in model.layers if layer.weights]
    last = weighted[-1].name if weighted else None
    changed = []

    def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        hidden = layer.name != last
        if recipe.activation and hidden and is_activated(config):
            config["activation"] = activation_config(recipe)
            changed.append(layer.name)
        if recipe.initializer and "kernel_initializer" in config:
            config["kernel_initializer"] = make_initializer(recipe.initializer)
            changed.append(layer.name)
        if recipe.regularizer and hidden and "kernel_regularizer" in config:
            penalty, rate = make_regularizer(recipe.regularizer)
            if rate:
                raise ValueError(
                    "Dropout cannot be added to the network of --model. "
                    "Expected none, l1 or l2"
                )
            config["kernel_regularizer"] = penalty
            changed.append(layer.name)
        return layer.__class__.from_config(config)

    copy = keras.models.clone_model(model, clone_function=clone)
    wanted = (recipe.activation, recipe.initializer, recipe.regularizer)
    if any(wanted) and not changed:
        raise ValueError(
            "The network of --model has no hidden layer with an activation, or "
            "no layer with a kernel, whose settings could be compared"
        )
    return copy


def is_activated(config: dict[str, Any]) -> bool:
    """Whether a configuration has an activation that is not linear."""
    return config.get("activation", "linear") not in ("linear", None)


def activation_config(recipe: Recipe) -> Any:
    """Activation of a recipe, as the argument of a Keras layer."""
    if recipe.activation == "leaky_relu":
        return keras.layers.LeakyReLU(recipe.negative_slope)
    return recipe.activation
