"""Recognition of identifiers among the columns of numbers."""

import numpy as np

from dlunits.columns.column_names import name_words
from dlunits.typing import Array

ROW_NUMBERS = "counts the rows"  # reason for ignoring a column
IDENTIFIER = "is an identifier"  # beginning of the other reasons
MIN_ROW_NUMBERS = 10  # fewer rows may be 1, 2, 3 ... by chance
MIN_ROWS = 20  # for the other kinds of identifiers
MAX_MISSING = 0.05  # share of the rows without an identifier
MAX_REPEATED = 0.1  # share of the rows whose identifier another row has
MAX_COUNTED_ROWS = 200_000  # first rows, whose distinct numbers are counted
# Expected number of pairs of equal numbers if the numbers are drawn at random:
# the probability of no such pair is then at most exp(-10) = 0.005 %.
EXPECTED_REPETITIONS = 10.0

LAST_WORDS = {"id", "ids", "uid", "uuid", "guid", "idx"}
NAMES = {"index", "key", "row"}


class IdentifierRecognition:
    """Recognizes identifiers: numbers of rows, which are not measurements.

    An anomaly detector that is fitted on them marks all later rows as
    anomalous. Numbers are identifiers if they are whole, at most 5 % are
    missing, there are at least 20, and

    - they increase from row to row, or decrease; 10 numbers are enough if they
      increase by one; or
    - n numbers are all different although n (n - 1) / 2 / (max - min + 1) is at
      least 10, where max and min are the largest and the smallest number: the
      expected number of equal pairs in n random draws from this range; or
    - at least 90 % are different, and the name of the column is typical of
      identifiers: its last word is "id", for example.

    Numbers with decimals are never identifiers.

    Args:
        name: Name of the column.

    Example:

    A sample of the numbers from 0 to 99 in any order:

    >>> numbers = np.random.default_rng(0).permutation(100)[:60]
    >>> column = IdentifierRecognition("sample")
    >>> column.update(numbers.astype("float64"))
    >>> column.reason
    'is an identifier: whole numbers that are all different'
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows = self.num_values = 0
        self.is_whole = True
        self.is_row_number = True  # increases by one from row to row
        self.increases = self.decreases = True
        self.last = np.array([])  # value
        self.different = np.array([])
        self.counted = 0  # values among which different ones were counted

    def update(self, numbers: Array) -> None:
        """Reads the numbers of further rows, NaN where missing."""
        self.rows += len(numbers)
        numbers = numbers[~np.isnan(numbers)]
        self.num_values += len(numbers)
        self.is_whole = self.is_whole and bool(
            (numbers == np.round(numbers)).all()
        )
        if not self.is_whole or len(numbers) == 0:
            return
        steps = np.diff(np.concatenate([self.last, numbers]))
        self.last = numbers[-1:]
        self.is_row_number &= bool((steps == 1).all())
        self.increases &= bool((steps > 0).all())
        self.decreases &= bool((steps < 0).all())
        if self.counted < MAX_COUNTED_ROWS and not self.repeats:
            self.different = np.union1d(self.different, numbers)
            self.counted += len(numbers)

    @property
    def repeats(self) -> bool:
        """Whether more than 10 % of the numbers are equal to others."""
        return len(self.different) < (1 - MAX_REPEATED) * self.counted

    @property
    def reason(self) -> str | None:
        """Why the column is an identifier, `None` if it is not."""
        if not self.is_whole or self.num_values < MIN_ROW_NUMBERS:
            return None
        if self.num_values < (1 - MAX_MISSING) * self.rows:
            return None
        if self.is_row_number:
            return ROW_NUMBERS
        if self.num_values < MIN_ROWS or self.repeats:
            return None
        if self.increases or self.decreases:
            way = "increase" if self.increases else "decrease"
            return f"{IDENTIFIER}: whole numbers that {way} from row to row"
        if len(self.different) == self.counted:
            pairs = self.counted * (self.counted - 1) / 2
            width = self.different[-1] - self.different[0] + 1
            if pairs >= EXPECTED_REPETITIONS * width:
                return f"{IDENTIFIER}: whole numbers that are all different"
        if is_identifier_name(self.name):
            return (
                f"{IDENTIFIER} by its name: {len(self.different):,} different "
                f"numbers in {self.counted:,} rows"
            )
        return None


def is_identifier_name(name: str) -> bool:
    """Whether the name of a column is typical of identifiers.

    >>> names = ["id", "PassengerId", "order_id", "Unnamed: 0", "grid"]
    >>> [is_identifier_name(name) for name in names]
    [True, True, True, True, False]
    """
    words = name_words(name)
    return bool(words) and (
        words[-1] in LAST_WORDS
        or name == "Unnamed: 0"  # as pandas writes an index
        or (len(words) == 1 and words[0] in NAMES)
    )
