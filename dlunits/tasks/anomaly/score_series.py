"""Anomaly scores of the rows of time series, from their windows."""

import functools
from collections.abc import Collection, Mapping
from typing import Any

import keras
import numpy as np

from dlunits.columns import InvalidCells, TableChunk, check_columns
from dlunits.data.series.panel_features import (
    PanelFeatures,
    first_names,
    group_rows,
)
from dlunits.data.series.repeated_times import count_repeated_times
from dlunits.data.series.series_panel import read_series_names
from dlunits.data.series.series_tables import read_series
from dlunits.data.series.series_windows import SeriesWindows
from dlunits.data.tables.table_files import TableFile
from dlunits.layers import ConformalPValue
from dlunits.metrics import range_precision_recall, volume_under_surface
from dlunits.models import AnomalyDetector
from dlunits.tasks.anomaly.score_table import NUM_TOP_ROWS, TableScorer
from dlunits.tasks.anomaly.serve import ServedDetector
from dlunits.tasks.anomaly.training_windows import (
    calibration_messages,
    has_own_threshold,
)
from dlunits.typing import Array

MAX_FIGURES = 4  # of a table with many series


class SeriesScorer(TableScorer):
    """Anomaly scores of time series, which are read into memory as a whole.

    The score and the p-value of a row are means over the windows that cover
    it; its explanation is that of the window whose center is nearest. Rows in
    a segment shorter than a window, and those of a series that the detector was
    not trained on, have no score and are not flagged.

    A window x is compared with the calibration windows x_i of its own series,
    if there are enough of them for the false-alarm rate, else with those of all
    series:

        p = (1 + #{i: s(x_i) >= s(x)}) / (1 + number of calibration windows)

    where s is the anomaly score, for x the mean over the folds, see
    `dlunits.layers.ConformalPValue`.

    Args:
        detector: Detector of windows.
        false_alarm_rate: See `TableScorer`.
        table_file: Table to score.
        series: Entry `series` of the model card, see
            `dlunits.tasks.anomaly.training_windows.TrainingWindows.card`.
        label_column, normal_class, seed: See `TableScorer`.
        invalid_cells: `InvalidCells`, to which cells are added that are not of
            the type of their column, and count as missing. `None` refuses
            them.

    Attributes:
        windows: `PanelWindows` of the series.
        window_scores: Dict of `anomaly_score` and `p_value`, `(windows,)`.
        row_scores: Dict of `anomaly_score` and `p_value`, `(rows,)`.

    Raises:
        ValueError: If a series cannot be read, many rows share a timestamp, or
            no window fits into a series that the detector was trained on.
    """

    def __init__(
        self,
        detector: AnomalyDetector | ServedDetector,
        false_alarm_rate: float,
        table_file: TableFile,
        series: Mapping[str, Any],
        label_column: str | None = None,
        normal_class: str | None = None,
        seed: int = 0,
        invalid_cells: InvalidCells | None = None,
    ) -> None:
        super().__init__(
            detector,
            false_alarm_rate,
            label_column,
            normal_class,
            seed,
            invalid_cells,
        )
        if "calibration_scores" not in series:
            raise ValueError(
                "The model was exported by an earlier version of dlunits, for "
                "one series. Train it again."
            )
        self.drift = None  # windows depend on each other
        self.column_types = series["column_types"]
        self.ignored = series["ignored"]
        self.series_column = series["series_column"]
        self.calibration_scores = series["calibration_scores"]
        panel = PanelFeatures.from_config(series["window_features"])
        timestamp_column, *_ = self.column_types
        table_file = table_file.with_timestamps(timestamp_column)
        self.table = read_series(
            table_file, self.column_types, invalid_cells=invalid_cells
        )
        names = None
        if self.series_column:
            check_columns(
                table_file.columns, [self.series_column], table_file.path
            )
            names = read_series_names(table_file, self.series_column)
        count_repeated_times(
            table_file, self.table.times, timestamp_column, names
        )
        self.rows = group_rows(names, len(self.table.times))
        self.unknown = [n for n in self.rows if n not in panel.extractors]
        try:
            self.windows = panel.windows(
                self.table.values, self.table.times, names
            )
        except ValueError as error:
            raise ValueError(f"{table_file.path}: {error}") from error
        features = panel.features(self.windows)
        # The detector has one column for each feature, in the same order.
        columns = dict(
            zip(detector.table_schema.column_types, features.T, strict=True)
        )
        inputs = detector.table_schema.inputs(columns)
        self.window_scores = self.own_p_values(
            detector.score_rows(columns, inputs=inputs)
        )
        self.explanations = detector.explain(
            columns, self.num_explained, inputs=inputs
        )
        self.row_scores = {
            name: self.windows.to_rows(values).astype("float32")
            for name, values in self.window_scores.items()
        }
        self.nearest = nearest_windows(self.windows)

    def own_p_values(self, scores: dict[str, Array]) -> dict[str, Array]:
        """Replaces the p-values of series with enough calibration windows."""
        p_values = scores["p_value"].copy()
        index = self.windows.member_index
        for number in np.unique(index):
            name = self.windows.members[number].name
            calibration_scores = self.calibration_scores.get(name, ())
            if has_own_threshold(len(calibration_scores), self.threshold):
                conformal = ConformalPValue(len(calibration_scores))
                conformal.adapt(calibration_scores)
                own = scores["anomaly_score"][index == number]
                p_values[index == number] = keras.ops.convert_to_numpy(
                    conformal(own[:, None])
                )
        return {**scores, "p_value": p_values}

    @property
    def known_columns(self) -> Collection[str]:
        """Names of the columns of the training data."""
        return [*self.column_types, *self.ignored]

    def score_chunk(
        self, chunk: TableChunk
    ) -> tuple[dict[str, Array], dict[str, Array], dict[str, Array]]:
        """Scores, p-values and explanations of a chunk, without columns."""
        rows = slice(chunk.first_row, chunk.first_row + chunk.table.num_rows)
        window = self.nearest[rows]
        covered = (window >= 0)[:, None]
        explanation = {
            name: np.where(covered, values[window], np.array(None))
            for name, values in self.explanations.items()
        }
        scores = {
            name: values[rows] for name, values in self.row_scores.items()
        }
        return {}, scores, explanation

    def finish(self, table_file: TableFile) -> None:
        """Completes the statistics after the last chunk."""
        self.top = self.top_windows()
        super().finish(table_file)
        self.series = {
            name: {
                "values": self.table.values[rows],
                "scores": self.row_scores["anomaly_score"][rows],
                "alarms": self.alarms[rows],
                "labels": None if self.labels is None else self.labels[rows],
                "timestamps": self.table.times[rows],
                "names": list(self.column_types)[1:],
            }
            for name, rows in self.most_anomalous()
        }

    def most_anomalous(self) -> list[tuple[str, Array]]:
        """Names and rows of the scored series with the most alarms."""
        scored = {
            name: int(self.alarms[rows].sum())
            for name, rows in self.rows.items()
            if np.isfinite(self.row_scores["anomaly_score"][rows]).any()
        }
        names = sorted(scored, key=lambda name: -scored[name])
        return [(name, self.rows[name]) for name in names[:MAX_FIGURES]]

    @functools.cached_property
    def alarms(self) -> Array:
        """Whether each row is flagged, `(rows,)`."""
        return self.row_scores["p_value"] <= self.false_alarm_rate

    @property
    def series_table(self) -> list[dict[str, Any]]:
        """Results of each series; empty if the table has one."""
        if not self.series_column:
            return []
        scored = np.isfinite(self.row_scores["anomaly_score"])
        table = []
        for name, rows in self.rows.items():
            count = len(self.calibration_scores.get(name, ()))
            own = has_own_threshold(count, self.false_alarm_rate)
            table.append(
                {
                    "series": name,
                    "rows": len(rows),
                    "scored": int(scored[rows].sum()),
                    "alarms": int(self.alarms[rows].sum()),
                    "calibration windows": count,
                    "compared with": "its own" if own else "all series",
                }
            )
        return table

    @property
    def messages(self) -> list[str]:
        """Lines for the user, see `TableScorer.messages`."""
        lines = [*super().messages]
        if not self.series_column:
            return lines
        lines += calibration_messages(
            {
                name: self.calibration_scores[name]
                for name in self.rows
                if name in self.calibration_scores
            },
            self.false_alarm_rate,
        )
        if self.unknown:
            count = sum(len(self.rows[name]) for name in self.unknown)
            lines.append(
                f"Not scored:    {count:,} rows of {len(self.unknown):,} "
                "series that the model was not trained on: "
                f"{first_names(self.unknown)}"
            )
        return lines

    @property
    def labels(self) -> Array | None:
        """Labels of all rows, true for an anomaly; `None` without labels."""
        if not self.labeled_chunks:
            return None
        return np.concatenate([labels for labels, _, _ in self.labeled_chunks])

    def top_windows(self) -> dict[str, Array]:
        """The most anomalous windows that do not overlap, like `top`.

        `row` is the first row of a window.
        """
        starts, window = self.windows.starts, self.windows.window
        grid = self.windows.series.grid_indices
        scores = np.where(
            rows_per_window(self.windows),
            self.window_scores["anomaly_score"],
            -np.inf,
        )
        chosen: list[int] = []
        while len(chosen) < NUM_TOP_ROWS and np.isfinite(scores).any():
            highest = int(np.argmax(scores))
            chosen.append(highest)
            scores[abs(starts - starts[highest]) < window] = -np.inf
        rows = [
            np.flatnonzero((grid >= start) & (grid < start + window))
            for start in starts[chosen]
        ]
        top = {
            "row": np.array([inside[0] for inside in rows]),
            **{n: values[chosen] for n, values in self.window_scores.items()},
            **{n: values[chosen] for n, values in self.explanations.items()},
        }
        labels = self.labels
        if labels is not None:
            top["label"] = np.array([labels[inside].any() for inside in rows])
        return top

    @functools.cached_property
    def metrics(self) -> dict[str, Any]:
        """Detection metrics of rows, and of ranges of rows if labels show any.

        See `dlunits.metrics.volume_under_surface` and
        `dlunits.metrics.range_precision_recall`.
        """
        metrics = super().metrics
        if self.labels is None or not self.labels.any():
            return metrics
        labels = self.one_after_another(self.labels, False)
        scores = self.one_after_another(
            self.row_scores["anomaly_score"], np.nan
        )
        ranges = range_precision_recall(
            labels, self.one_after_another(self.alarms, False)
        )
        if (labels & np.isfinite(scores)).any():
            metrics["VUS-PR"] = volume_under_surface(
                labels, scores, self.windows.window
            )
        return metrics | {
            "range_precision": ranges["precision"],
            "range_recall": ranges["recall"],
        }

    def one_after_another(self, values: Array, separator: Any) -> Array:
        """Values of the rows `(rows,)`, series after series.

        `window` separators stand between two series, so that no range of rows
        belongs to both.
        """
        between = np.full(self.windows.window, separator)
        parts = [
            part
            for rows in self.rows.values()
            for part in (between, values[rows])
        ]
        return np.concatenate(parts[1:])


