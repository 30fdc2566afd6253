"""Validation of feature arrays, and blocks of their rows."""

import numpy as np

from dlunits.typing import Array, ArrayLike

# Rows per block. Two blocks of 1,024 features and their product take 8 MB
# each in double precision.
BLOCK_SIZE = 1024


def feature_table(features: ArrayLike, name: str, min_rows: int = 2) -> Array:
    """Validates the shape of a feature array without reading its values.

    Args:
        features: Array `(examples, features)`, which may be memory-mapped.
        name: String, name of the argument for error messages.
        min_rows: Integer, minimum number of rows.

    Returns:
        The features as an array of the same type.

    Raises:
        ValueError: If the array does not have two axes, or has no column or
            too few rows.
    """
    table = np.asarray(features)
    if table.ndim != 2 or not table.shape[1]:
        raise ValueError(
            f"Expected `{name}` of shape (examples, features): flatten arrays "
            f"with more axes. Received: an array of shape {table.shape}"
        )
    if len(table) < min_rows:
        raise ValueError(
            f"Expected at least {min_rows} rows in `{name}`. Received: "
            f"{len(table)}"
        )
    return table


def check_widths(**tables: Array) -> None:
    """Checks that all tables have the same number of features.

    Raises:
        ValueError: If the numbers differ.
    """
    if len({table.shape[1] for table in tables.values()}) > 1:
        widths = ", ".join(
            f"{table.shape[1]} in `{name}`" for name, table in tables.items()
        )
        raise ValueError(
            "Expected the same number of features in all arrays, those of one "
            f"network. Received: {widths}"
        )


def finite_block(table: Array, rows: slice | Array, name: str) -> Array:
    """Returns some rows of a table in double precision.

    Args:
        table: Array `(examples, features)`.
        rows: Slice, or array of row indices.
        name: String, name of the table for error messages.

    Returns:
        Array `(rows, features)`, float64.

    Raises:
        ValueError: If a value is not finite.
    """
    block = np.asarray(table[rows], "float64")
    finite = np.isfinite(block).all(axis=1)
    if not finite.all():
        row = np.arange(len(table))[rows][finite.argmin()]
        raise ValueError(
            f"Expected finite numbers in `{name}`: check whether training "
            f"diverged. Received: NaN or infinity in row {row}"
        )
    return block


def block_slices(num_rows: int, block_size: int = BLOCK_SIZE) -> list[slice]:
    """Slices that contain every row once, in order.

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
