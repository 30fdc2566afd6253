"""Anomaly detection in 21 tables of ADBench, with baselines on the same splits.

Protocol, seeds 0 to 2, at most 10,000 rows per table, a stratified sample:

- normals: trained on a random half of the normal rows; the other half and all
  anomalies are scored.
- contaminated: trained on 70 % of all rows, with anomalies; the other rows are
  scored.

`AnomalyDetector` has default settings. Baselines of scikit-learn, on columns
standardized by mean and standard deviation: the distance to the nearest row,
the mean distance to the five nearest rows, isolation forest, and the
reconstruction error of PCA that keeps 90 % of the variance; with PyOD
installed, its AutoEncoder and KNN as well. Results are the area under the ROC
curve, mean over tables and seeds.

The false-alarm rate is measured on the normal rows that are not used for
training: the fraction with a p-value of at most the nominal rate, mean over
the seeds. The nominal rate holds for a table if the measured one is in the
95 % interval of a binomial count of as many rows.

Tables: Han et al., 2022, "ADBench", https://arxiv.org/abs/2206.09426.

Usage:
    python benchmarks/anomaly_tabular.py [--quick] [--tables=FOLDER]
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
from row_detectors import isolation_forest, neighbors, pca_error, scaled
from scipy.stats import binom
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from dlunits.models import AnomalyDetector

TABLES = DATA.parent / "tabular"
MAX_ROWS = 10_000
RATES = (0.01, 0.05)
BOUNDS = {"normals": 0.894, "contaminated": 0.793}
MIN_TABLES = 19  # of 21, for each rate


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
    "PCA error": pca_error,
}


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
    """AUC by detector, false-alarm rate by nominal rate, and normal rows."""
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
    return auc, alarms, len(normal)


def holds(share, rate, rows):
    """Whether a rate is in the 95 % interval of the nominal rate."""
    low, high = binom.interval(0.95, rows, rate)
    return low / rows <= share <= high / rows


def evaluate(protocol, paths, seeds, baselines):
    """Prints a line per table; returns the mean AUC and tables per rate."""
    means, held = {}, dict.fromkeys(RATES, 0)
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
        for rate, share in alarms.items():
            held[rate] += holds(share, rate, results[0][2])
        print(
            f"{protocol}, {path.stem}: "
            + ", ".join(f"{name} {value:.3f}" for name, value in auc.items())
            + "".join(f", {s:.2%} at {rate:.0%}" for rate, s in alarms.items())
            + f", {time.monotonic() - start:.0f} s",
            flush=True,
        )
    for name, values in means.items():
        print(f"{protocol}, mean AUC, {name}: {statistics.mean(values):.4f}")
    return statistics.mean(means["AnomalyDetector"]), held


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", default=TABLES, help="folder of .npz files")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--quick", action="store_true", help="one seed of five tables, no gates"
    )
    arguments = parser.parse_args()
    paths = sorted(pathlib.Path(arguments.tables).glob("*.npz"))
    if not paths:
        sys.exit(f"{arguments.tables}: no .npz files. Set --tables")
    seeds, baselines = arguments.seeds, {**BASELINES, **pyod_baselines()}
    if arguments.quick:
        seeds, paths = 1, paths[::5]
    passed = []
    for protocol, bound in BOUNDS.items():
        auc, held = evaluate(protocol, paths, seeds, baselines)
        if arguments.quick:
            continue
        name = f"anomaly_tabular ({protocol}, mean AUC)"
        passed.append(gate(name, auc, ">", bound))
        if protocol == "normals":
            for rate, tables in held.items():
                name = f"anomaly_tabular (tables where {rate:.0%} holds)"
                passed.append(gate(name, tables, ">=", MIN_TABLES))
    sys.exit(not all(passed))


if __name__ == "__main__":
    main()
