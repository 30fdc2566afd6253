"""How a CSV file is written: encoding, delimiter, decimal sign, header."""

import codecs
import contextlib
import csv
import dataclasses
import gzip
import io
import re

DELIMITERS = ("\t", ";", "|", ",")  # of two that fit equally, the first
ONE_COLUMN = (",", ";", "\t", "|")
SAMPLE = 1 << 22  # bytes that delimiter and decimal sign are judged by
SAMPLE_RECORDS = 1000
BLOCK = 1 << 24  # bytes

BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
NOT_UTF8 = re.compile("[\udc80-\udcff]")  # bytes as surrogateescape shows them
BEYOND_ASCII = re.compile("[^\0-\x7f\udc80-\udcff]")
NOT_IN_CP1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")

SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\r?\n')  # as Excel reads it
POINT = re.compile(r"[-+]?\d*\.\d+([eE][-+]?\d+)?")
COMMA = re.compile(r"[-+]?\d*,\d+([eE][-+]?\d+)?")
PERHAPS_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2},\d{3}")


@dataclasses.dataclass(frozen=True)
class Dialect:
    r"""How a CSV file is written.

    Args:
        header: Tuple of strings, the cells of the header as they came.
        delimiter: Between two cells.
        decimal: `"."` or `","`.
        encoding: Name of a Python codec.
        newline: Between two lines, `"\n"` or `"\r\n"`.
        skipped_lines: Lines before the header: blank ones and `sep=;`.
        num_lines: Of the whole file.
    """

    header: tuple
    delimiter: str
    decimal: str
    encoding: str
    newline: str
    skipped_lines: int
    num_lines: int


def infer_dialect(path, delimiter=None, encoding=None, decimal=None):
    """Finds out how a CSV file is written; what is given is taken as given.

    The whole file is read once for its encoding: with a byte order mark UTF-8
    or UTF-16; else UTF-8 if all of it is valid; else, if none of its bytes
    above 127 make a UTF-8 character, Windows-1252, or Latin-1 where that has
    no such character. A file in which some do and some do not is broken.

    The delimiter is the one by which most of the first 1,000 records have as
    many cells as the header; of several the one that makes most cells. Commas
    are decimal signs if cells such as `1,5` are more than such as `1.5`,
    unless they are delimiters or all may be thousands (`1,234`).

    Raises:
        ValueError: With one line that says what is wrong and in which line.
    """
    with opened(path) as stream:
        encoding, num_lines = scan(stream, encoding)
    with opened(path) as stream:
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
    check_delimiter(written, delimiter, whole, skipped_lines + 1)
    return Dialect(
        tuple(records[0]),
        delimiter,
        decimal or infer_decimal(records[1:], delimiter),
        encoding,
        "\r\n" if "\r\n" in text else "\n",
        skipped_lines,
        num_lines,
    )


def opened(path):
    """Bytes of a file, unpacked if they are gzip's."""
    return gzip.open(path) if is_packed(path) else path.open("rb")


def is_packed(path):
    with path.open("rb") as stream:
        return stream.read(2) == b"\x1f\x8b"


def scan(stream, encoding=None):
    """Reads all of it; `(encoding, number of lines)`."""
    block = stream.read(BLOCK)
    guessed = encoding is None
    for mark, marked in BYTE_ORDER_MARKS.items():
        if guessed and block.startswith(mark):
            encoding, guessed = marked, False
    encoding = encoding or "utf-8"
    try:
        name = codecs.lookup(encoding).name
    except LookupError:
        raise ValueError(
            f": encoding {encoding!r} is not known. Give a name that Python "
            "has, utf-8, cp1252 or utf-16 for example."
        ) from None
    utf8 = name in ("utf-8", "utf-8-sig")
    decoder = codecs.getincrementaldecoder(name)(
        "surrogateescape" if utf8 else "strict"
    )
    feeds = returns = 0
    ends = ""
    broken, beyond_ascii, in_cp1252 = None, False, True
    while True:
        if utf8 and block.isascii() and block and not decoder.getstate()[0]:
            text = block.decode("ascii")
        else:
            text = decoded(decoder, block, feeds)
            beyond_ascii |= BEYOND_ASCII.search(text) is not None
            bad = utf8 and NOT_UTF8.search(text)
            if bad and broken is None:
                line = feeds + text.count("\n", 0, bad.start()) + 1
                broken = f", line {line}: byte 0x{ord(bad[0]) - 0xDC00:X}"
            in_cp1252 &= NOT_IN_CP1252.search(block) is None
        if "\0" in text:
            line = feeds + text.count("\n", 0, text.index("\0")) + 1
            raise ValueError(
                f", line {line}: holds a zero byte, so it is damaged or not "
                "text. Expected CSV as UTF-8, or a Parquet file."
            )
        if broken and (beyond_ascii or not guessed):
            raise ValueError(
                f"{broken} is not UTF-8, as the rest of the file is. Correct "
                "that line, or save the file anew as UTF-8."
            )
        feeds += text.count("\n")
        returns += text.count("\r")
        ends = text[-1:] or ends
        if not block:
            break
        block = stream.read(BLOCK)
    if broken:
        encoding = "cp1252" if in_cp1252 else "latin-1"
    unfinished = ends not in ("\n", "\r", "")
    return encoding, (feeds or returns) + unfinished


def decoded(decoder, block, lines):
    try:
        return decoder.decode(block, final=not block)
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode(error.encoding, "ignore")
        raise ValueError(
            f", line {lines + before.count(chr(10)) + 1}: byte "
            f"0x{error.object[error.start]:X} is not {error.encoding}. Correct "
            "that line, or save the file anew as UTF-8."
        ) from None


def first_records(text, delimiter, whole):
    """Cells of the first records of `text`, without blank ones."""
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


def fit(text, delimiter, whole):
    """Share of records with as many cells as the header, and their number."""
    records = first_records(text, delimiter, whole)
    widths = [len(cells) for cells in records] or [0]
    return widths.count(widths[0]) / len(widths), widths[0]


def infer_delimiter(text, whole):
    fits = {mark: fit(text, mark, whole) for mark in DELIMITERS}
    several = [mark for mark in DELIMITERS if fits[mark][1] > 1]
    if several:
        return max(several, key=fits.get)
    return max(ONE_COLUMN, key=fits.get)  # what stands in no cell


def check_delimiter(text, delimiter, whole, line):
    if fit(text, delimiter, whole)[1] > 1:
        return
    other = infer_delimiter(text, whole)
    share, width = fit(text, other, whole)
    if width > 1 and share > 0.9:
        raise ValueError(
            f", line {line}: is one cell with the delimiter {delimiter!r}, "
            f"but {width} with {other!r}. Give that one, or none for it to be "
            "found."
        )


def infer_decimal(records, delimiter):
    if delimiter == ",":
        return "."
    cells = [cell.strip() for record in records for cell in record]
    commas = [cell for cell in cells if COMMA.fullmatch(cell)]
    points = sum(POINT.fullmatch(cell) is not None for cell in cells)
    if delimiter != ";" and all(map(PERHAPS_THOUSANDS.fullmatch, commas)):
        return "."
    return "," if len(commas) > points else "."


@contextlib.contextmanager
def any_cell_size():
    """Python's csv module takes cells of any size inside of it."""
    limit = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(limit)
