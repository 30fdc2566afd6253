"""Rows of features, checked, and read a block at a time."""

import numpy as np

# Rows at a time: two such blocks and their products are 8 MB a matrix.
BLOCK_SIZE = 1024


def feature_table(features, name, least_rows=2):
    """Checks what can be checked without reading the features.

    Args:
        features: Array `(examples, features)`; also one that is mapped from a
            file, which is not read here.
        name: Text, what the caller calls it.
        least_rows: Integer, how many rows are needed.

    Returns:
        The features as an array of the type that they had.

    Raises:
        ValueError: If it has not two axes, no column or too few rows.
    """
    features = np.asarray(features)
    if features.ndim != 2 or not features.shape[1]:
        raise ValueError(
            f"Expected `{name}` of shape (examples, features): flatten what "
            f"has more axes. Received: an array of shape {features.shape}"
        )
    if len(features) < least_rows:
        raise ValueError(
            f"Expected at least {least_rows} rows in `{name}`. Received: "
            f"{len(features)}"
        )
    return features


def check_widths(**tables):
    """Raises a ValueError unless the tables have equally many features."""
    if len({table.shape[1] for table in tables.values()}) > 1:
        found = ", ".join(
            f"{table.shape[1]} in `{name}`" for name, table in tables.items()
        )
        raise ValueError(
            "Expected the same number of features everywhere, those of one "
            f"network. Received: {found}"
        )


def finite_block(table, rows, name):
    """Some rows of the table in double precision.

    Args:
        table: Array `(examples, features)`.
        rows: Slice, or integers.
        name: Text, what the caller calls the table.

    Raises:
        ValueError: If a value is not finite.
    """
    block = np.asarray(table[rows], "float64")
    finite = np.isfinite(block).all(axis=1)
    if not finite.all():
        row = np.arange(len(table))[rows][finite.argmin()]
        raise ValueError(
            f"Expected finite numbers in `{name}`: look for training that "
            f"diverged. Received: NaN or infinity in row {row}"
        )
    return block


def block_slices(num_rows, block_size=BLOCK_SIZE):
    """Slices that together hold every row once, in order.

    Raises:
        ValueError: If `block_size` is not positive.

    Example:

    >>> block_slices(5, 2)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    if block_size < 1:
        raise ValueError(
            f"Expected a `block_size` of at least 1. Received: {block_size=}"
        )
    return [
        slice(start, min(start + block_size, num_rows))
        for start in range(0, num_rows, block_size)
    ]
