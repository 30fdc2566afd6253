"""Times of a series as numbers that go up evenly, months included."""

import numpy as np

DAY = 86_400.0
SHORTEST_MONTH = 27.5 * DAY
AS_ONE = 0.1  # of a month, that times may differ from the same day


class TimeAxis:
    """Turns times into numbers with even steps, and back.

    Rows that come every month are 28 to 31 days apart, and on a grid of
    seconds they would drift. They are counted in months instead:

        number = 12 year + month - 1 + (seconds since the month's first)
                 / (seconds of the month)

    and so are those that come every quarter or year. Other times stay
    seconds.

    Args:
        months: Whether times are counted in months.
        text: Whether times are written as dates, or as numbers of seconds.

    Example:

    >>> days = np.array(["2023-12-31", "2024-01-31", "2024-02-29"], "M8[s]")
    >>> axis = TimeAxis.infer(days.astype(float))
    >>> axis.months, np.diff(axis.numbers(days.astype(float))).round(1).tolist()
    (True, [1.0, 1.0])
    >>> axis.texts(axis.seconds(np.array([12 * 2024.0, 12 * 2024 + 1])))
    ['2024-01-01', '2024-02-01']
    """

    def __init__(self, months=False, text=True):
        self.months = months
        self.text = text

    @classmethod
    def infer(cls, seconds, text=True):
        """The axis for rows at these times, which need not be in order."""
        gaps = np.diff(np.unique(seconds))
        if not text or len(gaps) == 0 or np.median(gaps) < SHORTEST_MONTH:
            return cls(False, text)
        months = np.sort(cls(True).numbers(seconds))
        since = months - months[0]
        off = np.abs(since - np.round(since))
        return cls(bool(np.mean(off <= AS_ONE) > 0.9), text)

    def numbers(self, seconds):
        """Seconds since 1970 `(rows,)` -> numbers `(rows,)`."""
        seconds = np.asarray(seconds, "float64")
        if not self.months:
            return seconds
        whole = np.floor(seconds).astype("int64").astype("M8[s]")
        month = whole.astype("M8[M]")
        first, length = month_bounds(month)
        return month.astype("int64") + 12 * 1970 + (seconds - first) / length

    def seconds(self, numbers):
        """What `numbers` was made of, to a second."""
        numbers = np.asarray(numbers, "float64")
        if not self.months:
            return numbers
        whole = np.floor(numbers + 1e-9)
        month = (whole.astype("int64") - 12 * 1970).astype("M8[M]")
        first, length = month_bounds(month)
        return np.round(first + (numbers - whole) * length)

    def texts(self, seconds):
        """Seconds as cells of a table: dates, with a time if one has it."""
        seconds = np.asarray(seconds, "float64")
        if not self.text:
            return [f"{second:.12g}" for second in seconds]
        if np.all(seconds % DAY == 0):
            unit, scale = "D", DAY
        elif np.all(seconds == np.round(seconds)):
            unit, scale = "s", 1.0
        else:
            unit, scale = "us", 1e-6
        whole = np.round(seconds / scale).astype("int64").astype(f"M8[{unit}]")
        return [str(time).replace("T", " ") for time in whole]

    def get_config(self):
        return {"months": self.months, "text": self.text}


def month_bounds(month):
    """`M8[M]` -> seconds at which months begin, and their lengths."""
    first = month.astype("M8[s]").astype("float64")
    after = (month + 1).astype("M8[s]").astype("float64")
    return first, after - first
