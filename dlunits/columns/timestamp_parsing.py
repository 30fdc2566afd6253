"""Parsing of dates and times in common formats."""

import pyarrow as pa
import pyarrow.compute as pc

MONTHS = (
    *("jan", "feb", "mar", "apr", "may", "jun"),
    *("jul", "aug", "sep", "oct", "nov", "dec"),
)
# Start of a text that may be a date.
DATE = (
    r"^(\d{1,4}[-/. ]\d{1,2}[-/. ]\d{1,4}|\d{4}[-/]\d{1,2}$|"
    rf"(?i:([a-z]{{3,9}},? )?(\d{{1,2}}[- ])?({'|'.join(MONTHS)})[a-z.]*[- ]))"
)
WEEKDAY = (r"^(?i:(mon|tue|wed|thu|fri|sat|sun)[a-z]*),? ", "")
# Names of months: `1 April 2023` and `April 1, 2023` become `1.04.2023`.
MONTH_NAMES = [
    rule
    for number, month in enumerate(MONTHS, 1)
    for rule in (
        (
            rf"^(\d{{1,2}})[- ](?i:{month}[a-z.]*)[- ,]+(\d)",
            rf"\1.{number:02}.\2",
        ),
        (
            rf"^(?i:{month}[a-z.]*) (\d{{1,2}})[ ,]+(\d{{4}})",
            rf"\1.{number:02}.\2",
        ),
    )
]
# Years of two digits as in POSIX: 69 to 99 are 1969 to 1999.
SHORT_YEARS = (
    (r"^(\d\d?[-/.]\d\d?[-/.])([0-5]\d|6[0-8])($|[ T])", r"\120\2\3"),
    (r"^(\d\d?[-/.]\d\d?[-/.])(69|[7-9]\d)($|[ T])", r"\119\2\3"),
)
YEAR_AND_MONTH = (r"^(\d{4})[-/](\d{1,2})$", r"\1-\2-1")
YEAR_FIRST = (r"^(\d{4})[/.](\d{1,2})[/.](\d{1,2})", r"\1-\2-\3")
DOTTED = (r"^(\d{1,2})\.(\d{1,2})\.(\d{4})", r"\3-\2-\1")
DAY_FIRST = (r"^(\d{1,2})[/ -](\d{1,2})[/ -](\d{4})", r"\3-\2-\1")
MONTH_FIRST = (r"^(\d{1,2})[/ -](\d{1,2})[/ -](\d{4})", r"\3-\1-\2")

# Applied to texts in the order year, month, day.
TO_ISO = (
    (r"^(\d{4})-(\d)-", r"\1-0\2-"),
    (r"^(\d{4}-\d\d)-(\d)($|[ T])", r"\1-0\2\3"),
    (r"^(\d{4}-\d\d-\d\d)[ T]+(\d):", r"\1 0\2:"),
    (r":(\d\d),(\d)", r":\1.\2"),
    (r"(:\d\d\.\d{6})\d+", r"\1"),
    (r"(:\d\d.*?) ?(UTC|GMT)$", r"\1Z"),
    (r"(:\d\d.*) ([+-]\d\d:?\d\d)$", r"\1\2"),
)
# The end of a day is the beginning of the next one.
MIDNIGHT = r"[ T]24:00(:00)?$"
START_OF_DAY = (r"([ T])24:00(:00)?$", r"\100:00")
# 12 AM and 12 PM become 00; PM then adds half a day.
TWELVE = (r"[ T]12(:[\d:.]+ ?[aApP]\.?[mM]\.?)$", r" 00\1")
AFTERNOON = r"[ T](0\d|1[01]):[\d:.]+ ?[pP]\.?[mM]\.?$"
HALF_OF_DAY = (r"([ T](0\d|1[01]):[\d:.]+?) ?[aApP]\.?[mM]\.?$", r"\1")
ZONE = r":\d\d.*(Z|[+-]\d\d(:?\d\d)?)$"


