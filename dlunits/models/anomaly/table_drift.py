"""Distribution drift of a table relative to the training table."""

import dataclasses
import math
from collections.abc import Mapping

import numpy as np

from dlunits.metrics.population_stability import (
    population_stability_index,
    stability_bound,
)
from dlunits.models.anomaly.table_schema import TableSchema
from dlunits.typing import Array, Config

MIN_INDEX = 0.2  # no drift if the population stability index is smaller
MIN_DISTANCE = 0.1  # no drift if the distance D of the p-values is smaller
LEVEL = 0.01  # significance level, for all columns together
ANOMALOUS = 0.05  # rows with lower p-values are not compared with normal rows
MAX_ANOMALOUS = 0.5  # maximum fraction of such rows in a table without drift
P_VALUE_BINS = 1_000
MAX_LISTED = 5  # columns in a message


@dataclasses.dataclass(frozen=True)
class ColumnDrift:
    """Drift of a column relative to the training table.

    Args:
        name: Name of the column.
        index: Population stability index.
        bound: Critical value. The column has drifted if the index is larger.
        change: Description of the largest change.
    """

    name: str
    index: float
    bound: float
    change: str

    @property
    def has_drifted(self) -> bool:
        return self.index > self.bound


class TableDrift:
    """Distribution drift of a table, of each column and of the whole table.

    A column of numbers, booleans or categories has drifted if its
    population stability index (`dlunits.metrics.population_stability`) is above
    0.2 and significant at the 1 % level, for all columns together. Timestamps
    are not compared: the table usually covers less time.

    The table as a whole is tested by its p-values p, which are uniform for
    normal rows. Rows with p <= 0.05 may be anomalies; the others must be
    uniform in (0.05, 1]. The table has drifted if they have lower p-values,

        D = max over t of (fraction of p <= t) - (t - 0.05) / 0.95

    if D is above 0.1 and significant (one-sided Kolmogorov-Smirnov test, 1 %
    level), or if more than half of all rows have p <= 0.05.

    Args:
        table_schema: `TableSchema` of the training table.
        num_calibration_rows: Number of rows that calibrate the p-values.

    Attributes:
        num_rows: Number of rows added.

    Example:

    >>> schema = TableSchema.from_table(
    ...     {"speed": np.arange(100.0)}, {"speed": "number"}
    ... )
    >>> drift = TableDrift(schema, num_calibration_rows=100)
    >>> new = schema.inputs({"speed": np.arange(60.0, 160.0)})
    >>> drift.update(new, p_values=np.linspace(0.01, 1, 100))
    >>> [(c.name, c.has_drifted, c.change) for c in drift.columns]
    [('speed', True, 'above 99: 0 % -> 60 %')]
    >>> drift.has_drifted
    False
    """

    def __init__(
        self, table_schema: TableSchema, num_calibration_rows: int
    ) -> None:
        self.table_schema = table_schema
        self.num_calibration_rows = num_calibration_rows
        self.num_rows = 0
        self.counts = {
            name: np.zeros(len(histogram.counts), int)
            for name, histogram in table_schema.histograms.items()
        }
        self.p_value_counts = np.zeros(P_VALUE_BINS, int)

    def update(self, inputs: Mapping[str, Array], p_values: Array) -> None:
        """Adds rows of the table.

        Args:
            inputs: Dict of arrays, `table_schema.inputs(table)`.
            p_values: Array `(rows,)`, NaN for rows to leave out.
        """
        known = ~np.isnan(p_values)
        self.num_rows += int(known.sum())
        for name, counts in self.counts.items():
            key, index = self.table_schema.input_index(name)
            values = inputs[key][known, index]
            counts += self.table_schema.histograms[name].count(values)
        bins = np.ceil(np.round(p_values[known] * P_VALUE_BINS, 3)) - 1
        self.p_value_counts += np.bincount(
            bins.astype(int), minlength=P_VALUE_BINS
        )

    @property
    def columns(self) -> list[ColumnDrift]:
        """Drift of each column, the largest index first."""
        found = [self.column(name) for name in self.counts if self.num_rows]
        return sorted(found, key=lambda column: -column.index)

    def column(self, name: str) -> ColumnDrift:
        expected = np.array(self.table_schema.histograms[name].counts)
        observed = self.counts[name]
        level = LEVEL / len(self.counts)
        bound = stability_bound(
            len(expected), expected.sum(), self.num_rows, level
        )
        before, after = expected / expected.sum(), observed / self.num_rows
        largest = int(np.argmax(abs(after - before)))
        return ColumnDrift(
            name,
            float(population_stability_index(expected, observed)),
            float(max(MIN_INDEX, bound)),
            f"{self.labels(name)[largest]}: {100 * before[largest]:.3g} % -> "
            f"{100 * after[largest]:.3g} %",
        )

    def labels(self, name: str) -> list[str]:
        """Labels of the bins of a column."""
        schema = self.table_schema
        if name in schema.vocabularies:
            return schema.category_labels(name)
        return schema.histograms[name].labels(schema.column_types[name])

    @property
    def distance(self) -> float:
        """`D` of the equation; 0 without rows with p > 0.05."""
        first = round(ANOMALOUS * P_VALUE_BINS)
        counts = self.p_value_counts[first:]
        if not counts.any():
            return 0.0
        uniform = np.arange(1, len(counts) + 1) / len(counts)
        return float(np.max(np.cumsum(counts) / counts.sum() - uniform))

    @property
    def distance_bound(self) -> float:
        """Distance above which the table has drifted as a whole."""
        count = self.p_value_counts[round(ANOMALOUS * P_VALUE_BINS) :].sum()
        if not count:
            return MIN_DISTANCE
        variance = (1 / count + 1 / self.num_calibration_rows) / 2
        return max(MIN_DISTANCE, math.sqrt(-math.log(LEVEL) * variance))

    @property
    def anomalous_share(self) -> float:
        """Fraction of the rows with p <= 0.05."""
        first = round(ANOMALOUS * P_VALUE_BINS)
        count = self.p_value_counts[:first].sum()
        return float(count / max(1, self.num_rows))

    @property
    def has_drifted(self) -> bool:
        """Whether the table as a whole has drifted."""
        return (
            self.anomalous_share > MAX_ANOMALOUS
            or self.distance > self.distance_bound
        )

    @property
    def messages(self) -> list[str]:
        """Messages about the columns and about the table as a whole."""
        return [*self.column_messages, *self.whole_messages]

    @property
    def column_messages(self) -> list[str]:
        """Message about the columns, one line; none without columns."""
        drifted = [column for column in self.columns if column.has_drifted]
        names = [
            f"{column.name!r} ({column.change})"
            for column in drifted[:MAX_LISTED]
        ]
        if len(drifted) > MAX_LISTED:
            names.append("...")
        count = f"{len(drifted):,} of {len(self.counts):,} columns"
        if drifted:
            return [f"{count} differ from training: {', '.join(names)}"]
        return [f"{count} differ from training"] if self.counts else []

    @property
    def whole_messages(self) -> list[str]:
        """Message about the whole table, one line; none without drift."""
        if self.anomalous_share > MAX_ANOMALOUS:
            return [
                "the table as a whole has drifted: "
                f"{self.anomalous_share:.0%} of the rows have p-values of at "
                f"most {ANOMALOUS:g}"
            ]
        if self.has_drifted:
            return [
                "the table as a whole has drifted: rows that are not "
                "anomalous have lower p-values than normal rows (distance "
                f"{self.distance:.2f})"
            ]
        return []

    def summary(self) -> Config:
        """Returns the entry `drift` of a model card."""
        return {
            "columns": {
                column.name: round(column.index, 4)
                for column in self.columns
                if column.has_drifted
            },
            "p_value_distance": round(self.distance, 4),
            "as_a_whole": self.has_drifted,
        }
