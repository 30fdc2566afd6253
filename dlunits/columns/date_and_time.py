"""Timestamps whose date and time of day are in two columns."""

import pyarrow as pa
import pyarrow.compute as pc

from dlunits.columns.column_names import name_words
from dlunits.columns.column_values import strip_missing
from dlunits.columns.timestamp_parsing import replace_all

TIME_OF_DAY = (
    r"^\d{1,2}[:.h]\d\d([:.]\d\d)*( ?[aApP]\.?[mM]\.?)?$|"
    r"^\d{1,2} ?[aApP]\.?[mM]\.?$"
)
HOUR = r"^([01]?\d|2[0-4])$"
HOUR_WORDS = {"hour", "hours", "hr", "hrs", "time"}
DATES = (
    (r"[ T]0?0:00(:00(\.0*)?)?$", ""),  # midnight, in a column of timestamps
    (r"^(\d{4})(\d\d)(\d\d)$", r"\1-\2-\3"),
)
TIMES = (
    (r"^(\d{1,2})[.h](\d\d)", r"\1:\2"),
    (r"^(\d{1,2}:\d\d)\.(\d\d)", r"\1:\2"),
    (r"^(\d{1,2})( ?[aApP]\.?[mM]\.?)?$", r"\1:00\2"),
)
MISSING = "?"


def is_time_of_day(name: str, values: pa.Array) -> bool:
    """Whether a column holds times of day.

    Whole numbers from 0 to 24 are times of day if the name of the column has a
    word such as `hour` or `time`.

    Args:
        name: Name of the column.
        values: `pyarrow` array of strings without surrounding whitespace and
            without null.

    Returns:
        Boolean.

    Example:

    >>> is_time_of_day("t", pa.array(["14:05", "2.30 pm", "18h00"]))
    True
    >>> is_time_of_day("hour", pa.array(["0", "23"]))
    True
    >>> is_time_of_day("shop", pa.array(["0", "23"]))
    False
    """
    pattern = TIME_OF_DAY
    if HOUR_WORDS & set(name_words(name)):
        pattern = f"{TIME_OF_DAY}|{HOUR}"
    return pc.all(pc.match_substring_regex(values, pattern)).as_py()


def join_date_and_time(dates: pa.Array, times: pa.Array) -> pa.Array:
    """Joins dates and times of day to texts that `parse_timestamps` reads.

    Args:
        dates: `pyarrow` array of dates: texts, digits such as 20240131, or of a
            `pyarrow` type of dates.
        times: `pyarrow` array of times of day: texts such as `14:05`,
            `14.05.30`, `14h05`, `2 PM` or `14`, numbers of hours, or of a
            `pyarrow` type of times.

    Returns:
        `pyarrow` array of strings, null where both are missing. Where one of
        both is missing it is replaced by `?`, so that the text is not parsed as
        a time.

    Example:

    >>> join_date_and_time(
    ...     pa.array(["31/1/2024", "31/1/2024", None, None]),
    ...     pa.array(["18.00.00", "2 PM", "14:05", ""]),
    ... ).to_pylist()
    ['31/1/2024 18:00:00', '31/1/2024 2:00 PM', '? 14:05', None]
    """
    dates = replace_all(strip_missing(dates), *DATES)
    times = replace_all(strip_missing(times), *TIMES)
    joined = pc.binary_join_element_wise(
        dates,
        times,
        " ",
        null_handling="replace",
        null_replacement=MISSING,
    )
    missing = pc.and_(pc.is_null(dates), pc.is_null(times))
    return pc.if_else(missing, pa.scalar(None, pa.string()), joined)
