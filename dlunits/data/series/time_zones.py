"""Time zones of timestamps: detection, and conversion to local time."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dlunits.columns.column_values import ColumnTypeError, strip_missing
from dlunits.data.tables.table_files import TableFile
from dlunits.typing import Array, ArrayLike

# The end of a text with a time of day and a zone.
ZONE = r":\d\d.*?(?P<zone>Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)\s*$"


def find_time_zone(table_file: TableFile, timestamp_column: str) -> str | None:
    r"""Finds the time zone of a column of timestamps.

    Args:
        table_file: `dlunits.data.tables.table_files.TableFile`.
        timestamp_column: Name of the column.

    Returns:
        The zone that a Parquet file declares, such as `"Europe/Berlin"`. For
        texts, the offset from UTC if all have the same one, such as
        `"+02:00"`, else `"UTC"`. `None` if no timestamp has a zone.

    Example:

    >>> import pathlib, tempfile
    >>> from dlunits.data.tables.table_files import open_table
    >>> path = pathlib.Path(tempfile.mkdtemp(), "load.csv")
    >>> _ = path.write_text("t,x\n2024-07-01T12:00:00+0200,1\n")
    >>> find_time_zone(open_table(path), "t")
    '+02:00'
    """
    zones: set[str] = set()
    for chunk in table_file.chunks():
        column = chunk.table[timestamp_column].combine_chunks()
        if pa.types.is_timestamp(column.type):
            return column.type.tz
        try:
            texts = strip_missing(column)
        except ColumnTypeError:
            return None
        found = pc.extract_regex(texts, ZONE).drop_null()
        if len(found):
            zones |= set(pc.unique(found.field("zone")).to_pylist())
    offsets = {normalized_offset(zone) for zone in zones}
    if not offsets:
        return None
    return offsets.pop() if len(offsets) == 1 else "UTC"


def normalized_offset(zone: str) -> str:
    """Offset from UTC in the form `"+02:00"`, or `"UTC"`.

    >>> [normalized_offset(zone) for zone in ("Z", "+0200", "-03", "+00:00")]
    ['UTC', '+02:00', '-03:00', 'UTC']
    """
    if zone in ("Z", "UTC", "GMT"):
        return "UTC"
    digits = zone[1:].replace(":", "").ljust(4, "0")
    offset = f"{zone[0]}{digits[:2]}:{digits[2:]}"
    return "UTC" if digits == "0000" else offset


def check_time_zone(zone: str) -> None:
    """Checks the name of a time zone.

    Args:
        zone: Name of a time zone, or an offset from UTC.

    Raises:
        ValueError: If it is unknown.

    Example:

    >>> check_time_zone("Europe/Berlin")
    >>> check_time_zone("Berlin")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: A time zone must be a name such as Europe/Berlin, UTC, or ...
    """
    try:
        to_wall_clock([0.0], zone)
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(
            "A time zone must be a name such as Europe/Berlin, UTC, or an "
            f"offset such as +02:00. Received: {zone!r}"
        ) from error


def to_wall_clock(seconds: ArrayLike, zone: str) -> Array:
    """Converts times to local time, in which every day has 24 hours.

    At the end of daylight saving time an hour is repeated; at its beginning an
    hour is missing.

    Args:
        seconds: Seconds since 1970 UTC `(rows,)`.
        zone: Name of a time zone, or an offset such as `"+02:00"`.

    Returns:
        Seconds `(rows,)` since 1970-01-01 00:00 in local time.

    Example:

    Offsets in hours on 1 July and 1 January at 00:00 UTC.

    >>> days = np.array(["2024-07-01", "2024-01-01"], "M8[s]").astype(float)
    >>> ((to_wall_clock(days, "Europe/Berlin") - days) / 3600).tolist()
    [2.0, 1.0]
    """
    microseconds = np.round(np.asarray(seconds, "float64") * 1e6)
    times = pa.array(microseconds.astype("int64"), pa.timestamp("us", zone))
    local = pc.local_timestamp(times)
    return np.asarray(local.cast(pa.int64()), "float64") / 1e6


def utc_offsets(wall_clock: ArrayLike, zone: str) -> list[str]:
    """Offsets of local times from UTC, such as `"+02:00"`.

    Args:
        wall_clock: Seconds `(rows,)` in local time, from `to_wall_clock`.
        zone: Name of a time zone, or an offset from UTC.

    Returns:
        List of texts, one for each time.

    Example:

    >>> day = np.array(["2024-07-01"], "M8[s]").astype(float)
    >>> utc_offsets(day, "Europe/Berlin"), utc_offsets(day, "-03:30")
    (['+02:00'], ['-03:30'])
    """
    wall_clock = np.asarray(wall_clock, "float64")
    # Two steps, as the first uses the offset at the local time taken as UTC.
    utc = 2 * wall_clock - to_wall_clock(wall_clock, zone)
    utc = utc + wall_clock - to_wall_clock(utc, zone)
    minutes = np.round((wall_clock - utc) / 60).astype(int)
    return [
        f"{'-' if minute < 0 else '+'}{abs(minute) // 60:02}"
        f":{abs(minute) % 60:02}"
        for minute in minutes.tolist()
    ]
