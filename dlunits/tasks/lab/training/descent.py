"""Paths of optimizers on functions of two numbers and on planes of weights."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np

from dlunits.diagnostics import WeightPlane, descent_path, loss_surface
from dlunits.tasks.lab.training.recipes import OPTIMIZERS
from dlunits.tasks.lab.training.results import Comparison
from dlunits.tasks.lab.training.train import (
    NUM_PROBED,
    loss_function,
    make_network,
)
from dlunits.typing import Array, Tensor

STEPS = 60
GRID = 41  # points along each axis
MARGIN = 0.25  # of the range of the paths, on each side

# Learning rates that are tried; the one with the lowest final loss is shown.
# For an adaptive optimizer the rate is about the length of a step.
RATES = (0.01, 0.03, 0.09)
ADAPTIVE_RATES = (0.1, 0.3, 1.0)
ADAPTIVE = ("adagrad", "rmsprop", "adam")


@dataclasses.dataclass(frozen=True)
class Surface:
    """Function of two numbers.

    Args:
        title: Name and formula.
        function: Function from a tensor `(..., 2)` to a tensor `(...)`.
        start: First point of the paths.
        minimum: Point of the minimum.
        limits: Limits of the figure: `(x0, x1, y0, y1)`.
    """

    title: str
    function: Callable[[Tensor], Tensor]
    start: tuple[float, float]
    minimum: tuple[float, float]
    limits: tuple[float, float, float, float]


def ravine(point: Tensor) -> Tensor:
    """(x^2 + 20 y^2) / 2."""
    return (point[..., 0] ** 2 + 20 * point[..., 1] ** 2) / 2


def rosenbrock(point: Tensor) -> Tensor:
    """((1 - x)^2 + 100 (y - x^2)^2) / 20."""
    x, y = point[..., 0], point[..., 1]
    return ((1 - x) ** 2 + 100 * (y - x**2) ** 2) / 20


SURFACES = {
    "ravine": Surface(
        "Ravine, (x\N{SUPERSCRIPT TWO} + 20 y\N{SUPERSCRIPT TWO}) / 2",
        ravine,
        (-8.0, 2.0),
        (0.0, 0.0),
        (-9.0, 5.0, -3.0, 3.0),
    ),
    "rosenbrock": Surface(
        "Rosenbrock's valley, ((1 - x)\N{SUPERSCRIPT TWO} + 100 (y - "
        "x\N{SUPERSCRIPT TWO})\N{SUPERSCRIPT TWO}) / 20",
        rosenbrock,
        (-1.2, 1.0),
        (1.0, 1.0),
        (-2.0, 2.0, -1.0, 3.0),
    ),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Paths:
    """Paths on a surface.

    Args:
        title: Name of the surface.
        x, y: Coordinates of the columns and of the rows.
        heights: Loss `(rows, columns)`.
        paths: Dict of name to array `(steps + 1, 2)`.
        losses: Dict of name to the loss at each step.
    """

    title: str
    x: Array
    y: Array
    heights: Array
    paths: dict[str, Array]
    losses: dict[str, Array]


def surface_paths(name: str, optimizers: Sequence[str]) -> Paths:
    """Paths of optimizers on one of `SURFACES`.

    Of three learning rates, the one with the lowest final loss is used for each
    optimizer.

    Args:
        name: Key of `SURFACES`.
        optimizers: Keys of `OPTIMIZERS`.

    Returns:
        `Paths`, with the learning rate in each name.
    """
    surface = SURFACES[name]
    paths, losses = {}, {}
    for optimizer in optimizers:
        tried = []
        for rate in ADAPTIVE_RATES if optimizer in ADAPTIVE else RATES:
            path = descent_path(
                surface.function,
                surface.start,
                OPTIMIZERS[optimizer][0](rate),
                STEPS,
            )
            with np.errstate(over="ignore", invalid="ignore"):  # diverged
                values = surface.function(path.astype("float64"))
            tried.append((float(values[-1]), rate, path, values))
        _, rate, path, values = min(
            tried, key=lambda each: np.nan_to_num(each[0], nan=np.inf)
        )
        label = f"{optimizer}, {rate:g}"
        paths[label], losses[label] = path, values
    x0, x1, y0, y1 = surface.limits
    x, y = np.linspace(x0, x1, 2 * GRID), np.linspace(y0, y1, 2 * GRID)
    heights = surface.function(np.stack(np.meshgrid(x, y), axis=-1))
    return Paths(surface.title, x, y, heights, paths, losses)


def overshoot(path: Array) -> float:
    """Largest distance of a path beyond the minimum of the ravine, along y.

    Args:
        path: Array `(steps, 2)` that starts at a positive y.

    Returns:
        Float, 0 if no point has a negative y.
    """
    return max(0.0, float(-path[:, 1].min()))


def plane_paths(comparison: Comparison) -> tuple[Paths, WeightPlane] | None:
    """Paths of the runs of the first seed on a plane of the network's loss.

    Args:
        comparison: `Comparison`.

    Returns:
        `(paths, plane)`, or `None` if the runs did not start at the same
        weights, or the paths have fewer than two points besides the start.
    """
    first = comparison.runs[0].recipe.seed
    kept: dict[str, tuple[Array, Array]] = {}
    for run, result in zip(comparison.runs, comparison.results, strict=True):
        finite = np.asarray(np.isfinite(result.path).all(axis=1))
        if run.recipe.seed == first and len(result.path) > 1:
            end = len(finite) if finite.all() else int(finite.argmin())
            kept[run.label] = result.path[:end], result.validation_loss[:end]
    if not same_start([path for path, _ in kept.values()]):
        return None
    weights = np.concatenate([path for path, _ in kept.values()])
    plane = WeightPlane.through(weights)
    paths = {name: plane.coordinates(path) for name, (path, _) in kept.items()}
    x, y = (padded_range(paths, axis) for axis in (0, 1))
    label = next(iter(kept))
    recipe, data = comparison.recipe(label), comparison.data
    model = make_network(recipe, data, comparison.model)
    loss = keras.losses.get(loss_function(recipe, model, data))
    examples, targets = (array[:NUM_PROBED] for array in data.train)
    if not data.is_regression:
        targets = keras.utils.to_categorical(targets, data.num_outputs)
    heights = loss_surface(model, examples, targets, loss, plane, x, y)
    losses = {name: values for name, (_, values) in kept.items()}
    title = "Loss on a plane through the weights of the network"
    return Paths(title, x, y, heights, paths, losses), plane


def same_start(paths: Sequence[Array]) -> bool:
    """Whether all paths share their start and have two points besides it."""
    return (
        bool(paths)
        and sum(map(len, paths)) - len(paths) >= 2
        and all(
            path.shape[1:] == paths[0].shape[1:]
            and np.array_equal(path[0], paths[0][0])
            for path in paths
        )
    )


def padded_range(paths: Mapping[str, Array], axis: int) -> Array:
    """Coordinates of a grid that contains all paths, with a margin."""
    values = np.concatenate([path[:, axis] for path in paths.values()])
    low, high = values.min(), values.max()
    margin = MARGIN * max(high - low, 1e-3)
    return np.linspace(low - margin, high + margin, GRID)
