"""Scaling of scoring: rows per second by number of workers, memory by rows.

    python benchmarks/scoring_scale.py               # all parts
    python benchmarks/scoring_scale.py --part=speed

Rows of 11 columns of sensor data in Parquet files are scored with explanations,
with one thread per worker.

- speed: the app as one process and as two, with `--shard=0/2` and `1/2`, and
  Spark in local-cluster mode with one and two executors, each with one worker
  process; both read and write Parquet. One worker has one core, which Java also
  uses; two workers have two cores. The time does not include the start of
  Python, Java and TensorFlow and the loading of the detector: for the app, the
  duration of a run in which all files are scored already is subtracted; a Spark
  job scores some rows before. Median of three rounds, each with all four.
- memory: peak resident set size of the app on 1 million rows, and on 20 million
  rows: one file of 10 million rows and ten of 1 million.

The memory part needs 5 GB in the temporary folder; both take 20 minutes on 2
cores of Linux. Spark needs Java and `pip install "dlunits[spark]"`.
"""

import argparse
import functools
import itertools
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

os.environ.update(
    TF_CPP_MIN_LOG_LEVEL="2",
    TF_NUM_INTRAOP_THREADS="1",
    TF_NUM_INTEROP_THREADS="1",
    OMP_NUM_THREADS="1",
)

import pyarrow as pa
import pyarrow.parquet as pq
from anomaly_memory import LABEL, peak_memory, sensor_tables
from app_runs import APPS
from gates import gate

from dlunits.models import AnomalyDetector
from dlunits.tasks.anomaly.serve import export_detector

TRAINING_ROWS = 10_000
FILES, FILE_ROWS, ROUNDS = 16, 200_000, 3  # of the part speed
FEW_ROWS, MANY_ROWS = 1_000_000, 20_000_000  # of the part memory
WORKERS = (1, 2)


def write_parquet(path, rows, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = None
    for table in sensor_tables(rows, seed):
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    writer.close()


def export_sensors(folder):
    """Trains a detector on normal rows, and returns its SavedModel."""
    table = pa.concat_tables(sensor_tables(TRAINING_ROWS))
    normal = table.filter(pa.compute.equal(table[LABEL], 0)).drop([LABEL])
    return export_detector(
        AnomalyDetector().fit(normal),
        folder / "sensors",
        data="random sensor data",
        metrics={},
        command="python benchmarks/scoring_scale.py",
    )


def app_flags(model, tables, output):
    return f"--model={model}", f"--score={tables}", f"--output={output}"


def on_cores(count):
    """Function that restricts a new process and its children to some cores."""
    cores = sorted(os.sched_getaffinity(0))[:count]
    return functools.partial(os.sched_setaffinity, 0, cores)


def app_seconds(model, tables, output, workers):
    """Duration of scoring a folder with processes that start together."""

    def run():
        start = time.monotonic()
        processes = [
            subprocess.Popen(
                [
                    *(sys.executable, APPS / "anomaly_detection.py"),
                    *app_flags(model, tables, output),
                    f"--shard={index}/{workers}",
                ],
                stdout=subprocess.DEVNULL,
                preexec_fn=on_cores(workers),
            )
            for index in range(workers)
        ]
        if sum(process.wait() for process in processes):
            sys.exit("The app failed: see above")
        return time.monotonic() - start

    seconds = run()
    return seconds - run()  # in the second run, all files are scored already


def spark_seconds(model, tables, output, workers):
    """Duration of a Spark job of executors that have loaded the detector."""
    script = pathlib.Path(__file__).with_name("spark_job.py")
    process = subprocess.run(
        [
            *(sys.executable, script, *app_flags(model, tables, output)),
            *(f"--executors={workers}", "--warm_up"),
        ],
        capture_output=True,
        text=True,
        preexec_fn=on_cores(workers),
    )
    if process.returncode:
        sys.exit(process.stderr)
    result = json.loads(process.stdout.splitlines()[-1])
    assert len({worker["pid"] for worker in result["workers"]}) == workers
    peak = max(worker["peak_mib"] for worker in result["workers"])
    print(f"peak memory of a worker process: {peak:,} MiB", flush=True)
    return result["seconds"]


def measure_speed(folder, model, file_rows, rounds):
    tables = folder / "tables"
    for number in range(FILES):
        write_parquet(tables / f"{number}.parquet", file_rows, number + 1)
    engines = {"app": app_seconds, "Spark": spark_seconds}
    rates = {key: [] for key in itertools.product(engines, WORKERS)}
    for number in range(rounds):
        for (name, workers), measured in rates.items():
            output = folder / f"{name}_{workers}_{number}"
            seconds = engines[name](model, tables, output, workers)
            measured.append(FILES * file_rows / seconds)
            print(
                f"round {number + 1}, {name}, {workers} workers: "
                f"{measured[-1]:,.0f} rows a second",
                flush=True,
            )
    rates = {key: statistics.median(found) for key, found in rates.items()}
    for (name, workers), rate in rates.items():
        print(f"{name}, {workers} workers: {rate:,.0f} rows a second")
    spark = rates["Spark", 2] / rates["Spark", 1]
    app = rates["app", 2] / rates["app", 1]
    alone = rates["app", 1] / rates["Spark", 1]
    print(f"app, two processes against one: {app:.2f}x")
    return [
        gate("scoring_scale (Spark, 2 executors / 1)", spark, ">=", 1.8, "x"),
        gate("scoring_scale (app / 1 executor)", alone, ">=", 0.9, "x"),
        gate("scoring_scale (1 executor / app)", 1 / alone, ">=", 0.9, "x"),
    ]


def measure_memory(folder, model, few_rows, many_rows):
    few, many = folder / "few", folder / "many"
    write_parquet(few / "0.parquet", few_rows, 1)
    write_parquet(many / "large.parquet", many_rows // 2, 2)
    for number in range(many_rows // 2 // few_rows):
        (many / f"{number}.parquet").hardlink_to(few / "0.parquet")
    peaks = []
    for name, rows in (("few", few_rows), ("many", many_rows)):
        output = folder / f"{name}_scored"
        start = time.monotonic()
        peaks.append(peak_memory(*app_flags(model, folder / name, output)))
        seconds = time.monotonic() - start
        print(
            f"{rows:,} rows: {peaks[-1]:.3f} GiB, {seconds:.0f} s, "
            f"{rows / seconds:,.0f} rows a second with the start",
            flush=True,
        )
    growth = peaks[1] / peaks[0]
    gate_name = f"scoring_scale (memory, {many_rows:,} rows / {few_rows:,})"
    return [gate(gate_name, growth, "<=", 1.1, "x")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=["speed", "memory"])
    parser.add_argument("--folder", help="parent of the temporary folder")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument(
        "--quick", action="store_true", help="a tenth of the rows, one round"
    )
    arguments = parser.parse_args()
    share, rounds = (10, 1) if arguments.quick else (1, arguments.rounds)
    passed = []
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = pathlib.Path(name)
        model = export_sensors(folder)
        if arguments.part != "memory":
            passed += measure_speed(folder, model, FILE_ROWS // share, rounds)
        if arguments.part != "speed":
            sizes = FEW_ROWS // share, MANY_ROWS // share
            passed += measure_memory(folder, model, *sizes)
    sys.exit(not all(passed))


if __name__ == "__main__":
    main()
