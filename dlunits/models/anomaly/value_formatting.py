"""Values of a table's columns as short texts."""

import numpy as np

from dlunits.models.anomaly.column_values import (
    DAYS,
    MISSING,
    columns_of,
    text_of,
)

MISSING_TEXT, OTHER_TEXT = "missing", "another value"
DIGITS_SEEN, DIGITS_EXPECTED = 7, 4  # significant


def explanation(table_schema, table, inputs, differences, top):
    """Names, expected and seen values of the columns that differ most.

    Args:
        table_schema: `dlunits.models.anomaly.table_schema.TableSchema`.
        table: Table of the rows.
        inputs: Dict of arrays, what `table_schema.inputs` makes of it.
        differences: Dict of arrays, what
            `dlunits.models.anomaly.column_attribution.ColumnAttribution` finds.
        top: Integer, how many columns.

    Returns:
        Dict of arrays `(rows, top)`, or less columns if there are less:
        `column`, `expected` and `seen` are texts, `share` numbers.

    Example, seen alone:

    >>> from dlunits.models.anomaly.table_schema import TableSchema
    >>> table = {"speed": [1.5, np.nan], "road": ["dry", "icy"]}
    >>> known = TableSchema.learn({"speed": [1.0], "road": ["dry"]})
    >>> found = {"share": np.array([[0.9, 0.1], [0.2, 0.8]])}
    >>> found |= {"numbers": np.ones((2, 1)), "codes": np.ones((2, 1))}
    >>> inputs = known.inputs(table)
    >>> explanation(known, table, inputs, found, top=1)["seen"].tolist()
    [['1.5'], ['icy']]
    """
    names, share = table_schema.columns, differences["share"]
    order = np.argsort(-share, axis=1, kind="stable")[:, :top]
    columns = columns_of(table)
    expected, seen = np.empty((2, *order.shape), object)
    for number, name in enumerate(names):
        row, slot = np.nonzero(order == number)
        key, place = table_schema.place(name)
        kind = table_schema.kinds[name]
        typical = differences[key][row, place]
        if key == "codes":
            words = words_of(table_schema.vocabularies[name])
            expected[row, slot] = [words[code] for code in typical.astype(int)]
            values = map(text_of, columns[name][row].tolist())
            seen[row, slot] = [
                MISSING_TEXT if text in MISSING else text for text in values
            ]
        else:
            expected[row, slot] = texts_of(kind, typical, DIGITS_EXPECTED)
            seen[row, slot] = texts_of(
                kind, inputs[key][row, place], DIGITS_SEEN
            )
    return {
        "column": np.array(names, object)[order],
        "expected": expected,
        "seen": seen,
        "share": np.take_along_axis(share, order, axis=1),
    }


def words_of(vocabulary):
    """A text for each code of a category, from 0 on.

    >>> words_of(("", "dry"))
    ['another value', 'missing', 'dry']
    """
    return [OTHER_TEXT, *(word or MISSING_TEXT for word in vocabulary)]


def texts_of(kind, values, digits):
    """Array of numbers as a list of texts, by the kind of their column.

    >>> texts_of("number", np.array([0.123456, np.nan]), 4)
    ['0.1235', 'missing']
    >>> texts_of("boolean", np.array([0.2, 0.9]), 4)
    ['false', 'true']
    >>> texts_of("timestamp", np.array([86_400 + 3 * 3600 + 25 * 60.0]), 4)
    ['Tue 03:25']
    """
    if kind.startswith("boolean"):
        text = np.where(values > 0.5, "true", "false")
    elif kind.startswith("timestamp"):
        minutes = (np.nan_to_num(values) // 60).astype(int)
        day, hour, minute = minutes // 1440, minutes // 60 % 24, minutes % 60
        text = [
            f"{DAYS[d % 7]} {h:02}:{m:02}"
            for d, h, m in zip(day, hour, minute, strict=True)
        ]
    else:
        text = np.char.mod(f"%.{digits}g", values)
    return np.where(np.isnan(values), MISSING_TEXT, text).tolist()
