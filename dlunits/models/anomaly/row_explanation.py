"""Explanations of anomalous rows as text."""

from collections.abc import Mapping

import numpy as np
import pyarrow.compute as pc

from dlunits.columns import format_values
from dlunits.columns.table_chunks import Table
from dlunits.columns.value_formatting import MISSING_LABEL
from dlunits.models.anomaly.table_schema import TableSchema
from dlunits.typing import Array

DIGITS_SEEN, DIGITS_EXPECTED = 7, 4  # significant digits


def explain_rows(
    table_schema: TableSchema,
    table: Table,
    inputs: Mapping[str, Array],
    attribution: Mapping[str, Array],
    top: int,
    decimal: str = ".",
) -> dict[str, Array]:
    """Formats the columns that differ most, with expected and actual values.

    Args:
        table_schema: `dlunits.models.TableSchema`.
        table: Table of the rows.
        inputs: Dict of arrays, `table_schema.inputs(table)`.
        attribution: Dict of arrays, the output of
            `dlunits.models.anomaly.column_attribution.ColumnAttribution`.
        top: Number of columns of a row.
        decimal: Decimal separator of numbers in strings, `"."` or `","`.

    Returns:
        Dict of arrays `(rows, top)`, or fewer columns if there are fewer:
        `column`, `expected` and `seen` (the actual value) are text, `share`
        numbers.

    Example:

    >>> table = {"speed": [1.5, np.nan], "road": ["dry", "icy"]}
    >>> schema = TableSchema.from_table({"speed": [1.0], "road": ["dry"]})
    >>> attribution = {
    ...     "share": np.array([[0.9, 0.1], [0.2, 0.8]]),
    ...     "numbers": np.ones((2, 1)),
    ...     "category_ids": np.ones((2, 1)),
    ... }
    >>> inputs = schema.inputs(table)
    >>> explain_rows(schema, table, inputs, attribution, top=1)["seen"].tolist()
    [['1.5'], ['icy']]
    """
    names, share = table_schema.columns, attribution["share"]
    order = np.argsort(-share, axis=1, kind="stable")[:, :top]
    chunk = table_schema.chunk(table, decimal)
    expected, seen = np.empty((2, *order.shape), object)
    for number, name in enumerate(names):
        row, slot = np.nonzero(order == number)
        key, index = table_schema.input_index(name)
        column_type = table_schema.column_types[name]
        typical = attribution[key][row, index]
        if key == "category_ids":
            labels = table_schema.category_labels(name)
            expected[row, slot] = [labels[i] for i in typical.astype(int)]
            texts = table_schema.texts(chunk, name).take(row)
            seen[row, slot] = pc.fill_null(texts, MISSING_LABEL).to_pylist()
        else:
            expected[row, slot] = format_values(
                typical, column_type, DIGITS_EXPECTED
            )
            seen[row, slot] = format_values(
                inputs[key][row, index], column_type, DIGITS_SEEN
            )
    return {
        "column": np.array(names, object)[order],
        "expected": expected,
        "seen": seen,
        "share": np.take_along_axis(share, order, axis=1),
    }
