"""Progress bars (tqdm), such as of the rows of table files."""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from tqdm import tqdm

from dlunits.columns import TableChunk
from dlunits.data.tables.table_files import TableFile

# Seconds between two updates. In a log file, there are fewer lines.
TERMINAL_INTERVAL = 0.2
LOG_INTERVAL = 30.0

# Creates a bar: called with the keywords `total`, `desc` and `unit` of tqdm.
ProgressBar = Callable[..., Any]


@dataclasses.dataclass(frozen=True)
class ProgressTable(TableFile):
    """Table file that updates a progress bar while its chunks are read.

    A chunk is counted when the next one is requested. Use `with_progress` to
    create a progress table.

    Args:
        progress: Function that creates the bar, see `stream_progress`.
        description: Text in front of the bar.
    """

    progress: ProgressBar = tqdm
    description: str = ""

    def chunks(self, rows: int | None = None) -> Iterator[TableChunk]:
        """Reads the table from the start, see `TableFile.chunks`."""
        total = self.max_rows
        with self.progress(
            total=total, desc=self.description, unit=" rows"
        ) as bar:
            for chunk in super().chunks(rows):
                yield chunk
                bar.update(chunk.table.num_rows)
            bar.total = bar.n  # of CSV files `max_rows` is an upper bound


def with_progress(
    table_file: TableFile, progress: ProgressBar | None, description: str
) -> TableFile:
    r"""Returns a table file that shows a progress bar each time it is read.

    Args:
        table_file: Table file.
        progress: Function that creates the bar, called with the arguments
            `total`, `desc` and `unit` of tqdm: `tqdm.tqdm` or
            `stream_progress(sys.stderr)`. `None` shows no bar.
        description: Text in front of the bar, such as `"Scoring"`.

    Returns:
        The same table with a progress bar.

    Example:

    >>> import io, pathlib, tempfile
    >>> from dlunits.data.tables.table_files import open_table
    >>> path = pathlib.Path(tempfile.mkdtemp(), "pump.csv")
    >>> _ = path.write_text("speed\n1\n2\n3\n")
    >>> stream = io.StringIO()
    >>> progress = functools.partial(tqdm, file=stream)
    >>> table = with_progress(open_table(path), progress, "Reading")
    >>> [chunk.table.num_rows for chunk in table.chunks(rows=2)]
    [2, 1]
    >>> "Reading: 100%" in stream.getvalue(), "3/3" in stream.getvalue()
    (True, True)
    """
    if progress is None:
        return table_file
    return ProgressTable(
        **vars(table_file), progress=progress, description=description
    )


def stream_progress(stream: TextIO) -> ProgressBar:
    """Returns a function that creates tqdm bars on a text stream.

    On a terminal the bar appears after 0.2 s and is updated five times a
    second. On any other stream, such as a log file, an update is written every
    30 s, and nothing if the work takes less time.

    Args:
        stream: Text stream, such as `sys.stderr`.

    Returns:
        Function that takes the arguments of `tqdm.tqdm`.
    """
    interval = TERMINAL_INTERVAL if stream.isatty() else LOG_INTERVAL
    return functools.partial(
        tqdm,
        file=stream,
        delay=interval,
        mininterval=interval,
        maxinterval=max(10.0, interval),
        dynamic_ncols=stream.isatty(),
    )
