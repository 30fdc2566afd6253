"""Dialect of a CSV file: encoding, delimiter, decimal separator, header."""

import codecs
import collections
import contextlib
import csv
import dataclasses
import gzip
import io
import itertools
import pathlib
import re
from collections.abc import Iterator
from typing import BinaryIO, cast

from dlunits.columns.column_values import MISSING_VALUES

DELIMITERS = ("\t", ";", "|", ",")  # in order of preference
ONE_COLUMN = (",", ";", "\t", "|")
SAMPLE = 1 << 22  # bytes; the delimiter and others are inferred from them
SAMPLE_RECORDS = 1000
MAX_HEADER_ROWS = 4  # largest header that is recognized
COMPARED_ROWS = 20  # rows that the second row is compared with
BLOCK = 1 << 24  # bytes

BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
NOT_UTF8 = re.compile("[\udc80-\udcff]")  # bytes under surrogateescape
BEYOND_ASCII = re.compile("[^\0-\x7f\udc80-\udcff]")
NOT_IN_CP1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")

SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\r?\n')  # first line, for Excel
POINT = re.compile(r"[-+]?\d*\.\d+([eE][-+]?\d+)?")
COMMA = re.compile(r"[-+]?\d*,\d+([eE][-+]?\d+)?")
NUMERIC = re.compile(r"\s*[-+]?[.,]?\d[\d.,]*\s*")
PERHAPS_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2},\d{3}")
TIMESTAMP = re.compile(r"\s*(\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d+:\d\d)")
STARTS_WITH_NUMBER = re.compile(r"\s*[-+]?[.,]?\d")
# A remark does not begin with a number, and contains a word of three letters,
# and a space or a colon.
REMARK = re.compile(r"(?!\s*[-+\d])(?=.*[^\W\d_]{3}).*[\s:].*")
TAIL = 1 << 12  # characters at the end of a file, searched for a footer


@dataclasses.dataclass(frozen=True)
class Dialect:
    r"""Dialect of a CSV file.

    Args:
        header: Cells of the header, unchanged. If it has one cell less than the
            rows, `""` is added: at the start if the rows begin with row names,
            as R writes them, or at the end if rows end with a delimiter. Empty
            cells if there is no header.
        delimiter: Character between two cells.
        decimal: Decimal separator, `"."` or `","`.
        encoding: Name of a Python codec.
        newline: End of a line, `"\n"` or `"\r\n"`.
        skipped_lines: Number of lines before the header: blank ones, `sep=;`
            and lines of text, such as a title.
        preamble: First of these lines of text, `""` if there is none.
        num_lines: Number of lines of the file, without a footer.
        header_rows: Number of rows of the header, 0 if there is no header.
        footer: First line of the remarks after the rows, `""` if there are
            none.

    Example:

    >>> Dialect(("a", "b"), ";", ",", "utf-8", "\n", 2, 10).header_lines
    3
    """

    header: tuple[str, ...]
    delimiter: str
    decimal: str
    encoding: str
    newline: str
    skipped_lines: int
    num_lines: int
    preamble: str = ""
    header_rows: int = 1
    footer: str = ""

    @property
    def header_lines(self) -> int:
        """Number of lines before the first row."""
        return self.skipped_lines + self.header_rows


