"""How fast the anomaly detector learns and scores, beside scikit-learn's.

The table has 10,000 rows and 20 columns of numbers that depend on eight; ten
such tables in a row are scored. The baselines are fitted to as many columns
scaled by mean and standard deviation; all have their default settings, but
for five neighbors and the two processes that scikit-learn may use.

Usage:
    python benchmarks/anomaly_speed.py [--quick]
"""

import argparse
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import numpy as np
from gates import gate
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from dlunits.models import AnomalyDetector

ROWS, COLUMNS, CAUSES = 10_000, 20, 8
TABLES_SCORED = 10


def normal_rows(seed):
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(0).normal(size=(CAUSES, COLUMNS))
    noise = 0.1 * rng.normal(size=(ROWS, COLUMNS))
    return rng.normal(size=(ROWS, CAUSES)) @ mixing + noise


def seconds(function, *arguments):
    start = time.monotonic()
    result = function(*arguments)
    return time.monotonic() - start, result


def baselines(known):
    """Name -> (seconds of fitting, function that scores)."""
    scaler = StandardScaler().fit(known)
    scaled = scaler.transform(known)
    spent, nearest = seconds(NearestNeighbors(n_jobs=2).fit, scaled)
    yield (
        "5 nearest rows",
        spent,
        lambda x: nearest.kneighbors(scaler.transform(x)),
    )
    spent, forest = seconds(IsolationForest(n_jobs=2).fit, scaled)
    yield (
        "isolation forest",
        spent,
        lambda x: forest.score_samples(scaler.transform(x)),
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="scores one table, no gates"
    )
    arguments = parser.parse_args()
    known, new = normal_rows(0), normal_rows(1)
    if not arguments.quick:
        new = np.tile(new, (TABLES_SCORED, 1))
    fitting, detector = seconds(AnomalyDetector().fit, known)
    detector.judge(known)  # traces the graph
    rates = {}
    for name, spent, score in (
        ("AnomalyDetector", fitting, detector.judge),
        *baselines(known),
    ):
        taken, _ = seconds(score, new)
        rates[name] = len(new) / taken
        print(
            f"{name}: fitted in {spent:.1f} s, scores {rates[name]:,.0f} rows "
            "a second",
            flush=True,
        )
    if arguments.quick:
        return
    rate = rates["AnomalyDetector"]
    passed = [
        gate("anomaly_speed (fitting)", fitting, "<=", 30, " s"),
        gate("anomaly_speed (rows scored a second)", rate, ">=", 100_000),
    ]
    sys.exit(not all(passed))


if __name__ == "__main__":
    main()
