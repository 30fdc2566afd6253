"""Histogram of a column of a training table."""

import dataclasses

import numpy as np

from dlunits.columns.value_formatting import format_values
from dlunits.typing import Array, Config

MAX_ROWS = 20_000  # rows from which a histogram is computed
NUM_QUANTILES = 10  # bins of numbers in the range of the training rows
DIGITS = 4  # significant digits of the labels


@dataclasses.dataclass(frozen=True)
class ColumnHistogram:
    """Histogram of a column of the training rows.

    The bins of a column of numbers are: missing; below the lowest value; one
    for each tenth of the values, fewer if many are equal; above the highest
    value. Those of a column of categories are the ids, see `TableSchema`.

    Args:
        counts: Number of training rows in each bin.
        edges: Upper edges of the bins of numbers, without those of the first
            and the last bin; a value on an edge is in the bin below. `None` for
            categories.

    Example:

    >>> values = np.array([1.0, 2.0, np.nan, 2.0], "float32")
    >>> histogram = ColumnHistogram.of_numbers(values)
    >>> histogram.counts  # missing, below, up to 1, up to 2, above
    (1, 0, 1, 2, 0)
    >>> histogram.count(np.array([2.0, 9.0], "float32")).tolist()
    [0, 0, 0, 1, 1]
    >>> histogram.labels("number")
    ['missing', 'below 1', '1 to 1', '1 to 2', 'above 2']
    """

    counts: tuple[int, ...]
    edges: tuple[float, ...] | None = None

    @classmethod
    def of_numbers(cls, values: Array) -> "ColumnHistogram":
        """Counts numbers, NaN where missing, with edges at their quantiles."""
        values = sample(values)
        present = values[~np.isnan(values)]
        edges: tuple[float, ...] = ()
        if present.size:
            shares = np.linspace(0, 1, NUM_QUANTILES + 1)[1:]
            quantiles = np.unique(np.quantile(present, shares, method="lower"))
            lowest = np.nextafter(present.min(), np.finfo("float32").min)
            # The shortest decimals that are parsed as the same float32.
            edges = tuple(float(str(e)) for e in (lowest, *quantiles))
        histogram = cls((), edges)
        return cls(tuple(histogram.count(values).tolist()), edges)

    @classmethod
    def of_categories(cls, ids: Array, num_ids: int) -> "ColumnHistogram":
        """Counts category ids from 0 to `num_ids`."""
        counts = np.bincount(sample(ids), minlength=num_ids + 1)
        return cls(tuple(counts.tolist()))

    def bins(self, values: Array) -> Array:
        """Bin of each value; for a category, its id."""
        if self.edges is None:
            return values
        edges = np.asarray(self.edges, "float32")
        bins = 1 + np.searchsorted(edges, values.astype("float32"))
        return np.where(np.isnan(values), 0, bins)

    def count(self, values: Array) -> Array:
        """Number of values in each bin."""
        size = len(self.counts) if self.edges is None else len(self.edges) + 2
        return np.bincount(self.bins(values), minlength=size)

    def labels(self, column_type: str) -> list[str]:
        """Labels of the bins of numbers, as text."""
        if not self.edges:
            return ["missing", "present"]
        lowest = np.nextafter(np.float32(self.edges[0]), np.float32(np.inf))
        edges = np.array([lowest, *self.edges[1:]])
        first, *upper = format_values(edges, column_type, DIGITS)
        if column_type == "boolean":
            between = upper
        else:
            lower = [first, *upper[:-1]]
            between = [
                f"{low} to {high}"
                for low, high in zip(lower, upper, strict=True)
            ]
        return ["missing", f"below {first}", *between, f"above {upper[-1]}"]

    def get_config(self) -> Config:
        config: Config = {"counts": list(self.counts)}
        return (
            config
            if self.edges is None
            else config | {"edges": list(self.edges)}
        )

    @classmethod
    def from_config(cls, config: Config) -> "ColumnHistogram":
        edges = config.get("edges")
        return cls(
            tuple(config["counts"]), None if edges is None else tuple(edges)
        )


def sample(values: Array) -> Array:
    """Selects at most 20,000 values, evenly spaced."""
    if len(values) <= MAX_ROWS:
        return values
    return values[np.linspace(0, len(values) - 1, MAX_ROWS).astype(int)]