def nearest_windows(windows: SeriesWindows) -> Array:
    """Index of the covering window whose center is nearest, for each row.

    Args:
        windows: Windows of a series.

    Returns:
        Integers `(rows,)`; -1 for a row that no window covers.

    Example:

    >>> from dlunits.data.series.resampling import resample
    >>> series = resample(np.arange(7.0))
    >>> nearest_windows(SeriesWindows(series, window=3, stride=2)).tolist()
    [0, 0, 0, 1, 1, 2, 2]
    """
    starts, window = windows.starts, windows.window
    grid = windows.series.grid_indices
    centers = starts + (window - 1) / 2
    after = np.searchsorted(centers, grid)
    before = np.clip(after - 1, 0, len(starts) - 1)
    after = np.clip(after, 0, len(starts) - 1)
    is_after = abs(centers[after] - grid) < abs(centers[before] - grid)
    nearest = np.where(is_after, after, before)
    offset = grid - starts[nearest]
    covered = (grid >= 0) & (offset >= 0) & (offset < window)
    return np.where(covered, nearest, -1)


def rows_per_window(windows: SeriesWindows) -> Array:
    """Number of rows in each window; 0 if all of it was interpolated.

    Args:
        windows: Windows of a series.

    Returns:
        Integers `(windows,)`.

    Example:

    >>> from dlunits.data.series.resampling import resample
    >>> series = resample(np.ones(5), [0, 1, 4, 5, 6])
    >>> rows_per_window(SeriesWindows(series, window=2, stride=1)).tolist()
    [2, 1, 0, 1, 2, 2]
    """
    grid = windows.series.grid_indices
    num_steps = windows.series.segment_bounds[-1]
    rows = np.bincount(grid[grid >= 0], minlength=num_steps)
    before = np.append(0, np.cumsum(rows))
    return before[windows.starts + windows.window] - before[windows.starts]


