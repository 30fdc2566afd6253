"""The tables that a user names: opened before all else, scored at the end."""

import os
import pathlib

from dlunits.data.tables.table_columns import check_columns
from dlunits.data.tables.table_files import open_table
from dlunits.data.tables.table_writer import check_new_columns, find_writer
from dlunits.tasks.anomaly.score_series import scorer_of
from dlunits.tasks.anomaly.score_table import NEW_COLUMNS, score_table


def open_tables(tables, output, **dialect):
    """Opens the tables, and refuses what would fail only after training.

    Args:
        tables: `dlunits.tasks.anomaly.sources.SourceTables`. One of them must
            have the column of labels, if there is any.
        output: Path of the scored table.
        **dialect: See `dlunits.data.tables.table_files.open_table`.

    Returns:
        The same with `TableFile` in place of paths, and with `output`.

    Raises:
        ValueError, OSError: One line.
    """
    train, score = (
        path and open_table(path, **dialect)
        for path in (tables.train, tables.score)
    )
    if score:
        check_new_columns(score, NEW_COLUMNS)
        check_output(score, pathlib.Path(output).expanduser())
    there = [table for table in (train, score) if table]
    label = tables.labels["label_column"]
    if label and not any(label in table.columns for table in there):
        check_columns(there[-1].columns, [label], there[-1].path)
    return tables._replace(train=train, score=score, output=output)


def check_output(table_file, output):
    """Refuses a path to which the scored table cannot be written."""
    find_writer(table_file, output)
    folder = output.parent
    if output.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        is_it = "is a folder" if output.is_dir() else "cannot be written"
        raise ValueError(
            f"{output}: {is_it}. Name a file in a folder that is there and "
            "that you may write to."
        )


def score_opened(
    tables,
    detector,
    false_alarm_rate,
    card,
    progress=None,
):
    """Writes the scored table.

    Args:
        tables: What `open_tables` returns.
        detector, false_alarm_rate, card: As in
            `dlunits.tasks.anomaly.score_series.scorer_of`.
        progress: Function that creates a progress bar over rows, see
            `dlunits.reporting.progress.with_progress`, or `None`.

    Returns:
        The scorer, which knows what was found.

    Raises:
        ValueError, OSError: As `scorer_of` and
            `dlunits.tasks.anomaly.score_table.score_table`; one line.
    """
    scorer = scorer_of(
        detector, false_alarm_rate, tables.score, card, **tables.labels
    )
    score_table(scorer, tables.score, tables.output, progress)
    return scorer
