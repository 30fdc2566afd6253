"""Nearest known rows, with each fold of them left out in turn."""

import math

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="dlunits")
class CrossNeighbours(keras.layers.Layer):
    """Measures how far a row lies from the known rows nearest to it.

    The known rows, the *references*, are dealt into folds, and each fold is
    left out in turn. So a reference can be measured as a new row is, by rows
    that have not seen it: those outside its own fold.

        near_f(x)  = mean distance from x to its k nearest references outside
                     fold f
        crowd_f(x) = the same for the `crowd` nearest
        local_f(x) = near_f(x) / sqrt(mean of near over these k references,
                     each measured by those outside f and its own fold)

    `crowd` is large for a row far from the bulk of the references, and for a
    cluster of references that is smaller than `crowd`; `local` for one that
    is farther from its neighbours than they are from theirs, so that it finds
    what stands out in a dense region, too.

    The nearest references are sorted once and those of the fold left out are
    passed over; should fewer remain than are wanted, the mean is theirs.

    Reference: Breunig et al., 2000, "LOF: identifying density-based local
    outliers", https://doi.org/10.1145/335191.335388.

    Args:
        num_references: Integer, how many there will be.
        neighbors: Positive integer, `k`.
        crowd: Integer of at least `neighbors`.
        num_folds: Integer: 1, and nothing is left out, or at least 3.

    Input shape: `(batch, features)`.

    Output shape: `(batch, num_folds, 2)`, `local` and `crowd` by the fold that
    is left out.

    Raises:
        ValueError: If a number is out of range, or there are too few
            references for it.

    Example, one fold; the two nearest to 5 are 3 and 2, at 2 and 3, and 3 has
    its own nearest 1 away:

    >>> layer = CrossNeighbours(3, neighbors=1, crowd=2, num_folds=1)
    >>> layer.adapt(np.array([[0.0], [2.0], [3.0]]))
    >>> ops.convert_to_numpy(layer(np.array([[5.0]]))).tolist()
    [[[2.0, 2.5]]]
    """

    def __init__(
        self, num_references, neighbors=5, crowd=32, num_folds=5, **kwargs
    ):
        super().__init__(**kwargs)
        check_neighbourhood(neighbors, crowd, num_folds)
        most = largest_numbers(num_references, num_folds)
        if neighbors > most["neighbors"] or crowd > most["crowd"]:
            raise ValueError(
                f"{num_references} references in {num_folds} folds are "
                f"enough for at most {most}. Received: {neighbors=}, {crowd=}"
            )
        self.num_references = num_references
        self.neighbors = neighbors
        self.crowd = crowd
        self.num_folds = num_folds
        share = 1 if num_folds == 1 else 1 - 1 / num_folds
        self.listed = min(
            num_references,
            math.ceil((1 + crowd) / share + 2 * math.sqrt(crowd)),
        )

    def build(self, input_shape):
        def table(name, columns):
            return self.add_weight(
                name=name,
                shape=(self.num_references, columns),
                initializer="ones",
                trainable=False,
            )

        self.references = table("references", input_shape[-1])
        self.near = table("near", self.num_folds)

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
        self.references.assign(references)
        numbers = np.arange(self.num_references)
        near = [
            self.near_of_references(own)
            for own in np.split(numbers, numbers[1000::1000])
        ]
        self.near.assign(np.concatenate(near))

    def near_of_references(self, own):
        """Numbers of references `(rows,)` -> `near`, `(rows, num_folds)`."""
        distances, places = self.nearest(ops.take(self.references, own, axis=0))
        keep = self.outside(places)
        if self.num_folds == 1:
            seen = places == own[:, None]
        else:
            seen = self.fold(places) == self.fold(own[:, None])
        keep = ops.logical_and(keep, ops.logical_not(seen)[:, None])
        return ops.convert_to_numpy(
            mean_of_first(self.neighbors, distances[:, None], keep)
        )

    def fold(self, places):
        return places % self.num_folds

    def outside(self, places):
        """(batch, listed) -> for every fold whether it is another's."""
        folds = ops.arange(self.num_folds, dtype=places.dtype)[:, None]
        if self.num_folds == 1:
            folds -= 1  # none is left out
        return ops.not_equal(self.fold(places)[:, None], folds)

    def nearest(self, x):
        """The nearest references: distances, in order, and numbers.

        `(batch, features)` -> twice `(batch, listed)`, as many as are needed
        for `crowd` to remain when those of one fold are passed over.
        """
        squares = (
            ops.sum(ops.square(x), axis=-1, keepdims=True)
            + ops.sum(ops.square(self.references), axis=-1)
            - 2 * ops.matmul(x, ops.transpose(self.references))
        )
        squares, places = least(squares, self.listed)
        return ops.sqrt(ops.maximum(squares, 0)), places

    def call(self, x):
        distances, places = self.nearest(x)
        keep, distances = self.outside(places), distances[:, None]
        near = mean_of_first(self.neighbors, distances, keep)
        crowd = mean_of_first(self.crowd, distances, keep)
        theirs = ops.swapaxes(ops.take(self.near, places, axis=0), 1, 2)
        theirs = mean_of_first(self.neighbors, theirs, keep)
        local = near / ops.sqrt(theirs + 1e-9)
        return ops.stack([local, crowd], axis=-1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.num_folds, 2)

    def get_config(self):
        return {
            **super().get_config(),
            "num_references": self.num_references,
            "neighbors": self.neighbors,
            "crowd": self.crowd,
            "num_folds": self.num_folds,
        }


def least(values, count):
    """The least of the last axis in order, and where they stand."""
    if keras.config.backend() == "jax":
        # TensorFlow 2.21 cannot load what JAX 0.10 exports for `top_k`.
        places = ops.argsort(values, axis=-1)[..., :count]
        return ops.take_along_axis(values, places, axis=-1), places
    values, places = ops.top_k(-values, count)
    return -values, places


def mean_of_first(count, values, keep):
    """Mean of the first `count` values that are kept, along the last axis."""
    keep = ops.cast(keep, "int32")
    chosen = keep * ops.cast(ops.cumsum(keep, axis=-1) <= count, "int32")
    chosen = ops.cast(chosen, values.dtype)
    number = ops.maximum(ops.sum(chosen, axis=-1), 1)
    return ops.sum(values * chosen, axis=-1) / number


def check_neighbourhood(neighbors, crowd, num_folds):
    if not 1 <= neighbors <= crowd or num_folds < 1 or num_folds == 2:
        raise ValueError(
            "`neighbors` must be at least 1, `crowd` no less than that, and "
            "`num_folds` 1 or at least 3. Received: "
            f"{neighbors=}, {crowd=}, {num_folds=}"
        )


def largest_numbers(num_references, num_folds):
    """The most neighbours, and the largest crowd, that so many can show.

    A crowd stands outside one fold, the neighbours of a neighbour outside two.

    >>> largest_numbers(53, 5), largest_numbers(50, 1)
    ({'neighbors': 31, 'crowd': 42}, {'neighbors': 49, 'crowd': 49})
    """
    if num_folds == 1:
        return {"neighbors": num_references - 1, "crowd": num_references - 1}
    rows = -(-num_references // num_folds)
    return {
        "neighbors": max(0, num_references - 2 * rows),
        "crowd": num_references - rows,
    }