def make_scorer(
    detector: AnomalyDetector | ServedDetector,
    false_alarm_rate: float,
    table_file: TableFile,
    card: Mapping[str, Any],
    label_column: str | None = None,
    normal_class: str | None = None,
    skip_invalid: bool = False,
    fdr: float | None = None,
) -> TableScorer:
    """Scorer of a table, or of a series if the detector was trained on one.

    Args:
        detector, false_alarm_rate, label_column, normal_class: See
            `TableScorer`.
        table_file: Table to score.
        card: Model card of the detector.
        skip_invalid: Whether rows of a table with cells that are not of the
            type of their column get no score, and such cells of a series
            count as missing. By default they are refused.
        fdr: See `TableScorer`.

    Returns:
        `SeriesScorer` if the card has an entry `series`, else `TableScorer`.

    Raises:
        ValueError: If the label column is one of the inputs of the detector,
            the series cannot be read, or `fdr` is given for a series.
    """
    series = card.get("series")
    inputs = (
        detector.table_schema.columns
        if series is None
        else [*series["column_types"], series["series_column"]]
    )
    if label_column and label_column in inputs:
        raise ValueError(
            f"{table_file.path}: column {label_column!r} is an input of the "
            "detector and cannot be the label column. Name another column, or "
            "train again with this one as the label column."
        )
    invalid_cells = InvalidCells() if skip_invalid else None
    if series is None:
        return TableScorer(
            detector,
            false_alarm_rate,
            label_column,
            normal_class,
            invalid_cells=invalid_cells,
            fdr=fdr,
        )
    if fdr is not None:
        raise ValueError(
            "--select=fdr needs p-values of rows that are independent of each "
            "other. Received: a time series. Leave it out to flag rows by "
            "--false_alarm_rate."
        )
    return SeriesScorer(
        detector,
        false_alarm_rate,
        table_file,
        series,
        label_column,
        normal_class,
        invalid_cells=invalid_cells,
    )
