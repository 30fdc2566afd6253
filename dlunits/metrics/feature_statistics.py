"""Running mean and covariance of features, in batches."""

import numpy as np

from dlunits.metrics.feature_rows import (
    block_slices,
    check_widths,
    feature_table,
    finite_block,
)
from dlunits.typing import Array, ArrayLike


class FeatureStatistics:
    """Running mean and covariance matrix of features.

    Use it if the features of all examples do not fit in memory. It stores one
    vector and one matrix. A batch B of `b` rows is merged with the `n` previous
    rows by

        d       = mean_B - mean
        mean    = mean + d * b / (n + b)
        scatter = scatter + scatter_B + d d^T * n b / (n + b)

    mean_B and scatter_B are those of the batch; `scatter` is the sum of
    (x - mean)(x - mean)^T over the rows x. No large sums of squares are
    subtracted from each other, so the result is accurate where the mean is much
    larger than the standard deviation. All computations are in double
    precision.

    Reference: Chan, Golub and LeVeque, 1983, "Algorithms for computing the
    sample variance", https://doi.org/10.1080/00031305.1983.10483115.

    Attributes:
        count: Integer, number of rows added.
        mean: Array `(features,)`, `None` before the first row.
        covariance: Array `(features, features)`, covariance matrix with the
            divisor `count - 1`.

    Raises:
        ValueError: If added rows are not finite or have another number of
            features; if the covariance of fewer than two rows is read.

    Example, with the variance (4 + 0 + 4) / 2 of 1, 3 and 5:

    >>> statistics = FeatureStatistics()
    >>> statistics.update([[1.0], [3.0]])
    >>> statistics.update([[5.0]])
    >>> statistics.count, statistics.mean.tolist()
    (3, [3.0])
    >>> statistics.covariance.tolist()
    [[4.0]]
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean: Array | None = None
        self.scatter: Array | None = None

    def update(self, features: ArrayLike) -> None:
        """Adds rows of features.

        Args:
            features: Array `(examples, features)`, at least one row.

        Raises:
            ValueError: If the shape is wrong, if a value is not finite, or if
                the number of features changes. No row is then added.
        """
        table = feature_table(features, "features", min_rows=1)
        if self.mean is not None:
            check_widths(features=table, before=self.mean[None])
        blocks = block_slices(len(table))
        for rows in blocks:  # check all blocks before adding the first
            finite_block(table, rows, "features")
        for rows in blocks:
            self.merge(finite_block(table, rows, "features"))

    def merge(self, block: Array) -> None:
        """Adds finite rows `(rows, features)` in double precision."""
        if self.mean is None or self.scatter is None:
            self.mean = np.zeros(block.shape[1])
            self.scatter = np.zeros((block.shape[1], block.shape[1]))
        mean = block.mean(axis=0)
        centered = block - mean
        difference = mean - self.mean
        count = self.count + len(block)
        self.scatter += centered.T @ centered
        self.scatter += np.outer(difference, difference) * (
            self.count * len(block) / count
        )
        self.mean = self.mean + difference * (len(block) / count)
        self.count = count

    @property
    def covariance(self) -> Array:
        """Covariance matrix `(features, features)`, scatter / (n - 1).

        Raises:
            ValueError: If there are fewer than two rows.
        """
        if self.scatter is None or self.count < 2:
            raise ValueError(
                "Expected at least 2 rows to compute a covariance. "
                f"Received: {self.count}"
            )
        return self.scatter / (self.count - 1)
