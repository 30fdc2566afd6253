"""Speed of fitting and scoring with the anomaly detector and baselines.

The table has 10,000 rows and 20 columns of numbers, linear combinations of
eight factors with noise. Ten such tables are scored at once. The baselines of
scikit-learn are fitted to the same columns, standardized by mean and standard
deviation. All have default settings, except for five neighbors and two
processes. All score in turns, five times, and the median is reported. The
processor time of a row, summed over all threads, depends less on other load on
the machine.

Usage:
    python benchmarks/anomaly_speed.py [--quick]
"""

import argparse
import os
import statistics
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

ROWS, COLUMNS, FACTORS = 10_000, 20, 8
TABLES_SCORED = 10
TURNS = 5


def normal_rows(seed):
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(0).normal(size=(FACTORS, COLUMNS))
    noise = 0.1 * rng.normal(size=(ROWS, COLUMNS))
    return rng.normal(size=(ROWS, FACTORS)) @ mixing + noise


def seconds(function, *arguments):
    """Returns `(wall time, processor time)` of a call, and its result."""
    start = time.monotonic(), time.process_time()
    result = function(*arguments)
    return time.monotonic() - start[0], time.process_time() - start[1], result


def baselines(train):
    """Yields name, seconds of fitting, and the function that scores."""
    scaler = StandardScaler().fit(train)
    scaled = scaler.transform(train)
    spent, _, nearest = seconds(NearestNeighbors(n_jobs=2).fit, scaled)
    yield (
        "5 nearest rows",
        spent,
        lambda x: nearest.kneighbors(scaler.transform(x)),
    )
    spent, _, forest = seconds(IsolationForest(n_jobs=2).fit, scaled)
    yield (
        "isolation forest",
        spent,
        lambda x: forest.score_samples(scaler.transform(x)),
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="score one table, no gates"
    )
    arguments = parser.parse_args()
    train, new = normal_rows(0), normal_rows(1)
    if not arguments.quick:
        new = np.tile(new, (TABLES_SCORED, 1))
    fitting, _, detector = seconds(AnomalyDetector().fit, train)
    detector.score_rows(train)  # traces the graph
    rows = [
        ("AnomalyDetector", fitting, detector.score_rows),
        *baselines(train),
    ]
    turns = [
        [seconds(score, new)[:2] for _, _, score in rows]
        for _ in range(1 if arguments.quick else TURNS)
    ]
    rates = {}
    for (name, spent, _), times in zip(
        rows, zip(*turns, strict=True), strict=True
    ):
        taken, processor = map(statistics.median, zip(*times, strict=True))
        rates[name] = len(new) / taken
        print(
            f"{name}: fitted in {spent:.1f} s, scores {rates[name]:,.0f} rows "
            f"a second, {1e6 * processor / len(new):.1f} microseconds of "
            "processor time a row",
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