def infer_dialect(
    path: pathlib.Path,
    delimiter: str | None = None,
    encoding: str | None = None,
    decimal: str | None = None,
    has_header: bool | None = None,
    header_rows: int | None = None,
) -> Dialect:
    r"""Infers the dialect of a CSV file.

    The encoding is inferred from the whole file: UTF-8 or UTF-16 with a byte
    order mark; else UTF-8 if all bytes are valid; else, if no bytes above 127
    form a UTF-8 character, Windows-1252, or Latin-1 if a byte is undefined in
    Windows-1252. A file with both valid and invalid UTF-8 is rejected.

    The other parts are inferred from the first 1,000 records:

    - The delimiter is the one with which most records have as many cells as
      the header; among equals, the one with most cells.
    - The preamble is the records at the start with at most half as many cells
      as most records. The header follows.
    - The footer is the lines at the end with at most half as many cells, if
      their first cell is a remark, such as "Source: ..." or "Total of 2024",
      and the rows begin with numbers or dates.
    - Commas are decimal separators if there are more cells such as `1,5` than
      such as `1.5`, unless all may be thousands (`1,234`). If the comma is the
      delimiter too, such cells are quoted.

    Args:
        path: Path of the file.
        delimiter: Character between two cells. `None` infers it.
        encoding: Name of a Python codec. `None` infers it.
        decimal: Decimal separator, `"."` or `","`. `None` infers it.
        has_header: Whether the first line contains the column names. `None`
            assumes so, but a line that looks like a row is an error.
        header_rows: Number of rows with the column names, such as names and
            units, which are joined by spaces. `None` assumes one, but a second
            row that looks like part of the header is an error.

    Returns:
        `Dialect`.

    Raises:
        ValueError: If the file is not CSV, the header looks like a row, or the
            second row like part of the header. The message starts with the
            line, so that the caller can put the path in front of it.

    Example:

    >>> import tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "pump.csv")
    >>> _ = path.write_text("time;speed\n007;1,5\n008;NA\n")
    >>> dialect = infer_dialect(path)
    >>> dialect.delimiter, dialect.decimal, dialect.encoding
    (';', ',', 'utf-8')
    """
    with open_bytes(path) as stream:
        encoding, num_lines, tail = scan(stream, encoding)
    with open_bytes(path) as stream:
        sample = stream.read(SAMPLE)
    text = codecs.getincrementaldecoder(encoding)().decode(sample)
    match = SEPARATOR_LINE.match(text)
    if match:
        text = text[match.end() :]
        delimiter = delimiter or match[1]
    written = text.lstrip("\r\n")
    blank_lines = len(text[: len(text) - len(written)].splitlines())
    if not written.strip():
        raise ValueError(": is empty. Expected a header and rows.")
    whole = len(sample) < SAMPLE
    delimiter = delimiter or infer_delimiter(written, whole)
    records = first_records(written, delimiter, whole)
    if not records:
        raise ValueError(
            f", line 1: is longer than {SAMPLE // 2**20} MiB. Expected a "
            "header of column names; is a quote in it not closed?"
        )
    skipped_lines = bool(match) + blank_lines
    preamble = ""
    first = table_start(records) if has_header is not False else 0
    if first:
        preamble = delimiter.join(records[0])
        lines = lines_before(written, delimiter, first)
        skipped_lines += lines
        written = "".join(written.splitlines(keepends=True)[lines:])
        records = records[first:]
    check_delimiter(written, delimiter, whole, skipped_lines + 1)
    if header_rows:
        records = [join_header(records[:header_rows]), *records[header_rows:]]
    elif has_header is None:
        check_second_row(records, f", line {skipped_lines + 2}")
    if has_header is None:
        check_header(records, f", line {skipped_lines + 1}")
    footer = footer_lines(tail, records, delimiter)
    if has_header is False:
        header = [""] * len(records[0])
    else:
        header = complete_header(records)
    return Dialect(
        tuple(header),
        delimiter,
        decimal or infer_decimal(records[has_header is not False :], delimiter),
        encoding,
        "\r\n" if "\r\n" in text else "\n",
        skipped_lines,
        num_lines - len(footer),
        preamble,
        0 if has_header is False else header_rows or 1,
        next((line for line in footer if line), ""),
    )


def check_header(records: list[list[str]], place: str) -> None:
    """Raises ValueError for a header that looks like a row.

    It looks like a row if two of its names, or its only name, also occur in the
    rows of their columns; or if it contains no name, unless its cells number
    the columns. A number or a date is not a name.

    Args:
        records: Cells of the header and of the first rows.
        place: Line of the header, for the message.

    Raises:
        ValueError: If the header looks like a row.

    Example:

    >>> check_header([["year", "2019"], ["x", "7"]], ", line 1")
    >>> check_header([["1.5"], ["2.5"]], ", line 1")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: , line 1: looks like a row and not like column names: it \
contains no name, but '1.5'. Write ...
    """
    header, rows = records[0], records[1:]
    cells = [cell.strip() for cell in header if cell.strip()]
    numbers = [str(number) for number in range(len(cells) + 1)]
    if len(cells) > 1 and cells in (numbers[:-1], numbers[1:]):
        return
    columns = itertools.zip_longest(*rows)
    recurring = [
        cell
        for cell, column in zip(header, columns, strict=False)
        if cell.strip() and is_name(cell) and cell in column
    ]
    is_repeated = len(header) > 1 and header in rows  # the whole header
    if not is_repeated and len(recurring) >= min(2, len(header)):
        reason = f"{recurring[0]!r} is also in the rows below"
    elif cells and not any(map(is_name, cells)):
        reason = f"it contains no name, but {cells[0]!r}"
    else:
        return
    raise ValueError(
        f"{place}: looks like a row and not like column names: {reason}. Write "
        "the names into this line, or give --noheader if there are none, or "
        "--header if these are the names."
    )


