"""A table file that tells how far it is read."""

import dataclasses
from collections.abc import Callable

from dlunits.data.tables.table_files import TableFile


@dataclasses.dataclass(frozen=True)
class WatchedTable(TableFile):
    """As the table file; whoever reads it, somebody hears of it.

    Args:
        done: Function of the number of rows, called when those of a chunk
            were worked on.
        finished: Function without arguments, called at the end.
    """

    done: Callable | None = None
    finished: Callable | None = None

    def chunks(self, rows=None):
        for chunk in super().chunks(rows):
            yield chunk
            self.done(chunk.first_row + chunk.table.num_rows)
        self.finished()


def watched(table_file, done, finished=lambda: None):
    r"""The table file with someone who watches, see `WatchedTable`.

    Example:

    >>> import pathlib, tempfile
    >>> from dlunits.data.tables.table_files import open_table
    >>> path = pathlib.Path(tempfile.mkdtemp(), "pump.csv")
    >>> _ = path.write_text("speed\n1\n2\n3\n")
    >>> for _ in watched(open_table(path), print).chunks(rows=2):
    ...     pass
    2
    3
    """
    return WatchedTable(**vars(table_file), done=done, finished=finished)
