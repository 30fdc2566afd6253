"""Anomaly detection in four series of NAB and in ECG5000, with baselines.

NAB. All series have the same settings: windows of 64 rows, one every 8.
The training data are the first half, in time, of the rows outside the labeled
windows; labels are used only to exclude rows. All other rows are scored. A
labeled window is found if, with every seed, one of the windows inside it has a
higher score than 99 % of the normal windows, which contain neither labeled nor
training rows.

The highest score of several windows is high by chance. Therefore, the
percentile of a labeled window is also given among normal spans of the same
length, by the highest score in each span.

The score of a row is the mean over the windows that contain it. VUS-PR has
buffers of up to 64 rows. Range-based precision and recall are given for all
detectors at the threshold at which 1 % of the normal rows are flagged, and for
`AnomalyDetector` also at its own threshold, p <= 1 %.

The baselines are fitted to all training windows, standardized column by column:
the reconstruction error of PCA that keeps 90 % of the variance, and the mean
distance to the five nearest windows, on the values and on the features of the
detector. The detector is trained on windows that overlap by about half. The
seasonal profile of a training window is computed from other days or weeks.

ECG5000. A random half of the normal heartbeats is the training data; the other
half and all abnormal heartbeats are scored. A heartbeat is one window.

Data: Lavin and Ahmad, 2015, "Evaluating real-time anomaly detection
algorithms: the Numenta anomaly benchmark", https://arxiv.org/abs/1510.03336;
Goldberger et al., 2000, "PhysioBank", in the UCR archive.

Usage:
    python benchmarks/anomaly_series.py [--quick] [--data_dir=FOLDER]
        [--seeds=3]
"""

import argparse
import datetime
import json
import os
import pathlib
import statistics
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import numpy as np
from gates import gate
from numpy.lib.stride_tricks import sliding_window_view
from real_data import DATA
from row_detectors import neighbors, pca_error, scaled
from sklearn.metrics import roc_auc_score

from dlunits.data.series.window_features import WindowFeatures, window_features
from dlunits.metrics import range_precision_recall, volume_under_surface
from dlunits.models import AnomalyDetector

SERIES = DATA.parent / "series"
GATED = "nyc_taxi", "machine_temperature_system_failure"
REPORTED = (
    "ambient_temperature_system_failure",
    "ec2_request_latency_system_failure",
)
WINDOW = 64
RATE = 0.01
OURS = "AnomalyDetector"


def baselines(train_values, values, train_features, features):
    """Scores by name; arrays `(windows, ...)`."""
    raw = [some.reshape(len(some), -1) for some in (train_values, values)]
    raw = scaled(*raw)
    return {
        "PCA on windows": pca_error(*raw),
        "k-NN on windows": neighbors(5)(*raw),
        "k-NN on features": neighbors(5)(*scaled(train_features, features)),
    }


# NAB


def seconds(text):
    timestamp = datetime.datetime.fromisoformat(text)
    return timestamp.replace(tzinfo=datetime.UTC).timestamp()


def load(folder, name):
    """Values, timestamps, and start and end of each labeled window."""
    lines = (folder / f"{name}.csv").read_text().splitlines()[1:]
    times, values = zip(*(line.split(",") for line in lines), strict=True)
    windows = json.loads((folder / "combined_windows.json").read_text())
    return (
        np.array(values, "float64"),
        np.array([seconds(time) for time in times]),
        [
            (seconds(first), seconds(last))
            for first, last in windows[f"realKnownCause/{name}.csv"]
        ],
    )


def highest_of_spans(scores, normal, count):
    """Highest score in each span of `count` consecutive normal windows."""
    runs = sliding_window_view(np.where(normal, scores, np.nan), count)
    return runs[~np.isnan(runs).any(axis=1)].max(axis=1)