def join_header(rows: list[list[str]]) -> list[str]:
    """Joins the cells of a header of several rows, by columns.

    >>> join_header([["time", "load", "load"], ["", "kW", "load"]])
    ['time', 'load kW', 'load']
    """
    return [
        " ".join(dict.fromkeys(filter(None, map(str.strip, cells))))
        for cells in itertools.zip_longest(*rows, fillvalue="")
    ]


def check_second_row(records: list[list[str]], place: str) -> None:
    """Raises ValueError for a second row that looks like part of the header.

    Args:
        records: Cells of the header and of the first rows.
        place: Line of the second row, for the message.

    Raises:
        ValueError: If the second row looks like part of the header.

    Example:

    >>> rows = [["time", "load"], ["s", "kW"], ["0", "1.5"], ["1", "2"]]
    >>> check_second_row(rows, "")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: : looks like a second row of the header: it contains 's' ...
    """
    further = max(
        (
            number
            for number in range(1, MAX_HEADER_ROWS)
            if are_names(
                records[1 : number + 1],
                records[number + 1 : number + 1 + COMPARED_ROWS],
            )
        ),
        default=0,
    )
    if further:
        example = next(filter(is_known, map(str.strip, records[1])))
        raise ValueError(
            f"{place}: looks like a second row of the header: it contains "
            f"{example!r} and no number in columns whose other rows are "
            f"numbers. Give --header_rows={further + 1} if it is part of the "
            "header, or --header_rows=1 if it is a row."
        )


def are_names(first: list[list[str]], rows: list[list[str]]) -> bool:
    """Whether the first rows are texts in columns of numbers.

    At least two columns must contain only numbers or dates in the other rows,
    of which there must be at least two. Each of the first rows must have a
    text in one of these columns, and no number in any column.

    >>> are_names([["", "kW"]], [["0", "1.5"], ["1", "2"]])
    True
    >>> are_names([["a", "kW", "5"]], [["0", "1.5", "no"], ["1", "2", "3"]])
    False
    >>> are_names([["", "", "yes"]], [["0", "1.5", "yes"], ["1", "2", "no"]])
    False
    >>> are_names([["a", "5"]], [["0", "1.5"], ["1", "2"]])
    False
    """
    if len(rows) < 2 or {len(cells) for cells in (*first, *rows)} != {
        len(rows[0])
    }:
        return False
    numeric = [
        index
        for index, column in enumerate(zip(*rows, strict=True))
        if (
            known := [cell for cell in map(str.strip, column) if is_known(cell)]
        )
        and not any(map(is_name, known))
    ]
    return len(numeric) > 1 and all(
        all(is_name(cell) for cell in map(str.strip, cells) if is_known(cell))
        and any(is_known(cells[index].strip()) for index in numeric)
        for cells in first
    )


def is_known(cell: str) -> bool:
    """Whether a text without surrounding whitespace is not a missing value."""
    return cell not in MISSING_VALUES


def is_name(cell: str) -> bool:
    """Whether a text is neither a number nor a date.

    >>> [is_name(cell) for cell in ("speed", "2019", "1e-3", "2024-01-31T14")]
    [True, False, False, False]
    """
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return not TIMESTAMP.match(cell) and not NUMERIC.fullmatch(cell)
    return False


def complete_header(records: list[list[str]]) -> list[str]:
    """Adds an empty cell to a header with one cell less than all rows.

    >>> complete_header([["a", "b"], ["1", "2", ""], ["3", "4", ""]])
    ['a', 'b', '']
    >>> complete_header([["a", "b"], ["row 1", "2", "3"]])
    ['', 'a', 'b']
    """
    header, rows = records[0], records[1:]
    if not rows or any(len(cells) != len(header) + 1 for cells in rows):
        return header
    if any(cells[-1].strip() for cells in rows):
        return ["", *header]
    return [*header, ""]


