"""Scores a series row by row, by the windows that cover each row."""

import functools

import numpy as np

from dlunits.data.series.series_tables import read_series
from dlunits.data.series.window_features import WindowFeatures
from dlunits.metrics import range_precision_recall, volume_under_surface
from dlunits.tasks.anomaly.score_table import TOP, TableScorer


class SeriesScorer(TableScorer):
    """Scores a series, which is read whole before.

    A row gets the mean score and the mean p-value of all windows that cover
    it, and the reasons of the window in whose middle it is most nearly. Rows
    in a stretch too short for a window get nothing, and are no anomalies.

    Args:
        detector, false_alarm_rate, label_column, normal_class, seed: As in
            `dlunits.tasks.anomaly.score_table.TableScorer`.
        table_file: `dlunits.data.tables.table_files.TableFile` to be scored.
        series: Dict of `kinds`, of the time and of the channels, of
            `ignored`, the names of other columns that were known, and of
            `inputs`, the configuration of a `WindowFeatures`; the entry
            `series` of the model card.

    Attributes:
        windows: `dlunits.data.series.series_windows.SeriesWindows`.
        series: Dict of arguments for
            `dlunits.tasks.anomaly.series_figures.scored_series`.

    Raises:
        ValueError: If the series cannot be read or no window fits: one line.
    """

    def __init__(self, detector, false_alarm_rate, table_file, series, **more):
        super().__init__(detector, false_alarm_rate, **more)
        self.kinds = series["kinds"]
        self.ignored = series.get("ignored", ())
        series_inputs = WindowFeatures.from_config(series["inputs"])
        table = read_series(table_file, self.kinds)
        try:
            self.windows = series_inputs.windows(table.values, table.times)
        except ValueError as error:
            raise ValueError(f"{table_file.path}: {error}") from error
        features = series_inputs.features(self.windows)
        columns = dict(zip(self.detector_columns, features.T, strict=True))
        inputs = detector.table.inputs(columns)
        self.of_windows = detector.judge(columns, inputs)
        self.why = detector.explain(columns, self.causes, inputs)
        self.of_rows = {
            name: self.windows.to_rows(values).astype("float32")
            for name, values in self.of_windows.items()
        }
        self.middle = middle_windows(self.windows)
        self.table = table

    @property
    def detector_columns(self):
        """Names of the features, in the order of `WindowFeatures.features`."""
        return list(self.detector.table.kinds)

    @property
    def known_columns(self):
        return [*self.kinds, *self.ignored]

    def judge(self, chunk):
        rows = slice(chunk.first_row, chunk.first_row + chunk.table.num_rows)
        window = self.middle[rows]
        why = {
            name: np.where((window >= 0)[:, None], values[window], None)
            for name, values in self.why.items()
        }
        verdict = {name: values[rows] for name, values in self.of_rows.items()}
        return {}, verdict, why

    def complete(self, table_file):
        self.top = self.strangest_windows()
        super().complete(table_file)
        alarms = self.of_rows["p_value"] <= self.false_alarm_rate
        self.series = {
            "values": self.table.values,
            "scores": self.of_rows["anomaly_score"],
            "alarms": alarms,
            "labels": self.labels,
            "timestamps": self.table.times,
            "names": list(self.kinds)[1:],
        }

    @property
    def labels(self):
        if not self.judged:
            return None
        return np.concatenate([labels for labels, _, _ in self.judged])

    def strangest_windows(self):
        """As `top`, of windows of which no two overlap, by their first row."""
        starts, window = self.windows.starts, self.windows.window
        slots = self.windows.series.grid_indices
        scores = np.where(
            rows_in(self.windows), self.of_windows["anomaly_score"], -np.inf
        )
        chosen = []
        while len(chosen) < TOP and np.isfinite(scores).any():
            strangest = int(np.argmax(scores))
            chosen.append(strangest)
            scores[abs(starts - starts[strangest]) < window] = -np.inf
        first = [
            np.flatnonzero((slots >= start) & (slots < start + window))
            for start in starts[chosen]
        ]
        top = {
            "row": np.array([rows[0] for rows in first]),
            **{n: values[chosen] for n, values in self.of_windows.items()},
            **{n: values[chosen] for n, values in self.why.items()},
        }
        if self.judged:
            top["label"] = np.array([self.labels[rows].any() for rows in first])
        return top

    @functools.cached_property
    def quality(self):
        quality = super().quality
        if not self.judged or not self.labels.any():
            return quality
        scores = self.of_rows["anomaly_score"]
        found = range_precision_recall(
            self.labels, self.of_rows["p_value"] <= self.false_alarm_rate
        )
        if (self.labels & np.isfinite(scores)).any():
            quality["VUS-PR"] = volume_under_surface(
                self.labels, scores, self.windows.window
            )
        return quality | {
            "range_precision": found["precision"],
            "range_recall": found["recall"],
        }


def middle_windows(windows):
    """The window in whose middle a row is most nearly, `(rows,)`; -1 if none.

    >>> from dlunits.data.series.resampling import resample
    >>> from dlunits.data.series.series_windows import SeriesWindows
    >>> series = resample(np.arange(7.0))
    >>> middle_windows(SeriesWindows(series, window=3, stride=2)).tolist()
    [0, 0, 0, 1, 1, 2, 2]
    """
    starts, window = windows.starts, windows.window
    slots = windows.series.grid_indices
    middles = starts + (window - 1) / 2
    after = np.searchsorted(middles, slots)
    before = np.clip(after - 1, 0, len(starts) - 1)
    after = np.clip(after, 0, len(starts) - 1)
    nearer = abs(middles[after] - slots) < abs(middles[before] - slots)
    nearest = np.where(nearer, after, before)
    offset = slots - starts[nearest]
    covered = (slots >= 0) & (offset >= 0) & (offset < window)
    return np.where(covered, nearest, -1)


def rows_in(windows):
    """How many rows each window holds; none where all of it is bridged.

    >>> from dlunits.data.series.resampling import resample
    >>> from dlunits.data.series.series_windows import SeriesWindows
    >>> series = resample(np.ones(5), [0, 1, 4, 5, 6])
    >>> rows_in(SeriesWindows(series, window=2, stride=1)).tolist()
    [2, 1, 0, 1, 2, 2]
    """
    slots = windows.series.grid_indices
    rows = np.bincount(slots[slots >= 0], minlength=windows.series.bounds[-1])
    before = np.append(0, np.cumsum(rows))
    return before[windows.starts + windows.window] - before[windows.starts]


def scorer_of(detector, false_alarm_rate, table_file, card, **labels):
    """The scorer of a table, or, if the card has one, of a series.

    Raises:
        ValueError: If the column of labels is one that was learnt from, or
            as `SeriesScorer`.
    """
    series = card.get("series")
    learnt = detector.table.columns if series is None else series["kinds"]
    label = labels.get("label_column")
    if label in learnt:
        raise ValueError(
            f"{table_file.path}: column {label!r} was learnt from, so that it "
            "cannot say how well anomalies are found. Evaluate by another "
            "column, or learn anew with this one as the column of labels."
        )
    if series is None:
        return TableScorer(detector, false_alarm_rate, **labels)
    return SeriesScorer(
        detector, false_alarm_rate, table_file, series, **labels
    )
