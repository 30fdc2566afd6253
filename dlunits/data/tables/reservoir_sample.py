"""Some rows of a table of any length, drawn while it is read."""

import numpy as np


class ReservoirSample:
    """Draws rows, each with the same chance, in one pass.

    Every row gets a random number when it comes, and those with the lowest
    numbers are kept. So no more is held than `most` rows and those that came
    last, and which rows are kept does not depend on how many come at a time.

    Args:
        most: Positive integer, rows to keep.
        seed: Integer.

    Attributes:
        columns: Dict of name to array `(at most most,)`, in the order in
            which the rows came.
        seen: Integer, rows that came.

    Reference: Vitter, 1985, "Random sampling with a reservoir",
    https://doi.org/10.1145/3147.3165

    Example, three of ten rows, those with the lowest numbers:

    >>> sample = ReservoirSample(3, seed=0)
    >>> sample.add({"x": np.arange(6)})
    >>> sample.add({"x": np.arange(6, 10)})
    >>> sample.columns["x"].tolist(), sample.seen
    ([1, 2, 3], 10)
    >>> sorted(np.random.default_rng(0).random(10).argsort()[:3].tolist())
    [1, 2, 3]
    """

    def __init__(self, most, seed=0):
        self.most = most
        self.generator = np.random.default_rng(seed)
        self.numbers = np.empty(0)
        self.columns = {}
        self.seen = 0

    def add(self, columns):
        """Takes rows, a dict of name to array `(rows,)`, always the same."""
        rows = len(next(iter(columns.values())))
        numbers = self.generator.random(rows)
        self.seen += rows
        if len(self.numbers) == self.most:  # most rows go at once
            low = np.flatnonzero(numbers < self.numbers.max())
            numbers = numbers[low]
            columns = {name: array[low] for name, array in columns.items()}
        if self.columns:
            numbers = np.concatenate([self.numbers, numbers])
            columns = {
                name: np.concatenate([held, columns[name]])
                for name, held in self.columns.items()
            }
        if len(numbers) > self.most:
            lowest = np.argpartition(numbers, self.most - 1)[: self.most]
            lowest.sort()
            numbers = numbers[lowest]
            columns = {name: array[lowest] for name, array in columns.items()}
        self.numbers, self.columns = numbers, dict(columns)

    def __len__(self):
        return len(self.numbers)