def footer_lines(
    tail: str, records: list[list[str]], delimiter: str
) -> list[str]:
    r"""Lines of remarks at the end of a file, and blank ones among them.

    Args:
        tail: End of the text of the file.
        records: Cells of the header and of the first rows.
        delimiter: Character between two cells.

    Returns:
        List of lines, empty if there is no remark.

    Example:

    >>> records = [["day", "sum"], ["1", "2"]]
    >>> footer_lines("3,4\n\nSource: shop\n", records, ",")
    ['', 'Source: shop']
    """
    width = max(map(len, records))
    first_cells = [cells[0] for cells in records[1:] if 2 * len(cells) > width]
    numbers = sum(map(bool, map(STARTS_WITH_NUMBER.match, first_cells)))
    if not first_cells or numbers < 0.9 * len(first_cells):
        return []
    if "\r" in tail.replace("\r\n", "\n"):  # lines cannot be counted
        return []
    lines = tail.removesuffix("\n").split("\n")[1:]
    lines = [line.removesuffix("\r") for line in lines]
    start = len(lines)
    for number in range(len(lines) - 1, -1, -1):
        line = lines[number]
        if not line.strip():
            continue
        [cells] = csv.reader([line], delimiter=delimiter)
        if (
            line.count('"') % 2
            or 2 * len(cells) > width
            or not REMARK.fullmatch(cells[0])
        ):
            break
        start = number
    while 0 < start < len(lines) and not lines[start - 1].strip():
        start -= 1
    return lines[start:]


def open_bytes(path: pathlib.Path) -> BinaryIO:
    """Opens a file for reading bytes, decompressed if it is a gzip file.

    Args:
        path: Path of the file.

    Returns:
        Binary stream.
    """
    if is_gzip(path):
        return cast(BinaryIO, gzip.open(path))
    return path.open("rb")


def is_gzip(path: pathlib.Path) -> bool:
    """Whether a file is compressed with gzip.

    Args:
        path: Path of the file.

    Returns:
        Boolean.
    """
    with path.open("rb") as stream:
        return stream.read(2) == b"\x1f\x8b"


def scan(stream: BinaryIO, encoding: str | None = None) -> tuple[str, int, str]:
    """Scans a whole file; returns encoding, number of lines and last text."""
    block = stream.read(BLOCK)
    guessed = encoding is None
    for mark, marked in BYTE_ORDER_MARKS.items():
        if guessed and block.startswith(mark):
            encoding, guessed = marked, False
    encoding = encoding or "utf-8"
    try:
        "a".encode(encoding)  # refuses rot13, hex and the like
        name = codecs.lookup(encoding).name
    except (LookupError, ValueError):
        raise ValueError(
            f": the encoding {encoding!r} is unknown. Expected the name of a "
            "Python text codec, such as utf-8, utf-16 or cp1252"
        ) from None
    utf8 = name in ("utf-8", "utf-8-sig")
    decoder = codecs.getincrementaldecoder(name)(
        "surrogateescape" if utf8 else "strict"
    )
    feeds = returns = 0
    tail = ""
    broken, beyond_ascii, in_cp1252 = None, False, True
    while True:
        if utf8 and block.isascii() and block and not decoder.getstate()[0]:
            text = block.decode("ascii")
        else:
            text = decode(decoder, block, feeds)
            beyond_ascii |= BEYOND_ASCII.search(text) is not None
            bad = utf8 and NOT_UTF8.search(text)
            if bad and broken is None:
                line = feeds + text.count("\n", 0, bad.start()) + 1
                broken = f", line {line}: byte 0x{ord(bad[0]) - 0xDC00:X}"
            in_cp1252 &= NOT_IN_CP1252.search(block) is None
        if "\0" in text:
            line = feeds + text.count("\n", 0, text.index("\0")) + 1
            raise ValueError(
                f", line {line}: contains a zero byte, so the file is damaged "
                "or not text. Expected CSV as UTF-8, or a Parquet file."
            )
        if broken and (beyond_ascii or not guessed):
            raise ValueError(
                f"{broken} is not UTF-8, unlike the rest of the file. Correct "
                "that line, or save the file as UTF-8 again."
            )
        feeds += text.count("\n")
        returns += text.count("\r")
        tail = (tail + text[-TAIL:])[-TAIL:]
        if not block:
            break
        block = stream.read(BLOCK)
    if broken:
        encoding = "cp1252" if in_cp1252 else "latin-1"
    unfinished = tail[-1:] not in ("\n", "\r", "")
    return encoding, (feeds or returns) + unfinished, tail


