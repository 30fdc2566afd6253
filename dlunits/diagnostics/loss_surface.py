"""Loss surface of a network on a plane in its weight space."""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from dlunits.typing import Array, ArrayLike, Tensor


@dataclasses.dataclass(frozen=True, eq=False)
class WeightPlane:
    """Plane in the weight space of a network.

        w(a, b) = origin + a * axes[0] + b * axes[1]

    Args:
        origin: Array `(num_weights,)`.
        axes: Array `(2, num_weights)`, orthogonal vectors of length 1.
        explained: Explained variance ratio in [0, 1]: fraction of the squared
            distances from the origin, of the weights that define the plane,
            that lies within the plane.

    Raises:
        ValueError: By `through`, if there are fewer than three points or a
            number is not finite.

    Example, the plane of the first two of three weights:

    >>> paths = np.array([[0, 0, 5], [3, 0, 5], [0, 1, 5]], "float32")
    >>> plane = WeightPlane.through(paths)
    >>> plane.origin.tolist(), round(plane.explained, 6)
    ([0.0, 0.0, 5.0], 1.0)
    >>> np.abs(plane.coordinates(paths[1:])).round(5).tolist()
    [[3.0, 0.0], [0.0, 1.0]]
    """

    origin: Array
    axes: Array
    explained: float

    @classmethod
    def through(cls, weights: ArrayLike) -> "WeightPlane":
        """Plane through the first weights that is closest to the others.

        The axes are the first two principal components of the differences from
        the first weights. Training paths lie close to a few of these.

        Reference: Li et al., 2018, "Visualizing the loss landscape of neural
        nets", https://arxiv.org/abs/1712.09913, section 7.2.

        Args:
            weights: Array `(points, num_weights)`, at least three points, such
                as the weights after each epoch of several runs that start at
                the first point.

        Returns:
            `WeightPlane`.

        Raises:
            ValueError: If there are fewer than three points or a number is not
                finite.
        """
        weights = np.asarray(weights, "float32")
        if len(weights) < 3 or not np.isfinite(weights).all():
            raise ValueError(
                "`weights` must hold at least three points of finite numbers. "
                f"Received: {len(weights)} points, "
                f"{np.isnan(weights).sum()} NaN and "
                f"{np.isinf(weights).sum()} infinite numbers"
            )
        differences = weights[1:] - weights[0]
        # The eigenvectors of the small matrix of inner products.
        squares, vectors = np.linalg.eigh(
            (differences @ differences.T).astype("float64")
        )
        directions = (differences.T @ vectors[:, :-3:-1]).T
        # Without a second direction, QR takes any vector.
        axes, _ = np.linalg.qr(directions.T)
        total = max(squares.sum(), np.finfo("float64").tiny)
        return cls(
            weights[0],
            axes.T.astype("float32"),
            float(np.clip(squares[-2:].sum() / total, 0, 1)),
        )

    def coordinates(self, weights: ArrayLike) -> Array:
        """Coordinates `(a, b)` of the closest points of the plane.

        Args:
            weights: Array `(points, num_weights)`.

        Returns:
            Array `(points, 2)`.
        """
        return (np.asarray(weights) - self.origin) @ self.axes.T


def flat_weights(model: keras.Model) -> Array:
    """All trainable weights of a model as one vector.

    Args:
        model: Built Keras model.

    Returns:
        float32 array `(num_weights,)`.

    Example:

    >>> layer = keras.layers.Dense(1, kernel_initializer="ones")
    >>> flat_weights(keras.Sequential([keras.Input((2,)), layer])).tolist()
    [1.0, 1.0, 0.0]
    """
    return np.concatenate(
        [
            ops.convert_to_numpy(variable).ravel().astype("float32")
            for variable in model.trainable_variables
        ]
    )


def loss_surface(
    model: keras.Model,
    x: Tensor,
    y: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor],
    plane: WeightPlane,
    a: ArrayLike,
    b: ArrayLike,
) -> Array:
    """Loss surface: loss of a network on a grid in a plane of its weights.

    Use it to plot the surface on which optimizers descend. The weights of the
    model do not change. The whole grid is one compiled loop.

    Reference: Li et al., 2018, "Visualizing the loss landscape of neural nets",
    https://arxiv.org/abs/1712.09913.

    Args:
        model: Built Keras model.
        x: Inputs of the model, the same for all points.
        y: Targets.
        loss: Function of targets and predictions, as in
            `dlunits.diagnostics.gradient_norms`.
        plane: `WeightPlane`.
        a: Array `(columns,)`, coordinates along the first axis.
        b: Array `(rows,)`, coordinates along the second axis.

    Returns:
        float32 array `(rows, columns)`.

    Example, where for y = w1 x1 + w2 x2, x = (1, 1) and the target 0, the
    squared error is (w1 + w2)^2:

    >>> layer = keras.layers.Dense(1, use_bias=False)
    >>> model = keras.Sequential([keras.Input((2,)), layer])
    >>> plane = WeightPlane(np.zeros(2), np.eye(2), 1.0)
    >>> loss_surface(
    ...     model, np.ones((1, 2)), np.zeros((1, 1)),
    ...     keras.losses.MeanSquaredError(), plane, a=[0.0, 1.0], b=[0.0, 2.0],
    ... ).tolist()
    [[0.0, 1.0], [4.0, 9.0]]
    """
    x, y = (ops.convert_to_tensor(array, "float32") for array in (x, y))
    origin, axes = (
        ops.convert_to_tensor(array, "float32")
        for array in (plane.origin, plane.axes)
    )
    grid = np.stack(np.meshgrid(a, b), axis=-1).astype("float32")
    variables = model.trainable_variables
    sizes = [int(np.prod(variable.shape)) for variable in variables]
    ends = np.cumsum(sizes).tolist()
    fixed = [variable.value for variable in model.non_trainable_variables]

    def loss_at(point):
        flat = origin + point[0] * axes[0] + point[1] * axes[1]
        values = [
            ops.cast(
                ops.reshape(flat[end - size : end], variable.shape),
                variable.dtype,
            )
            for variable, size, end in zip(variables, sizes, ends, strict=True)
        ]
        predicted, _ = model.stateless_call(values, fixed, x, training=False)
        return ops.mean(loss(y, predicted))

    def losses_at(points):
        return ops.map(loss_at, points)

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        losses_at = tf.function(losses_at)
    losses = losses_at(ops.convert_to_tensor(grid.reshape(-1, 2)))
    return ops.convert_to_numpy(losses).reshape(grid.shape[:2])
