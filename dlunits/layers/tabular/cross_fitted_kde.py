"""How rare known rows are where a row lies, with folds of them left out."""

import math

import keras
import numpy as np
from keras import ops

NARROW, WIDE = 0.4, 0.5  # kernels, of usual distances to the nearest rows
LEAST_WIDTH = 1e-3
ROUNDING = 4e-6  # of |x|^2 + |r|^2, what single precision cannot tell from 0
FAR = 1e30  # square distance of what fills up the last places of folds


@keras.saving.register_keras_serializable(package="dlunits")
class CrossFittedKDE(keras.layers.Layer):
    """Measures how rare known rows are near a row, closely and widely.

    The known rows, the *references*, are dealt into folds, and each fold is
    left out in turn. So a reference can be measured as a new row is, by rows
    that have not seen it: those outside its own fold.

        rarity_f(x) = -log mean over i outside fold f of
                      exp(-|x - r_i|^2 / (2 h_i^2))

    It is 0 where all references are, and grows with the square of the distance
    far from them. The kernels' widths `h_i` are

        narrow  0.4 m sqrt(near_i / median of near + 0.03)
        wide    0.5 M

    `m` and `M` are the medians over the references of the mean distance to
    the `neighbors` and to the `far_neighbors` nearest ones outside their own
    fold, and `near_i` is the mean distance to the `neighbors` nearest ones in
    it: no width depends on rows of the fold left out but through the medians.
    By the law of the square root narrow kernels are wider where rows are rare,
    so that they find what stands out of a dense region, too; wide ones find
    rows far from the bulk of the references.

    Reference: Abramson, 1982, "On bandwidth variation in kernel estimates - a
    square root law", https://doi.org/10.1214/aos/1176345986.

    Args:
        num_references: Integer, how many there will be.
        neighbors: Integer. No more are taken than there are.
        far_neighbors: Integer of at least `neighbors`.
        num_folds: Integer: 1, and nothing is left out but what is measured,
            or at least 2.

    Input shape: `(batch, features)`.

    Output shape: `(batch, num_folds, 2)`, narrow and wide rarity by the fold
    that is left out.

    Raises:
        ValueError: If a number is out of range, or there are fewer than two
            references a fold.

    Example, two references, each the other's neighbor, 2 away: the narrow
    kernels are 0.8 and the wide ones 1 wide; log((1 + exp(-2^2 / 2)) / 2) is
    -0.57:

    >>> layer = CrossFittedKDE(2, num_folds=1)
    >>> layer.adapt(np.array([[0.0], [2.0]]))
    >>> print(ops.convert_to_numpy(layer(np.array([[0.0]]))).round(2))
    [[[0.65 0.57]]]
    """

    def __init__(
        self,
        num_references,
        neighbors=5,
        far_neighbors=40,
        num_folds=5,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        check_neighborhood(neighbors, far_neighbors, num_folds)
        if num_references < 2 * num_folds:
            raise ValueError(
                "There must be at least two references a fold. Received: "
                f"{num_references=}, {num_folds=}"
            )
        self.num_references = num_references
        self.neighbors = neighbors
        self.far_neighbors = far_neighbors
        self.num_folds = num_folds
        self.rows_a_fold = math.ceil(num_references / num_folds)

    def build(self, input_shape):
        def weight(name, *shape):
            return self.add_weight(
                name=name,
                shape=shape,
                initializer="ones",
                dtype="float32",
                trainable=False,
                autocast=False,
            )

        places = (self.num_folds, self.rows_a_fold)
        self.references = weight("references", *places, input_shape[-1])
        self.narrow_widths = weight("narrow_widths", *places)
        self.wide_width = weight("wide_width")

    def adapt(self, references):
        """Takes the rows `(num_references, features)` as the references.

        Row i belongs to fold `i % num_folds`.
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

    def widths(self, references):
        """(references, features) -> narrow (references,) and wide ()"""
        near, own, far_neighbors = (
            np.empty(self.num_references) for _ in range(3)
        )
        folds = np.arange(self.num_references) % self.num_folds
        for fold in range(self.num_folds):
            inside = references[folds == fold]
            within = distances_in_order(inside, inside)[:, 1:]  # not to itself
            across = within
            if self.num_folds > 1:
                across = distances_in_order(inside, references[folds != fold])
            own[folds == fold] = within[:, : self.neighbors].mean(axis=1)
            near[folds == fold] = across[:, : self.neighbors].mean(axis=1)
            far_neighbors[folds == fold] = across[:, : self.far_neighbors].mean(
                axis=1
            )
        usual = np.median(own)
        rare = (own + 0.03 * usual + LEAST_WIDTH) / (usual + LEAST_WIDTH)
        narrow = NARROW * np.median(near) * np.sqrt(rare) + LEAST_WIDTH
        wide = WIDE * np.median(far_neighbors) + LEAST_WIDTH
        blurred = np.sqrt(ROUNDING) * np.linalg.norm(references, axis=1)
        return np.maximum(narrow, blurred), max(wide, np.median(blurred))

    def by_fold(self, values):
        """(references, ...) -> (folds, rows_a_fold, ...), the last repeated"""
        numbers = np.arange(self.num_folds * self.rows_a_fold)
        numbers = np.minimum(numbers, self.num_references - 1)
        values = values[numbers]
        shape = (self.rows_a_fold, self.num_folds, *values.shape[1:])
        return np.swapaxes(values.reshape(shape), 0, 1)

    def square_distances(self, x):
        """(batch, features) -> (batch, folds, rows_a_fold)"""
        references = ops.reshape(self.references, (-1, x.shape[-1]))
        own, others = (
            (1 - ROUNDING) * ops.sum(ops.square(rows), axis=-1)
            for rows in (x, references)
        )
        products = ops.matmul(x, ops.transpose(references))
        squares = ops.maximum(own[:, None] + others - 2 * products, 0)
        shape = (-1, self.num_folds, self.rows_a_fold)
        return ops.reshape(squares, shape)

    def is_reference(self):
        """(folds, rows_a_fold), False for what fills up the last places."""
        numbers = np.arange(self.num_folds * self.rows_a_fold)
        numbers = numbers.reshape(self.rows_a_fold, self.num_folds).T
        return numbers < self.num_references

    def call(self, x):
        squares = self.square_distances(ops.cast(x, "float32"))
        narrow = -0.5 / ops.square(self.narrow_widths)
        wide = -0.5 / ops.square(self.wide_width)
        there = self.is_reference()
        if not there.all():
            squares = ops.where(there, squares, FAR)
        of_folds = ops.stack(
            [ops.logsumexp(squares * f, axis=-1) for f in (narrow, wide)],
            axis=-1,
        )  # (batch, folds, 2)
        outside = 1 - np.eye(self.num_folds)
        if self.num_folds == 1:
            outside = np.ones((1, 1))
        left_out = np.where(outside, 0, -FAR).astype("float32")
        total = ops.logsumexp(
            of_folds[:, None] + left_out[..., None], axis=2
        )  # over the other folds
        count = outside @ there.sum(axis=1)
        rarity = np.log(count)[:, None].astype("float32") - total
        return ops.cast(rarity, self.compute_dtype)

    def typical(self, x):
        """What references near each row have, `(batch, features)`.

            mean of r_i, weighted by exp(-|x - r_i|^2 / (2 (M^2/4 + d^2)))

        `d` is the distance to the nearest reference, so that far from all of
        them the mean is over many, not that of the one that is nearest.
        """
        squares = self.square_distances(x)
        width = ops.square(self.wide_width) + ops.min(
            squares, axis=(1, 2), keepdims=True
        )
        logits = ops.where(self.is_reference(), -0.5 * squares / width, -FAR)
        count = self.num_folds * self.rows_a_fold
        weights = ops.softmax(ops.reshape(logits, (-1, count)))
        references = ops.reshape(self.references, (count, x.shape[-1]))
        return ops.matmul(weights, references)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.num_folds, 2)

    def get_config(self):
        return {
            **super().get_config(),
            "num_references": self.num_references,
            "neighbors": self.neighbors,
            "far_neighbors": self.far_neighbors,
            "num_folds": self.num_folds,
        }


def distances_in_order(rows, others):
    """(n, features) and (m, features) -> (n, m), each row from the least"""
    own, each = (
        (1 - ROUNDING) * np.square(some).sum(axis=1) for some in (rows, others)
    )
    squares = own[:, None] + each - 2 * rows @ others.T
    return np.sort(np.sqrt(np.maximum(squares, 0)), axis=1)


def check_neighborhood(neighbors, far_neighbors, num_folds):
    if not 1 <= neighbors <= far_neighbors or num_folds < 1:
        raise ValueError(
            "Expected 1 <= neighbors <= far_neighbors and num_folds >= 1. "
            f"Received: {neighbors=}, {far_neighbors=}, {num_folds=}"
        )
