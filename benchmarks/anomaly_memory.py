"""Peak memory of the anomaly app: training on a large table, and scoring it.

`apps/anomaly_detection.py` trains on a CSV file of 10 million rows and 10
columns (a timestamp, seven numbers, a category, a boolean; about 1 GB) and
scores it with explanations, once without and once with a label column. The
result is the peak resident set size of the process, which the operating system
reports at its end. The folder needs 5 GB.

Usage:
    python benchmarks/anomaly_memory.py [--quick] [--rows=10000000]
        [--folder=FOLDER]
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import pyarrow as pa
import pyarrow.csv
from app_runs import APPS
from gates import gate

ROWS, QUICK_ROWS = 10_000_000, 200_000
CHUNK = 100_000  # rows
BOUND = 2  # GiB
ANOMALIES = 0.001  # share of the rows
LABEL = "is_fault"


def sensor_tables(rows, seed=0):
    """Yields sensor data: six correlated numbers, and others."""
    generator = np.random.default_rng(seed)
    mixing = np.random.default_rng(0).normal(size=(3, 6))
    for first in range(0, rows, CHUNK):
        count = min(CHUNK, rows - first)
        fault = generator.random(count) < ANOMALIES
        numbers = generator.normal(size=(count, 3)) @ mixing
        numbers += 0.1 * generator.normal(size=numbers.shape)
        numbers[fault, 0] += 5
        seconds = np.datetime64("2024-01-01", "s") + first
        yield pa.table(
            {
                "time": seconds + np.arange(count),
                **{
                    f"sensor_{i}": column.round(4)
                    for i, column in enumerate(numbers.T, 1)
                },
                "load": generator.integers(0, 1000, count),
                "mode": generator.choice(["idle", "run", "stop"], count),
                "open": pa.array(generator.random(count) < 0.3),
                LABEL: fault.astype("int8"),
            }
        )


def write_table(path, rows, seed=0):
    """Writes sensor data as CSV."""
    writer = None
    with path.open("wb") as file:
        for table in sensor_tables(rows, seed):
            writer = writer or pa.csv.CSVWriter(file, table.schema)
            writer.write_table(table)
        writer.close()


def run_app(folder, *flags):
    """Peak memory of the app in GiB, and its duration in seconds."""
    start = time.monotonic()
    workdir = f"--workdir={folder}/run", f"--export_dir={folder}/model"
    peak = peak_memory(*flags, *workdir)
    return peak, time.monotonic() - start


def peak_memory(*flags):
    """Peak memory of the app in GiB."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [sys.executable, APPS / "anomaly_detection.py", *flags],
            stdout=output,
        )
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit("The app failed: see above")
    unit = 1 if sys.platform == "darwin" else 1024  # bytes
    return usage.ru_maxrss * unit / 2**30


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--folder", help="parent of the temporary folder")
    parser.add_argument(
        "--quick", action="store_true", help=f"{QUICK_ROWS:,} rows"
    )
    arguments = parser.parse_args()
    rows = QUICK_ROWS if arguments.quick else arguments.rows
    passed = []
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        path = pathlib.Path(folder, "table.csv")
        write_table(path, rows)
        size = path.stat().st_size / 2**30
        print(f"{rows:,} rows, {size:.2f} GiB of CSV", flush=True)
        for name, flag in {
            "without labels": f"--column_type={LABEL}=ignored",
            "with labels": f"--label_column={LABEL}",
        }.items():
            output = path.with_name("scored.csv")
            peak, seconds = run_app(
                folder,
                f"--train={path}",
                f"--score={path}",
                f"--output={output}",
                flag,
            )
            print(f"{name}: {peak:.2f} GiB, {seconds:.0f} s", flush=True)
            gate_name = f"anomaly_memory ({rows:,} rows, {name})"
            passed.append(gate(gate_name, peak, "<=", BOUND, " GiB"))
            output.unlink()
    sys.exit(not all(passed))


if __name__ == "__main__":
    main()
