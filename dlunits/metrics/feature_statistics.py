"""Mean and covariance of more features than fit in memory."""

import numpy as np

from dlunits.metrics.feature_rows import (
    block_slices,
    check_widths,
    feature_table,
    finite_block,
)


class FeatureStatistics:
    """Gathers the mean and the covariance of features from batches.

    Use it where the features of all examples do not fit in memory: it holds
    one vector and one matrix, however many rows have come. A batch B of `b`
    rows is merged into the `n` rows so far by

        d       = mean_B - mean
        mean    = mean + d * b / (n + b)
        scatter = scatter + scatter_B + d d^T * n b / (n + b)

    `scatter` is the sum of (x - mean)(x - mean)^T over the rows. No large sums
    of squares are subtracted from each other, so nothing is lost where the
    mean is far larger than the spread. All in double precision.

    Reference: Chan, Golub and LeVeque, 1983, "Algorithms for computing the
    sample variance", https://doi.org/10.1080/00031305.1983.10483115.

    Attributes:
        count: Integer, rows so far.
        mean: Array `(features,)`, `None` before the first row.

    Example, 1 and 3, then 5, with the variance (4 + 0 + 4) / 2:

    >>> statistics = FeatureStatistics()
    >>> statistics.update([[1.0], [3.0]])
    >>> statistics.update([[5.0]])
    >>> statistics.count, statistics.mean.tolist()
    (3, [3.0])
    >>> statistics.covariance.tolist()
    [[4.0]]
    """

    def __init__(self):
        self.count = 0
        self.mean = None
        self.scatter = None

    def update(self, features):
        """Adds rows.

        Args:
            features: Array `(examples, features)`, at least one row.

        Raises:
            ValueError: If it is no such array, a value is not finite, or the
                width is not that of the rows before. Nothing is added then.
        """
        features = feature_table(features, "features", least_rows=1)
        if self.count:
            check_widths(features=features, before=self.mean[None])
        blocks = block_slices(len(features))
        for rows in blocks:  # all of them before the first is added
            finite_block(features, rows, "features")
        for rows in blocks:
            self.merge(finite_block(features, rows, "features"))

    def merge(self, block):
        """Merges `(rows, features)`, finite and in double precision."""
        if not self.count:
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
    def covariance(self):
        """Array `(features, features)`, the scatter divided by n - 1.

        Raises:
            ValueError: If there are fewer than two rows.
        """
        if self.count < 2:
            raise ValueError(
                "Expected at least 2 rows, or there is no covariance. "
                f"Received: {self.count}"
            )
        return self.scatter / (self.count - 1)
