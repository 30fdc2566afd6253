"""Anomaly scores of Spark data frames, with an exported detector.

It needs `pip install "dlunits[spark]"` and Java, on the driver and on all
workers.
"""

import functools
import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import pyarrow as pa

from dlunits.columns import InvalidCells, TableChunk, check_columns
from dlunits.data.tables.table_files import CHUNK_CELLS, regroup
from dlunits.data.tables.table_writer import arrow_columns, with_columns
from dlunits.serving.load import find_version
from dlunits.tasks.anomaly.score_table import (
    NEW_COLUMN_TYPES,
    TableScorer,
    load_detector,
)
from dlunits.tasks.anomaly.serve import ServedDetector
from dlunits.typing import Path

# Default number of rows in a record batch of Spark, which prepares the next
# batch while one is scored.
CHUNK_ROWS = 10_000

if TYPE_CHECKING:
    import pyspark.sql


def score(
    dataframe: "pyspark.sql.DataFrame",
    model: Path,
    *,
    false_alarm_rate: float | None = None,
    skip_invalid: bool = False,
) -> "pyspark.sql.DataFrame":
    """Appends anomaly scores to the rows of a Spark data frame.

    The new columns are those that `apps/anomaly_detection.py --score` writes,
    equal to the last digit:

        anomaly_score  float    anomaly score; normal rows are near 0
        p_value        float    fraction of normal rows with at least this score
        is_anomaly     boolean  whether p_value <= false_alarm_rate
        column_1, expected_1, seen_1 ... column_3, expected_3, seen_3
                       string   columns that differ most from normal rows

    The rows are passed as Arrow record batches (`mapInArrow`). A worker
    process loads the SavedModel once, for all its tasks, and computes with as
    many threads as a task has processors (`spark.task.cpus`).

    Args:
        dataframe: Data frame of Spark, also of Spark Connect, with the columns
            of the training table, in any order and among others.
        model: Folder of a version of the SavedModel, or of all versions; then
            the latest one is loaded. Driver and workers must find the same
            files under this path.
        false_alarm_rate: Number in (0, 1). Default: the rate of the model.
        skip_invalid: Whether rows with cells that are not of the type of their
            column have no score, instead of an error.

    Returns:
        Data frame, which Spark computes when it is used.

    Raises:
        ValueError: If the model is not a detector, or one of time series; a
            column is missing; or the data frame already has a column of a new
            name.

    Example:

    >>> dataframe = spark.read.parquet("sensors")  # doctest: +SKIP
    >>> scored = score(dataframe, "anomaly_sensors/1")  # doctest: +SKIP
    >>> scored.where("is_anomaly").write.parquet("alarms")  # doctest: +SKIP
    """
    from pyspark.sql import types

    version = find_version(model).resolve()
    detector, rate = load_detector(version, false_alarm_rate)
    check_data_frame(dataframe.columns, detector, version)
    spark_types = {
        pa.float32(): types.FloatType(),
        pa.bool_(): types.BooleanType(),
        pa.string(): types.StringType(),
    }
    new = [
        types.StructField(name, spark_types[column_type])
        for name, column_type in NEW_COLUMN_TYPES.items()
    ]
    return dataframe.mapInArrow(
        functools.partial(
            score_batches,
            version=str(version),
            false_alarm_rate=rate,
            skip_invalid=skip_invalid,
            chunk_rows=min(
                CHUNK_ROWS, max(1, CHUNK_CELLS // len(dataframe.columns))
            ),
        ),
        types.StructType([*dataframe.schema.fields, *new]),
    )


def check_data_frame(
    columns: Iterable[str], detector: ServedDetector, version: Path
) -> None:
    """Checks that a detector can score a table with these columns.

    Raises:
        ValueError: If not.
    """
    if "series" in detector.card:
        raise ValueError(
            f"{version}: was trained on time series, and the rows of a data "
            "frame have no order. Score the tables with "
            "apps/anomaly_detection.py."
        )
    columns = list(columns)
    check_columns(columns, detector.table_schema.columns, "The data frame")
    for name in NEW_COLUMN_TYPES:
        if name in columns:
            raise ValueError(
                f"The data frame already has a column {name!r}, perhaps "
                "because it was scored before. Rename or drop it."
            )


def score_batches(
    batches: Iterable[pa.RecordBatch],
    version: str,
    false_alarm_rate: float,
    skip_invalid: bool,
    chunk_rows: int,
) -> Iterator[pa.RecordBatch]:
    """Appends anomaly scores to the record batches of a partition.

    Args:
        batches: Record batches with the same columns.
        version, false_alarm_rate, skip_invalid: See `score`.
        chunk_rows: Number of rows that are scored at once.

    Yields:
        Record batches of at most that many rows.
    """
    scorer = TableScorer(
        worker_detector(version, false_alarm_rate),
        false_alarm_rate,
        invalid_cells=InvalidCells() if skip_invalid else None,
    )
    first_row = 0
    for table in regroup(batches, chunk_rows):
        chunk = TableChunk(
            table,
            first_row=first_row,
            source="A partition of the data frame",
            has_types=True,
        )
        first_row += table.num_rows
        new = arrow_columns(scorer(chunk), table.num_rows)
        yield from with_columns(table, new).to_batches()


@functools.lru_cache(maxsize=1)
def worker_detector(version: str, false_alarm_rate: float) -> ServedDetector:
    """Loads a detector, once per worker process."""
    from pyspark import TaskContext

    task = TaskContext.get()
    threads = str(task.cpus() if task else 1)
    # TensorFlow reads these variables before its first operation.
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", threads)
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
    return load_detector(version, false_alarm_rate)[0]
