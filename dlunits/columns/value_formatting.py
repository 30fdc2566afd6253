"""Formatting of the values of table columns as short texts."""

from collections.abc import Sequence

import numpy as np

from dlunits.typing import Array, ArrayLike

MISSING_LABEL, UNKNOWN_LABEL = "missing", "another value"
RARE_LABEL = "a rare value"
MONDAY = 3 * 86_400.0  # 1970-01-01 was a Thursday, 3 days after a Monday
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MINUTES_OF_WEEK = np.array(
    [
        f"{day} {minute // 60:02}:{minute % 60:02}"
        for day in WEEKDAYS
        for minute in range(24 * 60)
    ]
)


def format_values(values: Array, column_type: str, digits: int) -> list[str]:
    """Formats the values of a column by its type.

    Args:
        values: Numbers `(rows,)`, NaN where missing. In a boolean column, 1 is
            true and 0 false; in a timestamp column, they are seconds since
            Monday 00:00 UTC.
        column_type: `"number"`, `"boolean"`, or `"timestamp"` and the like.
        digits: Significant digits of a number.

    Returns:
        List of texts, one for each value.

    Example:

    >>> format_values(np.array([0.123456, np.nan]), "number", 4)
    ['0.1235', 'missing']
    >>> format_values(np.array([0.2, 0.9]), "boolean", 4)
    ['false', 'true']
    >>> format_values(np.array([86_400 + 3 * 3600 + 25 * 60.0]), "timestamp", 4)
    ['Tue 03:25']
    """
    text: ArrayLike
    if column_type == "boolean":
        text = np.where(values > 0.5, "true", "false")
    elif column_type.startswith("timestamp"):
        minutes = (np.nan_to_num(values) // 60).astype(int)
        text = MINUTES_OF_WEEK[minutes % len(MINUTES_OF_WEEK)]
    else:
        text = np.char.mod(f"%.{digits}g", values)
    return np.where(np.isnan(values), MISSING_LABEL, text).tolist()


def category_labels(
    vocabulary: Sequence[str], num_frequent: int | None = None
) -> list[str]:
    """Labels of the category ids 0, 1, 2 ... of a vocabulary.

    Args:
        vocabulary: Texts of a category column, `""` for missing.
        num_frequent: Number of first texts with separate ids; the others share
            the next id. `None`: every text has one.

    Returns:
        List of texts; id 0 is a text that is not in the vocabulary.

    Example:

    >>> category_labels(("", "dry"))
    ['another value', 'missing', 'dry']
    >>> category_labels(("dry", "wet", "icy"), num_frequent=1)
    ['another value', 'dry', 'a rare value']
    """
    labels = [word or MISSING_LABEL for word in vocabulary[:num_frequent]]
    rare = [RARE_LABEL] if len(labels) < len(vocabulary) else []
    return [UNKNOWN_LABEL, *labels, *rare]