def parse_timestamps(text: pa.Array, day_first: bool = False) -> pa.Array:
    """Parses dates and times to seconds since 1970-01-01 00:00 UTC.

    Supported formats:

    - ISO 8601: `2024-01-31`, `2024-01-31 14:05`,
      `2024-01-31T14:05:59.123+01:00`.
    - Dates such as `2024/1/31`, `31.1.2024` (the day first), `1/31/2024` or
      `1-31-2024` (the month first, or the day with `day_first`), alone or
      followed by a time such as `14:05`, `2:05 PM` or `24:00`.
    - `1949-01`, which is the first day of the month.
    - Years of two digits, from 1969 to 2068: `31.1.24`.
    - `1 Apr 2023`, `01-Apr-2023`, `April 1, 2023`, `01 04 2023`, and the dates
      of e-mails, `Sat, 1 Apr 2023 14:05:00 +0200`.

    A time without a time zone is UTC. Digits after the microsecond are
    dropped.

    Args:
        text: `pyarrow` array of strings without surrounding whitespace.
        day_first: Whether `1/2/2024` is 1 February instead of 2 January.

    Returns:
        `pyarrow` array of float64; null where `text` is null.

    Raises:
        pyarrow.ArrowInvalid: If a text is not a date in these formats.

    Example:

    1,000,000,000 seconds are 11,574 days and 6,400 seconds.

    >>> parse_timestamps(
    ...     pa.array(["9/9/2001 1:46:40 AM", "2001-09-09T03:46:40+02:00", None])
    ... ).to_pylist()
    [1000000000.0, 1000000000.0, None]
    """
    for zone in (None, "UTC"):
        try:
            return to_seconds(pc.cast(text, pa.timestamp("us", zone)))
        except pa.ArrowInvalid:
            pass
    date = DAY_FIRST if day_first else MONTH_FIRST
    text = replace_all(
        text,
        *(WEEKDAY, *MONTH_NAMES, *SHORT_YEARS, YEAR_AND_MONTH),
        *(YEAR_FIRST, DOTTED, date, *TO_ISO, TWELVE),
    )
    midnight = pc.match_substring_regex(text, MIDNIGHT)
    text = replace_all(text, START_OF_DAY)
    afternoon = pc.match_substring_regex(text, AFTERNOON)
    text = replace_all(text, HALF_OF_DAY)
    zoned = pc.match_substring_regex(text, ZONE)
    null = pa.scalar(None, text.type)
    aware = pc.if_else(zoned, text, null)
    naive = pc.if_else(zoned, null, text)
    found = pc.coalesce(
        to_seconds(pc.cast(aware, pa.timestamp("us", "UTC"))),
        to_seconds(pc.cast(naive, pa.timestamp("us"))),
    )
    found = pc.add(found, pc.if_else(afternoon, 43_200.0, 0.0))
    return pc.add(found, pc.if_else(midnight, 86_400.0, 0.0))


def replace_all(text: pa.Array, *rules: tuple[str, str]) -> pa.Array:
    r"""Applies replacement rules one after the other.

    Args:
        text: `pyarrow` array of strings.
        *rules: Pairs of a regular expression in RE2 syntax and a replacement.

    Returns:
        `pyarrow` array of strings.

    Example:

    >>> replace_all(pa.array(["1.2.24"]), (r"\.", "/"), ("^1", "3")).to_pylist()
    ['3/2/24']
    """
    for pattern, replacement in rules:
        text = pc.replace_substring_regex(text, pattern, replacement)
    return text


def to_seconds(timestamps: pa.Array) -> pa.Array:
    """Converts timestamps in microseconds to seconds.

    Args:
        timestamps: `pyarrow` array of timestamps in microseconds.

    Returns:
        `pyarrow` array of float64, seconds since 1970-01-01 00:00 UTC.

    Example:

    >>> to_seconds(pa.array([1_500_000], pa.timestamp("us"))).to_pylist()
    [1.5]
    """
    whole = pc.cast(timestamps, pa.int64())
    return pc.divide(pc.cast(whole, pa.float64(), safe=False), 1e6)
