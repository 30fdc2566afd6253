"""Time series in tables: channels, timestamps and labels."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from dlunits.columns import (
    InvalidCells,
    check_columns,
    example_values,
    infer_column_types,
    list_columns,
    read_columns,
)
from dlunits.columns.column_values import is_number_type
from dlunits.columns.identifiers import IDENTIFIER, ROW_NUMBERS
from dlunits.data.tables.anomaly_labels import anomaly_labels
from dlunits.data.tables.table_files import TableFile
from dlunits.typing import Array, Path

MAX_FOOTER_ROWS = 5


@dataclasses.dataclass(frozen=True)
class SeriesTable:
    """Values, times and labels of a time series.

    Args:
        values: Float64 `(rows, channels)`, NaN where missing.
        times: Seconds `(rows,)`.
        labels: Booleans `(rows,)`, true for an anomaly; `None` without labels.
    """

    values: Array
    times: Array
    labels: Array | None


def series_column_types(
    column_types: Mapping[str, str],
    reasons: Mapping[str, str],
    timestamp_column: str,
    source: Path = "The table",
    *,
    use_counters: bool = False,
    table_file: TableFile | None = None,
) -> tuple[dict[str, str], dict[str, str]]:
    """Selects the time and the channels of a series from a table's columns.

    Args:
        column_types, reasons: Results of
            `dlunits.columns.infer_column_types`.
        timestamp_column: Name of the column of times: timestamps, or numbers
            of seconds.
        source: Start of an error message, such as the path of the file.
        use_counters: Whether columns that look like identifiers are channels.
            In a table of independent rows they are ignored, but in a series
            they may be totals or a growing population. Row numbers are always
            ignored.
        table_file: The table, for an error message with the first cell that is
            not a time, or `None`.

    Returns:
        `(column_types, reasons)`: dict from column name to type, the time
        first, then the channels, which are numbers and booleans; dict from
        every other column to the reason why it is ignored.

    Raises:
        ValueError: If the column holds no times or there is no channel.

    Example:

    >>> types = {"road": "category", "speed": "number", "t": "timestamp"}
    >>> series_column_types(types, {}, "t")
    ({'t': 'timestamp', 'speed': 'number'}, {'road': 'is not a number'})
    """
    check_columns(column_types, [timestamp_column], source)
    time_type = column_types[timestamp_column]
    if is_identifier(reasons.get(timestamp_column)):
        time_type = "number"
    if not time_type.startswith(("timestamp", "number")):
        if table_file is not None:
            refuse_times(table_file, timestamp_column)
        raise ValueError(
            f"{source}: column {timestamp_column!r} must hold times or "
            f"numbers of seconds. Received: a column of type {time_type!r}"
        )
    used, ignored = {timestamp_column: time_type}, {}
    for name, column_type in column_types.items():
        if name == timestamp_column:
            continue
        reason = reasons.get(name)
        if column_type == "boolean" or is_number_type(column_type):
            used[name] = column_type
        elif use_counters and is_identifier(reason) and reason != ROW_NUMBERS:
            used[name] = "number"
        else:
            ignored[name] = reason or "is not a number"
    if len(used) == 1:
        raise ValueError(
            f"{source}: has no column of numbers besides "
            f"{timestamp_column!r}. Expected at least one."
        )
    return used, ignored


def infer_series_columns(
    table_file: TableFile,
    timestamp_column: str,
    column_types: Mapping[str, str] | None = None,
    series_column: str | None = None,
    label_column: str | None = None,
    *,
    use_counters: bool = True,
) -> tuple[dict[str, str], dict[str, str]]:
    r"""Infers the time and the channels of the series in a table.

    Args:
        table_file: `dlunits.data.tables.table_files.TableFile`.
        timestamp_column: Name of the column of times.
        column_types: Dict from column name to type, for columns whose type
            is not to be inferred.
        series_column: Column that names the series of each row, or `None`.
        label_column: Column of labels, which is not a channel, or `None`.
        use_counters: See `series_column_types`.

    Returns:
        `(column_types, reasons)`, see `series_column_types`.

    Raises:
        ValueError: As `infer_column_types` and `series_column_types`.

    Example:

    >>> import pathlib, tempfile
    >>> from dlunits.data.tables.table_files import open_table
    >>> path = pathlib.Path(tempfile.mkdtemp(), "load.csv")
    >>> _ = path.write_text("t,load,road\n0,1.5,dry\n60,2.5,wet\n")
    >>> infer_series_columns(open_table(path), "t")
    ({'t': 'number', 'load': 'number'}, {'road': 'is not a number'})
    """
    names = [name for name in (timestamp_column, series_column) if name]
    check_columns(table_file.columns, names, table_file.path)
    overrides = dict(column_types or {})
    parts = dict.fromkeys(table_file.date_and_time, "is part of the timestamp")
    if series_column:
        parts[series_column] = "names the series"
    overrides |= dict.fromkeys(parts, "ignored")
    types, reasons = infer_column_types(
        table_file, overrides, label_column, timestamp_column=timestamp_column
    )
    reasons |= parts
    return series_column_types(
        types,
        reasons,
        timestamp_column,
        table_file.path,
        use_counters=use_counters,
        table_file=table_file,
    )


def list_series_columns(
    table_file: TableFile,
    column_types: Mapping[str, str],
    reasons: Mapping[str, str],
) -> list[str]:
    r"""Lists the columns of a table of series, see `list_columns`.

    Args:
        table_file: `dlunits.data.tables.table_files.TableFile`.
        column_types, reasons: Results of `infer_series_columns`.

    Returns:
        List of lines.

    Example:

    >>> import pathlib, tempfile
    >>> from dlunits.data.tables.table_files import open_table
    >>> path = pathlib.Path(tempfile.mkdtemp(), "load.csv")
    >>> _ = path.write_text("t,load,road\n0,1.5,dry\n60,2.5,wet\n")
    >>> table = open_table(path)
    >>> types, reasons = infer_series_columns(table, "t")
    >>> for line in list_series_columns(table, types, reasons):
    ...     print(line)
    Column  Type     Example
    t       number   0
    load    number   1.5
    road    ignored  dry      is not a number
    """
    listed = {
        name: column_types.get(name, "ignored") for name in table_file.columns
    }
    return list_columns(listed, reasons, example_values(table_file))


def refuse_times(table_file: TableFile, timestamp_column: str) -> None:
    """Raises a ValueError with the first cell that is not a time."""
    for chunk in table_file.chunks():
        read_columns(chunk, {timestamp_column: "timestamp"})


def is_identifier(reason: str | None) -> bool:
    """Whether a column is ignored because it holds identifiers."""
    return reason == ROW_NUMBERS or (reason or "").startswith(IDENTIFIER)


def read_series(
    table_file: TableFile,
    column_types: Mapping[str, str],
    label_column: str | None = None,
    normal_class: str | None = None,
    invalid_cells: InvalidCells | None = None,
    drop_footer: bool = False,
) -> SeriesTable:
    r"""Reads a whole time series into memory.

    Args:
        table_file: `dlunits.data.tables.table_files.TableFile`.
        column_types: Dict from column name to type: the time, then the
            channels.
        label_column: Column that marks anomalies, or `None`. It is ignored if
            the table does not have it.
        normal_class: Label of normal rows, see
            `dlunits.data.tables.anomaly_labels`.
        invalid_cells: As in `dlunits.columns.read_columns`.
        drop_footer: Whether up to 5 rows at the end whose time is an invalid
            cell, such as "Total", are dropped.

    Returns:
        `SeriesTable`.

    Raises:
        ValueError: If a value or a label cannot be read, or a time is
            missing. The message is one line with file, line and column.

    Example:

    >>> import pathlib, tempfile
    >>> from dlunits.data.tables.table_files import open_table
    >>> path = pathlib.Path(tempfile.mkdtemp(), "load.csv")
    >>> _ = path.write_text("t,load\n0,1.5\n60,2.5\n")
    >>> types = {"t": "number", "load": "number"}
    >>> series = read_series(open_table(path), types)
    >>> series.times.tolist(), series.values[:, 0].tolist()
    ([0.0, 60.0], [1.5, 2.5])
    """
    time, *channels = column_types
    values, times, labels = [], [], []
    labeled = label_column is not None and label_column in table_file.columns
    for chunk in table_file.chunks():
        columns = read_columns(chunk, column_types, invalid_cells)
        times.append(columns[time])
        values.append(np.stack([columns[name] for name in channels], axis=1))
        if label_column is not None and labeled:
            labels.append(anomaly_labels(chunk, label_column, normal_class))
    all_times = np.concatenate(times)
    end = len(all_times)
    without = np.flatnonzero(np.isnan(all_times)).tolist()
    if without:
        first = without[0]
        is_footer = (
            drop_footer
            and invalid_cells is not None
            and without == list(range(first, end))
            and 0 < len(without) <= MAX_FOOTER_ROWS
            and invalid_cells.rows.issuperset(without)
        )
        if not is_footer:
            raise ValueError(
                f"{table_file.place(first)}, column {time!r}: every row of a "
                "series must have a time. Remove the rows without one."
            )
        end = first
    return SeriesTable(
        np.concatenate(values)[:end],
        all_times[:end],
        np.concatenate(labels)[:end] if labeled else None,
    )
