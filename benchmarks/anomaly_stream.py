"""Alarm rate and drift detection in streams, from series of NAB and ETTh1.

A row of a series holds the latest values of its columns and their changes. The
detector, with default settings, is trained on the first 15 % of the rows; the
others are passed one by one to `AnomalyStream.update`. Each stream is used
unchanged, and with a ramp added to its first column, from 0 at the start to
five standard deviations at the end. The time of a row is the median of all.

The fraction of alarms must be within 20 % of the requested rate. That of the
fixed threshold of the detector, p <= rate, is printed for comparison. The ramp
must be detected as drift, with its column among those that moved.

Data: Lavin and Ahmad, 2015, "Evaluating real-time anomaly detection
algorithms: the Numenta anomaly benchmark", https://arxiv.org/abs/1510.03336;
Zhou et al., 2021, "Informer", https://arxiv.org/abs/2012.07436.

Usage:
    python benchmarks/anomaly_stream.py [--quick] [--data_dir=FOLDER]
"""

import argparse
import csv
import os
import pathlib
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import numpy as np
from gates import gate
from real_data import DATA

from dlunits.models import AnomalyDetector
from dlunits.models.anomaly.anomaly_stream import AnomalyStream

SERIES = DATA.parent / "series"
NAMES = (
    "nyc_taxi",
    "machine_temperature_system_failure",
    "ambient_temperature_system_failure",
    "ETTh1",
)
TRAINING_SHARE = 0.15
RAMP = 5.0  # standard deviations of the training rows, at the end
RATES = (0.01, 0.05)
MAX_DEVIATION = 0.2  # of the rate, relative
MAX_MILLISECONDS = 2.0  # of a row
QUICK_ROWS = 1_500


def load(path):
    """Rows of a series, `(rows, columns)`: values, and their changes."""
    with path.open(newline="") as file:
        _, *rows = csv.reader(file)
    values = np.array([row[1:] for row in rows], float)
    return np.concatenate([values[1:], np.diff(values, axis=0)], axis=1)


def run(detector, rows, rate):
    """Share of alarms, that of a fixed threshold, stream, median seconds."""
    stream = AnomalyStream(detector, rate)
    alarms, seconds = 0, []
    for row in rows.tolist():
        start = time.perf_counter()
        alarms += stream.update(row).is_anomaly
        seconds.append(time.perf_counter() - start)
    fixed = np.mean(detector.p_value(rows) <= rate)
    return alarms / len(rows), fixed, stream, np.median(seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", default=SERIES, help="folder of series")
    text = "1,500 rows of one series, no gates"
    parser.add_argument("--quick", action="store_true", help=text)
    arguments = parser.parse_args()
    folder = pathlib.Path(arguments.data_dir)
    names = NAMES[:1] if arguments.quick else NAMES
    missing = [name for name in names if not (folder / f"{name}.csv").is_file()]
    if missing:
        sys.exit(f"{folder}: no {missing[0]}.csv. Set --data_dir")
    deviations, drifts, times = [], [], []
    for name in names:
        rows = load(folder / f"{name}.csv")
        train, new = np.split(rows, [int(TRAINING_SHARE * len(rows))])
        if arguments.quick:
            new = new[:QUICK_ROWS]
        detector = AnomalyDetector().fit(train)
        for ramp in (0, RAMP):
            moved = new.copy()
            slope = np.linspace(0, ramp, len(new))
            moved[:, 0] += train[:, 0].std() * slope
            for rate in RATES:
                share, fixed, stream, seconds = run(detector, moved, rate)
                deviations.append(abs(share / rate - 1))
                times.append(1e3 * seconds)
                columns = stream.drifted_columns
                if ramp:
                    found = stream.has_drifted and "column_1" in columns
                    drifts.append(found)
                print(
                    f"{name}, ramp {ramp:g}, asked {rate:.0%}: "
                    f"{share:.2%} of {len(new):,} rows, fixed threshold "
                    f"{fixed:.2%}, log capital {stream.log_capital:.0f}, "
                    f"{len(columns)} columns moved, {times[-1]:.2f} ms a row",
                    flush=True,
                )
    if arguments.quick:
        return
    passed = [
        gate(
            "anomaly_stream (largest deviation from the rate)",
            max(deviations),
            "<=",
            MAX_DEVIATION,
        ),
        gate(
            "anomaly_stream (ramps found, with their column)",
            sum(drifts),
            ">=",
            len(drifts),
        ),
        gate(
            "anomaly_stream (a row)",
            float(np.median(times)),
            "<=",
            MAX_MILLISECONDS,
            " ms",
        ),
    ]
    sys.exit(not all(passed))


if __name__ == "__main__":
    main()
