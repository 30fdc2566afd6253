"""Anomaly detection in 37 tables of ADBench, with baselines on the same splits.

Protocol, seeds 0 to 2, at most 10,000 rows per table, a stratified sample:

- normals: trained on a random half of the normal rows; the other half and all
  anomalies are scored.
- contaminated: trained on 70 % of all rows, with anomalies; the other rows are
  scored.

`AnomalyDetector` has default settings. Baselines, on columns standardized by
mean and standard deviation: the distance to the nearest row, the mean distance
to the five nearest rows, isolation forest, LeSiNN (nearest of 16 random rows,
mean of 100), and the reconstruction error of PCA that keeps 90 % of the
variance; with PyOD installed, its AutoEncoder and KNN as well. Results are the
area under the ROC curve, mean over tables and seeds.

The false-alarm rate is measured on the normal rows that are not used for
training: the fraction with a p-value of at most the nominal rate, mean over
the seeds. The nominal rate holds for a table if the measured one is in the
95 % interval of a binomial count of as many rows. A table with fewer training
rows than one over the rate cannot have such a p-value; it is not counted.

Tables: Han et al., 2022, "ADBench", https://arxiv.org/abs/2206.09426.

Usage:
    python benchmarks/anomaly_tabular.py [--quick] [--tables=FOLDER,FOLDER]
        [--seeds=3]
"""

import argparse
import os
import pathlib
import statistics
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import numpy as np
from gates import gate
from real_data import DATA
from row_detectors import (
    isolation_forest,
    lesinn,
    neighbors,
    pca_error,
    scaled,
)
from scipy.stats import binom
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from dlunits.models import AnomalyDetector

TABLES = DATA.parent / "tabular", DATA.parent / "tabular2"
MAX_ROWS = 10_000
RATES = (0.01, 0.05)
PROTOCOLS = "normals", "contaminated"
# Protocol -> (baseline, gain of the mean AUC over it).
GAINS = {
    "normals": ("mean of 5 nearest", 0.010),
    "contaminated": ("isolation forest", 0.030),
}
MIN_TABLES = 33 / 37  # share of the tables for which a rate must hold


def pyod_baselines():
    try:
        from pyod.models.auto_encoder import AutoEncoder
        from pyod.models.knn import KNN
    except ImportError:
        print("PyOD is not installed: its baselines are omitted", flush=True)
        return {}

    def baseline(detector):
        return lambda train, new: detector().fit(train).decision_function(new)

    return {
        "PyOD KNN": baseline(KNN),
        "PyOD AutoEncoder": baseline(AutoEncoder),
    }


BASELINES = {
    "nearest row": neighbors(1),
    "mean of 5 nearest": neighbors(5),
    "isolation forest": isolation_forest,
    "LeSiNN": lesinn(16),
    "PCA error": pca_error,
}


def find_tables(folders=None):
    """Paths of the tables, by name."""
    folders = folders.split(",") if folders else TABLES
    paths = [
        path
        for folder in folders
        for path in pathlib.Path(folder).glob("*.npz")
    ]
    if not paths:
        sys.exit(f"{folders}: no .npz files. Set --tables")
    return sorted(paths, key=lambda path: path.stem)


def load(path, seed):
    """Features `(rows, columns)` and labels, 1 for an anomaly."""
    with np.load(path) as table:
        x, y = table["X"].astype("float64"), table["y"].astype(int)
    if len(x) > MAX_ROWS:
        x, _, y, _ = train_test_split(
            x, y, train_size=MAX_ROWS, stratify=y, random_state=seed
        )
    return x, y


def split(protocol, x, y, seed):
    """Training rows, rows to score, and the labels of the latter."""
    if protocol == "contaminated":
        train, new, _, labels = train_test_split(
            x, y, train_size=0.7, stratify=y, random_state=seed
        )
        return train, new, labels
    normal = np.random.default_rng(seed).permutation(np.flatnonzero(y == 0))
    train, others = np.split(normal, [len(normal) // 2])
    scored = np.concatenate([others, np.flatnonzero(y)])
    return x[train], x[scored], y[scored]


def run(protocol, path, seed, baselines):
    """AUC by detector, false-alarm rates, and numbers of rows."""
    train, new, labels = split(protocol, *load(path, seed), seed)
    both = scaled(train, new)
    auc = {
        name: roc_auc_score(labels, score(*both))
        for name, score in baselines.items()
    }
    detector = AnomalyDetector(seed=seed).fit(train)
    scores = detector.score_rows(new)
    auc["AnomalyDetector"] = roc_auc_score(labels, scores["anomaly_score"])
    normal = scores["p_value"][labels == 0]
    alarms = {rate: float(np.mean(normal <= rate)) for rate in RATES}
    return auc, alarms, len(normal), len(train)


def holds(share, rate, rows):
    """Whether a rate is in the 95 % interval of the nominal rate."""
    low, high = binom.interval(0.95, rows, rate)
    return low / rows <= share <= high / rows


def evaluate(protocol, paths, seeds, baselines):
    """Prints a line per table; returns mean AUCs, and whether rates hold."""
    means, held = {}, {rate: [] for rate in RATES}
    for path in paths:
        start = time.monotonic()
        results = [
            run(protocol, path, seed, baselines) for seed in range(seeds)
        ]
        auc = {
            name: statistics.mean(result[0][name] for result in results)
            for name in results[0][0]
        }
        for name, value in auc.items():
            means.setdefault(name, []).append(value)
        alarms = {
            rate: statistics.mean(result[1][rate] for result in results)
            for rate in RATES
        }
        _, _, normal_rows, training_rows = results[0]
        for rate, share in alarms.items():
            if training_rows * rate >= 1:
                held[rate].append(int(holds(share, rate, normal_rows)))
        print(
            f"{protocol}, {path.stem}: "
            + ", ".join(f"{name} {value:.3f}" for name, value in auc.items())
            + "".join(f", {s:.2%} at {rate:.0%}" for rate, s in alarms.items())
            + f", {time.monotonic() - start:.0f} s",
            flush=True,
        )
    means = {name: statistics.mean(values) for name, values in means.items()}
    for name, value in means.items():
        print(f"{protocol}, mean AUC, {name}: {value:.4f}")
    return means, held


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", help="folders of .npz files, by commas")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--quick", action="store_true", help="one seed of five tables, no gates"
    )
    arguments = parser.parse_args()
    paths = find_tables(arguments.tables)
    seeds, baselines = arguments.seeds, {**BASELINES, **pyod_baselines()}
    if arguments.quick:
        seeds, paths = 1, paths[::8]
    passed = []
    for protocol, (baseline, gain) in GAINS.items():
        means, held = evaluate(protocol, paths, seeds, baselines)
        if arguments.quick:
            continue
        name = f"anomaly_tabular ({protocol}, mean AUC above {baseline})"
        value = means["AnomalyDetector"] - means[baseline]
        passed.append(gate(name, value, ">=", gain))
        if protocol == "normals":
            for rate, tables in held.items():
                name = f"anomaly_tabular (share of tables, {rate:.0%} holds)"
                share = statistics.mean(tables)
                print(f"{rate:.0%} holds for {sum(tables)} of {len(tables)}")
                passed.append(gate(name, share, ">=", MIN_TABLES))
    sys.exit(not all(passed))


if __name__ == "__main__":
    main()
