"""Detection of tables in which several rows have the same timestamp."""

import numpy as np
import pyarrow as pa

from dlunits.columns.column_values import ColumnTypeError, strip_missing
from dlunits.columns.date_and_time import is_time_of_day
from dlunits.data.tables.table_files import TableFile
from dlunits.typing import Array

MAX_REPEATED = 0.05  # share of the rows with the time of another row


def count_repeated_times(
    table_file: TableFile,
    times: Array,
    timestamp_column: str,
    names: Array | None = None,
) -> int:
    r"""Counts rows with the time of another row, and rejects a table of many.

    A few rows may be duplicates, or lie in the hour that is repeated at the end
    of daylight saving time. If there are more than 5 %, the table holds several
    series, or dates without the time of day; averaging these rows would destroy
    the series.

    Args:
        table_file: `dlunits.data.tables.table_files.TableFile`.
        times: Seconds `(rows,)`.
        timestamp_column: Name of the column of times.
        names: Strings `(rows,)`, the series of each row; times are compared
            within each series. `None` if there is one series.

    Returns:
        Number of rows with a time that an earlier row has.

    Raises:
        ValueError: If they are more than 5 % of the rows. The message is one
            line with a remedy.

    Example:

    >>> import pathlib, tempfile
    >>> from dlunits.data.tables.table_files import open_table
    >>> path = pathlib.Path(tempfile.mkdtemp(), "load.csv")
    >>> _ = path.write_text("t,load\n" + "".join(f"{t},7\n" for t in range(40)))
    >>> times = np.minimum(np.arange(40.0), 38)
    >>> count_repeated_times(open_table(path), times, "t")
    1
    """
    if names is not None:
        codes = pa.array(names, pa.string()).dictionary_encode().indices
        different, time_codes = np.unique(times, return_inverse=True)
        times = codes.to_numpy() * len(different) + time_codes
    repeated = len(times) - len(np.unique(times))
    if repeated <= MAX_REPEATED * len(times):
        return repeated
    order = np.argsort(times, kind="stable")
    same = int(np.argmax(np.diff(times[order]) == 0))
    first, second = sorted(order[same : same + 2].tolist())
    remedy = (
        "A series has one row for each time: select or aggregate the rows of "
        "one series"
    )
    name, holds_times = distinguishing_column(
        table_file, times, timestamp_column
    )
    if name and holds_times:
        remedy = (
            f"The time of day is in column {name!r}: give "
            f"--timestamp_column={timestamp_column},{name}"
        )
    elif name:
        remedy = f"Column {name!r} differs between the rows of one time: " + (
            f"if it names their series, give --series_column={name}"
            if names is None
            else "write one table for each of its values"
        )
    raise ValueError(
        f"{table_file.path}: {repeated:,} of {len(times):,} rows have the time "
        f"of another row in column {timestamp_column!r}, such as rows "
        f"{first + 1:,} and {second + 1:,}. {remedy}."
    )


def distinguishing_column(
    table_file: TableFile, times: Array, timestamp_column: str
) -> tuple[str | None, bool]:
    """Column whose values differ between the rows of one time.

    Args:
        table_file, times, timestamp_column: See `count_repeated_times`.

    Returns:
        `(name, holds_times)`: the column with the fewest distinct values,
        `None` if there is none with fewer values than half of the rows; whether
        its values are times of day.
    """
    columns: dict[str, list[pa.Array]] = {}
    for chunk in table_file.chunks():
        for name, column in zip(
            chunk.table.column_names, chunk.table.columns, strict=True
        ):
            try:
                columns.setdefault(name, []).append(
                    strip_missing(column.combine_chunks())
                )
            except ColumnTypeError:  # lists
                columns.setdefault(name, []).append(pa.nulls(len(column)))
    found: list[tuple[int, str, bool]] = []
    for name, arrays in columns.items():
        texts = pa.chunked_array([each.cast(pa.string()) for each in arrays])
        if name == timestamp_column or texts.null_count:
            continue
        codes = texts.combine_chunks().dictionary_encode()
        pairs = np.stack([times, codes.indices.to_numpy()])
        different = len(codes.dictionary)
        if different < len(times) / 2 and (
            np.unique(pairs, axis=1).shape[1] >= (1 - MAX_REPEATED) * len(times)
        ):
            holds_times = is_time_of_day(name, codes.dictionary)
            found.append((different, name, holds_times))
    if not found:
        return None, False
    _, name, holds_times = min(found)
    return name, holds_times
