"""Scores a folder of Parquet files in Spark's local-cluster mode, on loopback.

Each executor is a Java process with one worker process of Python, as on the
machines of a cluster. The last line is JSON: the duration of the job in
seconds, and for each worker process, how often it loaded the model, its number
of tasks, and its peak resident set size.

Usage:
    python benchmarks/spark_job.py --model=saved_models/anomaly_wdbc/1
        --score=FOLDER --output=FOLDER [--executors=2] [--warm_up]
"""

import argparse
import atexit
import json
import os
import pathlib
import resource
import shutil
import sys
import tempfile
import time

PROJECT = pathlib.Path(__file__).parents[1]
EXECUTOR_MEMORY = 1024  # MiB of Java
WARM_UP_ROWS = 100_000  # rows after which Java has compiled frequent methods


def spark_home():
    """Folder with the programs of Spark, for the logs of the executors."""
    import pyspark

    home = pathlib.Path(tempfile.mkdtemp(prefix="spark_job_"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    for name in ("bin", "jars"):
        (home / name).symlink_to(pathlib.Path(pyspark.__file__).with_name(name))
    return home


def local_cluster(executors):
    """Starts a Spark session with executors of one core, on loopback."""
    from pyspark.sql import SparkSession

    os.environ.update(
        SPARK_HOME=str(spark_home()),
        SPARK_LOCAL_IP="127.0.0.1",
        SPARK_LOCAL_HOSTNAME="127.0.0.1",
        PYSPARK_PYTHON=sys.executable,
    )
    options = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.executor.memory": f"{EXECUTOR_MEMORY}m",
        "spark.executorEnv.PYTHONPATH": str(PROJECT),
        "spark.sql.files.minPartitionNum": "16",
    }
    builder = SparkSession.builder.master(
        f"local-cluster[{executors},1,{EXECUTOR_MEMORY}]"
    ).config(map=options)
    return builder.getOrCreate()


def describe_workers(session, executors):
    """List with a dict for each worker process, see the module's docstring."""

    def describe(batches):
        import pyarrow as pa

        from dlunits.tasks.anomaly.spark import worker_detector

        list(batches)
        time.sleep(1)  # so that each executor gets a task
        info = worker_detector.cache_info()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        yield pa.RecordBatch.from_pylist(
            [
                {
                    "pid": os.getpid(),
                    "loads": info.misses,
                    "uses": info.misses + info.hits,
                    "peak_mib": peak // 1024,
                }
            ]
        )

    rows = session.range(executors, numPartitions=executors).mapInArrow(
        describe, "pid long, loads long, uses long, peak_mib long"
    )
    return [row.asDict() for row in rows.collect()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--score", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--executors", type=int, default=2)
    parser.add_argument(
        "--warm_up",
        action="store_true",
        help="score some rows before, into a folder OUTPUT_warm_up",
    )
    arguments = parser.parse_args()
    from dlunits.tasks.anomaly.spark import score

    session = local_cluster(arguments.executors)
    table = session.read.parquet(arguments.score)
    if arguments.warm_up:
        some = table.limit(WARM_UP_ROWS).repartition(arguments.executors)
        score(some, arguments.model).write.parquet(
            f"{arguments.output}_warm_up"
        )
    start = time.monotonic()
    score(table, arguments.model).write.parquet(arguments.output)
    seconds = time.monotonic() - start
    workers = describe_workers(session, arguments.executors)
    print(json.dumps({"seconds": seconds, "workers": workers}))
    session.stop()


if __name__ == "__main__":
    main()
