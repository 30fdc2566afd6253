"""Plain-text tables for the terminal."""

from collections.abc import Sequence
from typing import Any

from dlunits.reporting.html_report import cell


def format_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Formats a table as plain text with aligned columns.

    Args:
        header: Name of each column.
        rows: Cells of each row. The first column is aligned left, the others
            right.

    Returns:
        String with the header and one line per row.

    Example:

    >>> print(format_table(["name", "units"], [["PCA", 32], ["sparse", 1000]]))
    name    units
    PCA        32
    sparse  1,000
    """
    lines = [[cell(value) for value in line] for line in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            text.rjust(width) if column else text.ljust(width)
            for column, (text, width) in enumerate(
                zip(line, widths, strict=True)
            )
        ).rstrip()
        for line in lines
    )
