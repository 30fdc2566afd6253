"""Kernel density estimates with cross-fitting."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from dlunits.typing import Array, Config, Shape, Tensor

NARROW, WIDE = 0.4, 0.5  # kernel widths, in typical distances to neighbors
SMOOTHING = 0.03  # of the ratio of distances that scales narrow kernels
EPSILON = 1e-3  # added to distances and widths
ROUNDING = 4e-6  # relative error of squared distances in single precision
PADDING = 1e30  # square distance of rows that pad a fold


@keras.saving.register_keras_serializable(package="dlunits")
class CrossFittedKDE(keras.layers.Layer):
    """Kernel density estimates with cross-fitting.

    Use it to measure how rare training rows, the *references*, are near a row.
    The references are split into folds, and each fold is left out in turn, so
    that a reference is measured like a new row: by references outside of its
    own fold.

        rarity_f(x) = -log mean over references i outside fold f of
                      exp(-|x - r_i|^2 / (2 h_i^2))

    It is 0 at a point where all references are, and grows with the square of
    the distance far from them. There are two, with narrow kernels of widths
    `h_i` and with wide kernels of one width `H`:

        h_i = max(0.4 m sqrt((n_i + 0.03 u + 0.001) / (u + 0.001)) + 0.001,
                  b_i)
        H   = max(0.5 M + 0.001, median of b)
        b_i = sqrt(4e-6) |r_i|

    `m` and `M` are the medians over the references of the mean distance to
    the `neighbors` and to the `far_neighbors` nearest ones outside their own
    fold. `n_i` is the mean distance of reference i to the `neighbors` nearest
    ones in its own fold, and `u` is the median of all `n_i`. So a width
    depends on the fold that is left out only through the medians. By the
    square-root law, narrow kernels are wider where references are rare, so
    that rows just outside a dense region are found too. Wide kernels find
    rows that are far from the bulk of the references.

    `b_i` is the distance that single precision cannot tell from 0. Squared
    distances are

        |x - r|^2 = max((1 - 4e-6) (|x|^2 + |r|^2) - 2 x'r, 0)

    Reference: Abramson, 1982, "On bandwidth variation in kernel estimates - a
    square root law", https://doi.org/10.1214/aos/1176345986.

    Args:
        num_references: Number of references.
        neighbors: Number of nearest references that set the narrow widths.
            No more are used than there are.
        far_neighbors: Number of nearest references that set the wide width,
            at least `neighbors`.
        num_folds: Number of folds, at least 2; or 1, for which no reference
            is left out.

    Input shape: `(batch, features)`.

    Output shape: `(batch, num_folds, 2)`, narrow and wide rarity by the fold
    that is left out.

    Raises:
        ValueError: If a number is out of range, or there are fewer than two
            references in a fold.

    Example, two references, 2 apart: the narrow kernels are
    0.4 * 2 * sqrt(1.03) = 0.81 wide and the wide ones 1; log((1 +
    exp(-2^2 / 2)) / 2) is -0.57:

    >>> layer = CrossFittedKDE(2, num_folds=1)
    >>> layer.adapt(np.array([[0.0], [2.0]]))
    >>> print(ops.convert_to_numpy(layer(np.array([[0.0]]))).round(2))
    [[[0.65 0.57]]]
    """

    def __init__(
        self,
        num_references: int,
        neighbors: int = 5,
        far_neighbors: int = 40,
        num_folds: int = 5,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        check_neighbors(neighbors, far_neighbors, num_folds)
        if num_references < 2 * num_folds:
            raise ValueError(
                "There must be at least two references in a fold. Received: "
                f"{num_references=}, {num_folds=}"
            )
        self.num_references = num_references
        self.neighbors = neighbors
        self.far_neighbors = far_neighbors
        self.num_folds = num_folds
        self.fold_size = math.ceil(num_references / num_folds)

    def build(self, input_shape: Shape) -> None:
        def weight(name: str, *shape: int | None) -> Any:
            return self.add_weight(
                name=name,
                shape=shape,
                initializer="ones",
                dtype="float32",
                trainable=False,
                autocast=False,
            )

        sizes = (self.num_folds, self.fold_size)
        self.references = weight("references", *sizes, input_shape[-1])
        self.narrow_widths = weight("narrow_widths", *sizes)
        self.wide_width = weight("wide_width")

    def adapt(self, references: Array) -> None:
        """Sets the references and the widths of their kernels.

        Args:
            references: Array `(num_references, features)`. Row i belongs to
                fold `i % num_folds`.

        Raises:
            ValueError: If there are more or fewer rows.
        """
        references = np.asarray(references, "float32")
        if len(references) != self.num_references:
            raise ValueError(
                f"There must be {self.num_references} references. Received: "
                f"{len(references)}"
            )
        if not self.built:
            self.build(references.shape)
        narrow, wide = self.widths(references)
        self.references.assign(self.by_fold(references))
        self.narrow_widths.assign(self.by_fold(narrow))
        self.wide_width.assign(wide)

    def widths(self, references: Array) -> tuple[Array, Array]:
        """(references, features) -> h (references,) and H ()"""
        near, own, far = (np.empty(self.num_references) for _ in range(3))
        folds = np.arange(self.num_references) % self.num_folds
        for fold in range(self.num_folds):
            inside = references[folds == fold]
            within = sorted_distances(inside, inside)[:, 1:]  # not to itself
            across = within
            if self.num_folds > 1:
                outside = references[folds != fold]
                across = sorted_distances(inside, outside)
            own[folds == fold] = within[:, : self.neighbors].mean(axis=1)
            near[folds == fold] = across[:, : self.neighbors].mean(axis=1)
            far[folds == fold] = across[:, : self.far_neighbors].mean(axis=1)
        u = np.median(own)
        ratio = (own + SMOOTHING * u + EPSILON) / (u + EPSILON)
        narrow = NARROW * np.median(near) * np.sqrt(ratio) + EPSILON
        wide = WIDE * np.median(far) + EPSILON
        least = np.sqrt(ROUNDING) * np.linalg.norm(references, axis=1)
        return np.maximum(narrow, least), max(wide, np.median(least))

    def by_fold(self, values: Array) -> Array:
        """(references, ...) -> (folds, fold_size, ...), padded with the last"""
        numbers = np.arange(self.num_folds * self.fold_size)
        numbers = np.minimum(numbers, self.num_references - 1)
        values = values[numbers]
        shape = (self.fold_size, self.num_folds, *values.shape[1:])
        return np.swapaxes(values.reshape(shape), 0, 1)

    def square_distances(self, x: Tensor) -> Tensor:
        """(batch, features) -> (batch, folds, fold_size)"""
        references = ops.reshape(self.references, (-1, x.shape[-1]))
        own, others = (
            (1 - ROUNDING) * ops.sum(ops.square(rows), axis=-1)
            for rows in (x, references)
        )
        products = ops.matmul(x, ops.transpose(references))
        squares = ops.maximum(own[:, None] + others - 2 * products, 0)
        shape = (-1, self.num_folds, self.fold_size)
        return ops.reshape(squares, shape)

    def is_reference(self) -> Array:
        """(folds, fold_size), false for padding"""
        numbers = np.arange(self.num_folds * self.fold_size)
        by_fold = numbers.reshape(self.fold_size, self.num_folds).T
        return by_fold < self.num_references

    def call(self, x: Tensor) -> Tensor:
        squares = self.square_distances(ops.cast(x, "float32"))
        narrow = -0.5 / ops.square(self.narrow_widths)
        wide = -0.5 / ops.square(self.wide_width)
        is_reference = self.is_reference()
        if not is_reference.all():
            squares = ops.where(is_reference, squares, PADDING)
        of_folds = ops.stack(
            [ops.logsumexp(squares * f, axis=-1) for f in (narrow, wide)],
            axis=-1,
        )  # (batch, folds, 2)
        outside = 1 - np.eye(self.num_folds)
        if self.num_folds == 1:
            outside = np.ones((1, 1))
        left_out = np.where(outside, 0, -PADDING).astype("float32")
        total = ops.logsumexp(
            of_folds[:, None] + left_out[..., None], axis=2
        )  # over the other folds
        count = outside @ is_reference.sum(axis=1)
        rarity = np.log(count)[:, None].astype("float32") - total
        return ops.cast(rarity, self.compute_dtype)

    def typical(self, x: Tensor) -> Tensor:
        """Weighted mean of the references near each row.

            typical(x) = mean of r_i, weighted by
                         exp(-|x - r_i|^2 / (2 (H^2 + d^2)))

        `d` is the distance to the nearest reference. So far from all of them
        it is the mean of many, not the nearest one.

        Args:
            x: Tensor `(batch, features)`.

        Returns:
            Tensor `(batch, features)`.
        """
        squares = self.square_distances(x)
        width = ops.square(self.wide_width) + ops.min(
            squares, axis=(1, 2), keepdims=True
        )
        logits = ops.where(
            self.is_reference(), -0.5 * squares / width, -PADDING
        )
        count = self.num_folds * self.fold_size
        weights = ops.softmax(ops.reshape(logits, (-1, count)))
        references = ops.reshape(self.references, (count, x.shape[-1]))
        return ops.matmul(weights, references)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.num_folds, 2)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "num_references": self.num_references,
            "neighbors": self.neighbors,
            "far_neighbors": self.far_neighbors,
            "num_folds": self.num_folds,
        }


def sorted_distances(rows: Array, others: Array) -> Array:
    """(n, features) and (m, features) -> (n, m), each row in rising order"""
    own, each = (
        (1 - ROUNDING) * np.square(some).sum(axis=1) for some in (rows, others)
    )
    squares = own[:, None] + each - 2 * rows @ others.T
    return np.sort(np.sqrt(np.maximum(squares, 0)), axis=1)


def check_neighbors(neighbors: int, far_neighbors: int, num_folds: int) -> None:
    if not 1 <= neighbors <= far_neighbors or num_folds < 1:
        raise ValueError(
            "Expected 1 <= neighbors <= far_neighbors and num_folds >= 1. "
            f"Received: {neighbors=}, {far_neighbors=}, {num_folds=}"
        )
