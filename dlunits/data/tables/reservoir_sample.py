"""Reservoir sampling of the rows of a table of any length."""

from collections.abc import Mapping

import numpy as np

from dlunits.typing import Array


class ReservoirSample:
    """Reservoir sampling: uniform random sample of rows that are read once.

    Every row gets a random number, and the rows with the lowest numbers are
    kept. At most `max_rows` rows and those of one chunk are in memory, and the
    sample does not depend on the sizes of the chunks.

    Args:
        max_rows: Number of rows to keep.
        seed: Seed of the random numbers.

    Attributes:
        columns: Dict from column name to array, the sampled rows in the order
            in which they were added.
        rows_seen: Number of rows that were added.

    Reference: Vitter, 1985, "Random sampling with a reservoir",
    https://doi.org/10.1145/3147.3165

    Example:

    Three of ten rows, those with the lowest random numbers.

    >>> sample = ReservoirSample(3, seed=0)
    >>> sample.add({"x": np.arange(6)})
    >>> sample.add({"x": np.arange(6, 10)})
    >>> sample.columns["x"].tolist(), sample.rows_seen
    ([1, 2, 3], 10)
    >>> sorted(np.random.default_rng(0).random(10).argsort()[:3].tolist())
    [1, 2, 3]
    """

    def __init__(self, max_rows: int, seed: int = 0) -> None:
        self.max_rows = max_rows
        self.generator = np.random.default_rng(seed)
        self.numbers = np.empty(0)
        self.columns: dict[str, Array] = {}
        self.rows_seen = 0

    def add(self, columns: Mapping[str, Array]) -> None:
        """Adds rows.

        Args:
            columns: Dict from column name to array `(rows,)`, with the same
                names in every call.
        """
        rows = len(next(iter(columns.values())))
        numbers = self.generator.random(rows)
        self.rows_seen += rows
        if len(self.numbers) == self.max_rows:  # drops most rows early
            low = np.flatnonzero(numbers < self.numbers.max())
            numbers = numbers[low]
            columns = {name: array[low] for name, array in columns.items()}
        if self.columns:
            numbers = np.concatenate([self.numbers, numbers])
            columns = {
                name: np.concatenate([held, columns[name]])
                for name, held in self.columns.items()
            }
        if len(numbers) > self.max_rows:
            lowest = np.argpartition(numbers, self.max_rows - 1)[
                : self.max_rows
            ]
            lowest.sort()
            numbers = numbers[lowest]
            columns = {name: array[lowest] for name, array in columns.items()}
        self.numbers, self.columns = numbers, dict(columns)

    def __len__(self) -> int:
        return len(self.numbers)
