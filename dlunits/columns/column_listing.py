"""List of the columns of a table, with types and examples, as text."""

from collections.abc import Iterable, Mapping

from dlunits.columns.column_values import strip_missing
from dlunits.columns.table_chunks import ChunkedTable

EXAMPLE_ROWS = 1_000  # first rows of a table, searched for examples
MAX_LISTED = 30  # columns that are used; ignored ones are all listed
MAX_WIDTH = 30  # characters of a name and of an example


def example_values(table: ChunkedTable) -> dict[str, str]:
    r"""First value of each column that is not missing.

    Args:
        table: `ChunkedTable`. Its first 1,000 rows are read.

    Returns:
        Dict from column name to text, `""` if all values are missing.

    Example:

    >>> import pathlib, tempfile
    >>> from dlunits.data.tables.table_files import open_table
    >>> path = pathlib.Path(tempfile.mkdtemp(), "new.csv")
    >>> _ = path.write_text("id,speed\n17,NA\n18,1.5\n")
    >>> example_values(open_table(path))
    {'id': '17', 'speed': '1.5'}
    """
    examples = {}
    chunk = next(table.chunks(EXAMPLE_ROWS))
    for name, column in zip(
        chunk.table.column_names, chunk.table.columns, strict=True
    ):
        array = column.combine_chunks().slice(0, EXAMPLE_ROWS)
        try:
            values = strip_missing(array).drop_null()
        except ValueError:  # lists and structures
            values = array.drop_null()
        examples[name] = str(values[0].as_py()) if len(values) else ""
    return examples


def list_columns(
    column_types: Mapping[str, str],
    reasons: Mapping[str, str],
    examples: Mapping[str, str],
) -> list[str]:
    """Lists the columns of a table: name, type, example and why it is ignored.

    Args:
        column_types: Dict from column name to type, from
            `infer_column_types`.
        reasons: Dict from each ignored column to the reason, from
            `infer_column_types`.
        examples: Dict from column name to a value, from `example_values`.

    Returns:
        List of lines. At most 30 of the used columns are listed, followed by
        the number of the others; all ignored columns are listed.

    Example:

    >>> types = {"id": "ignored", "speed": "number"}
    >>> examples = {"id": "17", "speed": "1.5"}
    >>> for line in list_columns(types, {"id": "counts the rows"}, examples):
    ...     print(line)
    Column  Type     Example
    id      ignored  17       counts the rows
    speed   number   1.5
    """
    used = [name for name, each in column_types.items() if each != "ignored"]
    left_out = set(used[MAX_LISTED:])
    rows = [
        (name, column_type, examples.get(name, ""), reasons.get(name, ""))
        for name, column_type in column_types.items()
        if name not in left_out
    ]
    lines = aligned([("Column", "Type", "Example", ""), *rows])
    if left_out:
        lines.append(f"... and {len(left_out):,} more columns that are used")
    return lines


def aligned(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Aligns the cells of rows in columns; returns one line for each row."""
    rows = [tuple(map(shortened, row[:-1])) + row[-1:] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def shortened(text: str) -> str:
    r"""Shortens a text to one line of at most 30 characters.

    >>> shortened("a\tb"), len(shortened("x" * 99))
    ("'a\\tb'", 30)
    """
    text = text if text.isprintable() else repr(text)
    return text if len(text) <= MAX_WIDTH else f"{text[: MAX_WIDTH - 3]}..."
