"""How far a long walk through a table is, for those who wait."""

import time

from dlunits.reporting.table_progress import watched

LINE_EVERY = 30  # seconds, where nobody looks at a terminal
DRAW_EVERY = 0.2  # seconds, on a terminal


class RowProgress:
    """Writes rows done, rows a second and about how long it will take.

    On a terminal one line is drawn over and over; elsewhere there is a line
    every half minute, so that logs stay short, and none of short walks.

    Args:
        doing: Text, `"Scoring new.csv"`.
        total: Integer, rows there are, or a bit more.
        stream: Text stream, `sys.stderr`.
        clock: Function that returns seconds.

    Example:

    >>> import sys
    >>> clock = iter([0.0, 60.0, 120.0]).__next__
    >>> scoring = RowProgress("Scoring", 6000, sys.stdout, clock)
    >>> scoring(3000)
    Scoring: 3,000 of 6,000 rows, 50 a second, 1 min left
    >>> scoring.finish()
    Scoring: 3,000 rows in 2 min
    """

    def __init__(self, doing, total, stream, clock=time.monotonic):
        self.doing, self.total = doing, total
        self.stream, self.clock = stream, clock
        self.started = self.last = clock()
        self.done = 0
        self.drawn = 0  # characters
        self.is_terminal = stream.isatty()

    def __call__(self, done):
        """Tells that so many rows are done, from the first on."""
        self.done = done
        now = self.clock()
        if now - self.last < (DRAW_EVERY if self.is_terminal else LINE_EVERY):
            return
        self.last = now
        speed = done / max(now - self.started, 1e-9)
        left = max(0, self.total - done) / max(speed, 1e-9)
        self.write(
            f"{self.doing}: {done:,} of {max(done, self.total):,} rows, "
            f"{speed:,.0f} a second, {rough(left)} left",
            end="" if self.is_terminal else "\n",
        )

    def finish(self):
        """Tells how long it took, if anything was told before."""
        if self.last == self.started:
            return
        took = self.clock() - self.started
        self.write(f"{self.doing}: {self.done:,} rows in {rough(took)}", "\n")

    def write(self, text, end):
        over = "\r" if self.drawn else ""
        gap = " " * max(0, self.drawn - len(text))
        self.stream.write(over + text + gap + end)
        self.stream.flush()
        self.drawn = 0 if end else len(text)


def watching(stream):
    """A function that has a table file tell on a stream how far it is read.

    Args:
        stream: Text stream, `sys.stderr`.

    Returns:
        Function of a text, what is done, and a
        `dlunits.data.tables.table_files.TableFile`. Returns the one to read.
    """

    def watch(doing, table_file):
        progress = RowProgress(doing, table_file.rows_at_most, stream)
        return watched(table_file, progress, progress.finish)

    return watch


def rough(seconds):
    """A time that nobody takes for exact.

    >>> rough(0.4), rough(59), rough(200), rough(9000)
    ('1 s', '59 s', '3 min', '2.5 h')
    """
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    if seconds < 3600:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
