"""Anomalies in 21 tables of ADBench, beside baselines on the same splits.

Protocol, seeds 0 to 2, at most 10,000 rows a table, drawn in classes:

- normals: learnt from a random half of the normal rows; judged on the other
  half and all anomalies.
- contaminated: learnt from 70 % of all rows, anomalies among them; judged on
  the rest.

`AnomalyDetector` has its default settings throughout. The baselines are
scikit-learn's, on columns scaled by their mean and standard deviation: the
distance to the nearest row, the mean distance to five, isolation forest, and
the error of PCA that keeps 90 % of the variance; with PyOD installed, its
AutoEncoder and KNN as well. Their figures are means of the area under the ROC
curve over tables and seeds.

False alarms are counted on the normal rows that were not learnt from: the
share whose p-value is at most the rate, mean over the seeds, is held against
the interval in which a binomial count of that many rows lies with 95 %.

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
MOST_ROWS = 10_000
RATES = (0.01, 0.05)
BOUNDS = {"normals": 0.894, "contaminated": 0.793}
TABLES_TO_HOLD = 19  # of 21, for each rate


def pyod_peers():
    try:
        from pyod.models.auto_encoder import AutoEncoder
        from pyod.models.knn import KNN
    except ImportError:
        print("PyOD is not installed: its rows are left out", flush=True)
        return {}

    def baseline(detector):
        return lambda known, new: detector().fit(known).decision_function(new)

    return {
        "PyOD KNN": baseline(KNN),
        "PyOD AutoEncoder": baseline(AutoEncoder),
    }


PEERS = {
    "nearest row": neighbors(1),
    "mean of 5 nearest": neighbors(5),
    "isolation forest": isolation_forest,
    "PCA error": pca_error,
}


def load(path, seed):
    """Features `(rows, columns)` and labels, 1 for an anomaly."""
    with np.load(path) as table:
        x, y = table["X"].astype("float64"), table["y"].astype(int)
    if len(x) > MOST_ROWS:
        x, _, y, _ = train_test_split(
            x, y, train_size=MOST_ROWS, stratify=y, random_state=seed
        )
    return x, y


def split(protocol, x, y, seed):
    """Rows to learn from, rows to judge, and the labels of these."""
    if protocol == "contaminated":
        known, new, _, labels = train_test_split(
            x, y, train_size=0.7, stratify=y, random_state=seed
        )
        return known, new, labels
    normal = np.random.default_rng(seed).permutation(np.flatnonzero(y == 0))
    known, others = np.split(normal, [len(normal) // 2])
    judged = np.concatenate([others, np.flatnonzero(y)])
    return x[known], x[judged], y[judged]


def run(protocol, path, seed, baselines):
    """AUC by row, and the share of false alarms by rate."""
    known, new, labels = split(protocol, *load(path, seed), seed)
    both = scaled(known, new)
    auc = {
        name: roc_auc_score(labels, score(*both))
        for name, score in baselines.items()
    }
    detector = AnomalyDetector(seed=seed).fit(known)
    verdict = detector.judge(new)
    auc["AnomalyDetector"] = roc_auc_score(labels, verdict["anomaly_score"])
    normal = verdict["p_value"][labels == 0]
    alarms = {rate: float(np.mean(normal <= rate)) for rate in RATES}
    return auc, alarms, len(normal)


def holds(share, rate, rows):
    """Whether a share is one that chance makes of that rate in 95 of 100."""
    low, high = binom.interval(0.95, rows, rate)
    return low / rows <= share <= high / rows


def judge(protocol, paths, seeds, baselines):
    """Prints a line a table; means over seeds, and which rates hold."""
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
        sys.exit(f"No .npz files in {arguments.tables}: name them by --tables")
    seeds, baselines = arguments.seeds, {**PEERS, **pyod_peers()}
    if arguments.quick:
        seeds, paths = 1, paths[::5]
    passed = []
    for protocol, bound in BOUNDS.items():
        auc, held = judge(protocol, paths, seeds, baselines)
        if arguments.quick:
            continue
        name = f"anomaly_tabular ({protocol}, mean AUC)"
        passed.append(gate(name, auc, ">", bound))
        if protocol == "normals":
            for rate, tables in held.items():
                name = f"anomaly_tabular (tables where {rate:.0%} holds)"
                passed.append(gate(name, tables, ">=", TABLES_TO_HOLD))
    sys.exit(not all(passed))


if __name__ == "__main__":
    main()