class Nab:
    """A series, split into training rows and rows to score."""

    def __init__(self, folder, name):
        values, times, spans = load(folder, name)
        inside = [(times >= first) & (times <= last) for first, last in spans]
        self.begins = [first for first, _ in spans]
        self.labels = np.any(inside, axis=0)
        is_training = np.zeros(len(times), bool)
        normal = np.flatnonzero(~self.labels)
        is_training[normal[: len(normal) // 2]] = True
        self.is_scored = ~is_training
        train_values = np.where(is_training, values, np.nan)
        self.inputs = WindowFeatures.fit(train_values, times, window=WINDOW)
        self.train = self.inputs.windows(train_values, times)
        self.windows = self.inputs.windows(values, times)
        self.features = self.inputs.features(self.windows)
        self.train_features = self.inputs.training_features(
            self.inputs.training_windows(train_values, times)
        )
        self.normal = ~self.flagged(self.labels | is_training).any(axis=1)
        self.inside = [self.flagged(span).all(axis=1) for span in inside]

    def flagged(self, rows):
        """Flags of rows -> flags in windows, `(windows, window)`."""
        series = self.windows.series
        flags = np.zeros(len(series.values), bool)
        flags[series.grid_indices[rows]] = True
        return self.windows.values(0, len(self.windows), flags)

    def baselines(self):
        return baselines(
            *(some.values(0, len(some)) for some in (self.train, self.windows)),
            self.inputs.training_features(self.train),
            self.features,
        )

    def rows(self, of_windows):
        """Scores of rows from those of windows; NaN for training rows."""
        rows = self.windows.to_rows(of_windows)
        return np.where(self.is_scored, rows, np.nan)

    def measure(self, scores):
        """VUS-PR, range-based precision and recall, and percentiles."""
        rows = self.rows(scores)
        normal_rows = rows[~self.labels & ~np.isnan(rows)]
        alarms = rows > np.quantile(normal_rows, 1 - RATE)
        found = range_precision_recall(self.labels, alarms)
        among_windows, among_spans = [], []
        for own in self.inside:
            highest = scores[own].max()
            among_windows.append(percentile(scores[self.normal], highest))
            spans = highest_of_spans(scores, self.normal, own.sum())
            among_spans.append(percentile(spans, highest))
        return {
            "VUS-PR": volume_under_surface(self.labels, rows, WINDOW),
            **{key: found[key] or 0.0 for key in ("precision", "recall")},
            "among windows": among_windows,
            "among spans": among_spans,
        }


def percentile(normal, value):
    return 100 * np.mean(normal < value) if len(normal) else np.nan


def line(name, row, measure):
    windows, spans = (
        " ".join(f"{place:.1f}" for place in measure[f"among {what}"])
        for what in ("windows", "spans")
    )
    print(
        f"{name}, {row}: VUS-PR {measure['VUS-PR']:.3f}, range precision "
        f"{measure['precision']:.3f}, range recall {measure['recall']:.3f}, "
        f"percentiles among windows {windows}, among spans {spans}",
        flush=True,
    )


def evaluate_series(folder, name, seeds):
    """Prints the results of a series; returns windows found, and all."""
    nab = Nab(folder, name)
    hours = nab.inputs.profile.period / 3600
    print(
        f"{name}: {len(nab.train_features)} training windows, "
        f"period {hours:g} h"
    )
    for row, scores in nab.baselines().items():
        line(name, row, nab.measure(scores))
    percentiles, volumes = [], []
    for seed in range(seeds):
        start = time.monotonic()
        detector = AnomalyDetector(seed=seed).fit(nab.train_features)
        result = detector.score_rows(nab.features)
        measure = nab.measure(result["anomaly_score"])
        line(name, f"{OURS}, seed {seed}", measure)
        p_values = nab.rows(result["p_value"])
        alarms = p_values <= RATE
        found = range_precision_recall(nab.labels, alarms)
        normal = ~nab.labels & ~np.isnan(p_values)
        print(
            f"{name}, {OURS}, seed {seed}, at p <= {RATE:.0%}: "
            f"{alarms[normal].mean():.2%} of normal rows, range precision "
            f"{found['precision'] or 0:.3f}, range recall {found['recall']:.3f}"
            f", {time.monotonic() - start:.0f} s",
            flush=True,
        )
        percentiles.append(measure["among windows"])
        volumes.append(measure["VUS-PR"])
    print(f"{name}, {OURS}, mean VUS-PR: {statistics.mean(volumes):.3f}")
    worst = np.min(percentiles, axis=0)
    found = worst > 100 * (1 - RATE)
    for number in np.flatnonzero(~found):
        day = datetime.datetime.fromtimestamp(nab.begins[number], datetime.UTC)
        print(
            f"{name}: window {number + 1}, from {day:%Y-%m-%d %H:%M}, missed, "
            f"at percentile {worst[number]:.1f}"
        )
    return int(found.sum()), len(found)


# ECG5000


def evaluate_heartbeats(folder, seeds):
    table = np.loadtxt(folder / "ECG5000_TRAIN.txt")
    beats, abnormal = table[:, 1:, None], table[:, 0] != 1
    results = {}
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        normal = rng.permutation(np.flatnonzero(~abnormal))
        train, others = np.split(normal, [len(normal) // 2])
        new = np.concatenate([others, np.flatnonzero(abnormal)])
        features = window_features(beats)
        rows = baselines(
            beats[train], beats[new], features[train], features[new]
        )
        detector = AnomalyDetector(seed=seed).fit(features[train])
        rows[OURS] = detector.score(features[new])
        for row, scores in rows.items():
            auc = roc_auc_score(abnormal[new], scores)
            results.setdefault(row, []).append(auc)
        print(
            f"ECG5000, seed {seed}: "
            + ", ".join(f"{row} {auc[-1]:.4f}" for row, auc in results.items()),
            flush=True,
        )
    for row, auc in results.items():
        print(f"ECG5000, mean AUC, {row}: {statistics.mean(auc):.4f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", default=SERIES, help="folder of series")
    parser.add_argument("--seeds", type=int, default=3)
    text = "one seed, two series, no gates"
    parser.add_argument("--quick", action="store_true", help=text)
    arguments = parser.parse_args()
    folder = pathlib.Path(arguments.data_dir)
    if not (folder / "combined_windows.json").is_file():
        sys.exit(f"{folder}: no combined_windows.json. Set --data_dir")
    seeds, names = arguments.seeds, (*GATED, *REPORTED)
    if arguments.quick:
        seeds, names = 1, GATED
    evaluate_heartbeats(folder, seeds)
    found = {name: evaluate_series(folder, name, seeds) for name in names}
    if arguments.quick:
        return
    for name in REPORTED:
        print(f"{name}: {found[name][0]} of {found[name][1]} windows found")
    passed = [
        gate(f"anomaly_series ({name}, windows found)", some, ">=", all_)
        for name, (some, all_) in ((name, found[name]) for name in GATED)
    ]
    sys.exit(not all(passed))


if __name__ == "__main__":
    main()
