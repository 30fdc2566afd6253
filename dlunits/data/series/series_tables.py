"""A series out of a table: its channels, times and labels."""

import dataclasses

import numpy as np

from dlunits.data.tables.anomaly_labels import anomaly_labels
from dlunits.data.tables.table_columns import check_columns, columns_as_arrays

CHANNEL_KINDS = ("number", "boolean")


@dataclasses.dataclass(frozen=True)
class SeriesTable:
    """All rows of a series, as they came.

    Args:
        values: Float64 `(rows, channels)`, NaN where missing.
        times: Seconds `(rows,)`.
        labels: Booleans `(rows,)`, true for an anomaly; `None` without labels.
    """

    values: np.ndarray
    times: np.ndarray
    labels: np.ndarray | None


def series_kinds(kinds, reasons, timestamp_column, place="The table"):
    """Which columns of a table are time and channels of a series.

    Args:
        kinds, reasons: What
            `dlunits.data.tables.column_types.infer_column_types` returns.
        timestamp_column: Name of the column of times: points in time, or
            numbers, which are seconds.
        place: Text that a message begins with, the file's name for example.

    Returns:
        `(kinds, reasons)`: of the time, which is the first, and the channels,
        numbers and booleans; and of all others why they are ignored.

    Raises:
        ValueError: If the column holds no times or there is no channel.

    Example:

    >>> kinds = {"road": "category", "speed": "number", "t": "timestamp"}
    >>> series_kinds(kinds, {}, "t")
    ({'t': 'timestamp', 'speed': 'number'}, {'road': 'is no number'})
    """
    check_columns(kinds, [timestamp_column], place)
    time_kind = kinds[timestamp_column]
    if reasons.get(timestamp_column) == "counts the rows":
        time_kind = "number"
    if not time_kind.startswith(("timestamp", "number")):
        raise ValueError(
            f"{place}: column {timestamp_column!r} must hold times or numbers "
            f"of seconds. Received: a column that is {time_kind}"
        )
    found, ignored = {timestamp_column: time_kind}, {}
    for name, kind in kinds.items():
        if name == timestamp_column:
            continue
        if kind in CHANNEL_KINDS:
            found[name] = kind
        else:
            ignored[name] = reasons.get(name, "is no number")
    if len(found) == 1:
        raise ValueError(
            f"{place}: has no column of numbers beside {timestamp_column!r} "
            "to make a series of."
        )
    return found, ignored


def read_series(table_file, kinds, label_column=None, normal_class=None):
    """Reads a series whole.

    Args:
        table_file: `dlunits.data.tables.table_files.TableFile`.
        kinds: Dict of column name to kind: the time, then the channels.
        label_column: Column that says what is an anomaly, or `None`; the
            table may lack it.
        normal_class: See `dlunits.data.tables.anomaly_labels`.

    Returns:
        `SeriesTable`.

    Raises:
        ValueError: If a value or a label cannot be read, or a time is missing:
            one line that names file, line and column.
    """
    time, *channels = kinds
    labeled = label_column in table_file.columns
    values, times, labels = [], [], []
    for chunk in table_file.chunks():
        columns = columns_as_arrays(chunk, kinds)
        missing = np.isnan(columns[time])
        if missing.any():
            place = chunk.place(missing.argmax().item(), time)
            raise ValueError(
                f"{place}: every row of a series must have a time. Leave such "
                "rows out."
            )
        times.append(columns[time])
        values.append(np.stack([columns[name] for name in channels], axis=1))
        if labeled:
            labels.append(anomaly_labels(chunk, label_column, normal_class))
    return SeriesTable(
        np.concatenate(values),
        np.concatenate(times),
        np.concatenate(labels) if labeled else None,
    )
