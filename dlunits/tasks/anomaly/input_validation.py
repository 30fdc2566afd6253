"""Checks of the tables and the output path of a run.

They run before training, so that a wrong path or column name is found at once.
"""

import os
import pathlib
from typing import Any

from dlunits.columns import check_columns
from dlunits.data.tables.table_files import TableFile, open_table
from dlunits.data.tables.table_writer import check_new_columns, writer_class
from dlunits.paths import expand_user
from dlunits.tasks.anomaly.score_table import NEW_COLUMNS
from dlunits.tasks.anomaly.sources import InputTables
from dlunits.typing import Path


def open_tables(
    inputs: InputTables,
    output: Path | None,
    **dialect: Any,
) -> tuple[TableFile | None, TableFile | None]:
    """Opens the tables of a run and checks the path of the scored table.

    Args:
        inputs: Paths of the tables. At least one of them must have the label
            column, if there is one.
        output: Path of the scored table; `None` if none will be written.
        **dialect: Arguments of `dlunits.data.tables.table_files.open_table`.

    Returns:
        `(train, score)`, the open tables; `None` for one that has no path.

    Raises:
        ValueError: If a table cannot be read, has no label column, or already
            has a column of scores; or the output cannot be written.
    """
    train, score = (
        open_table(path, **dialect) if path else None
        for path in (inputs.train, inputs.score)
    )
    if score and output:
        check_new_columns(score, NEW_COLUMNS)
        check_output(score, expand_user(output))
    tables = [table for table in (train, score) if table]
    label = inputs.label_column
    if label and not any(label in table.columns for table in tables):
        check_columns(tables[-1].columns, [label], tables[-1].path)
    return train, score


def check_output(table_file: TableFile, output: pathlib.Path) -> None:
    """Checks that the scored table can be written to a path.

    Args:
        table_file: The table to score.
        output: Path of the scored table.

    Raises:
        ValueError: If the file format is not known, the path is the table
            itself or a folder, or its folder is not writable.
    """
    writer_class(table_file, output)
    folder = output.parent
    if output.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        problem = "is a folder" if output.is_dir() else "cannot be written"
        raise ValueError(
            f"{output}: {problem}. Name a file in an existing folder that is "
            "writable."
        )