def decode(decoder: codecs.IncrementalDecoder, block: bytes, lines: int) -> str:
    try:
        return decoder.decode(block, final=not block)
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode(error.encoding, "ignore")
        raise ValueError(
            f", line {lines + before.count(chr(10)) + 1}: byte "
            f"0x{error.object[error.start]:X} is not {error.encoding}. Correct "
            "that line, or save the file as UTF-8."
        ) from None


def first_records(text: str, delimiter: str, whole: bool) -> list[list[str]]:
    """Cells of the first records of a text, without blank records."""
    if not whole:
        text = text[: max(text.rfind("\n"), text.rfind("\r")) + 1]
    records = []
    with any_cell_size():
        for cells in csv.reader(
            io.StringIO(text, newline=""), delimiter=delimiter
        ):
            if cells:
                records.append(cells)
            if len(records) == SAMPLE_RECORDS:
                break
    return records


def table_start(records: list[list[str]]) -> int:
    """Index of the header among records that may begin with a preamble.

    A record with a number is not a header. With the comma as the candidate for
    the delimiter, each decimal comma makes a record of two cells.

    >>> table_start([["Sales"], ["by", "me"], ["a", "b", "c", "d"], [*"1234"]])
    2
    """
    widths = [len(cells) for cells in records]
    if not widths:
        return 0
    [(width, count)] = collections.Counter(widths).most_common(1)
    first = widths.index(width)
    is_preamble = all(2 * each <= width for each in widths[:first])
    has_names = not any(NUMERIC.fullmatch(cell) for cell in records[first])
    return first if is_preamble and has_names and count > 1 else 0


def lines_before(text: str, delimiter: str, index: int) -> int:
    """Number of lines before a record that is not blank."""
    with any_cell_size():
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        lines = 0
        for cells in reader:
            if cells and not index:
                break
            index -= bool(cells)
            lines = reader.line_num
    return lines


def fit(text: str, delimiter: str, whole: bool) -> tuple[float, int]:
    """Fraction of records with as many cells as the header, and their number.

    Returns:
        `(fraction, width)`: `width` is the number of cells of the header.
    """
    records = first_records(text, delimiter, whole)
    records = records[table_start(records) :]
    widths = [len(cells) for cells in records] or [0]
    return widths.count(widths[0]) / len(widths), widths[0]


def infer_delimiter(text: str, whole: bool) -> str:
    fits = {mark: fit(text, mark, whole) for mark in DELIMITERS}
    several = [mark for mark in DELIMITERS if fits[mark][1] > 1]
    # With one column, a delimiter that does not occur in the cells.
    return max(several or ONE_COLUMN, key=lambda mark: fits[mark])


def check_delimiter(text: str, delimiter: str, whole: bool, line: int) -> None:
    if fit(text, delimiter, whole)[1] > 1:
        return
    other = infer_delimiter(text, whole)
    share, width = fit(text, other, whole)
    if width > 1 and share > 0.9:
        raise ValueError(
            f", line {line}: is one cell with the delimiter {delimiter!r}, "
            f"but {width} with {other!r}. Give that delimiter, or omit it to "
            "infer it."
        )


def infer_decimal(records: list[list[str]], delimiter: str) -> str:
    cells = [cell.strip() for record in records for cell in record]
    commas = [cell for cell in cells if COMMA.fullmatch(cell)]
    points = sum(POINT.fullmatch(cell) is not None for cell in cells)
    if delimiter != ";" and all(map(PERHAPS_THOUSANDS.fullmatch, commas)):
        return "."
    return "," if len(commas) > points else "."


@contextlib.contextmanager
def any_cell_size() -> Iterator[None]:
    """Lifts the size limit of cells in Python's csv module."""
    limit = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(limit)
