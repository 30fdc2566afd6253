"""Anomaly labels in a column of a table."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dlunits.columns import TableChunk, category_texts
from dlunits.columns.column_values import (
    FALSE,
    TRUE,
    WHOLE_NUMBER,
    ColumnTypeError,
    as_text,
    quoted_value,
)
from dlunits.typing import Array

NORMAL = (
    "0",
    "false",
    "no",
    "f",
    "n",
    "normal",
    "ok",
    "good",
    "inlier",
    "benign",
    "regular",
    "healthy",
    "nominal",
)
ANOMALY = (
    "1",
    "true",
    "yes",
    "t",
    "y",
    "anomaly",
    "anomalous",
    "abnormal",
    "outlier",
    "malignant",
    "fault",
    "faulty",
    "failure",
    "defect",
    "fraud",
    "attack",
)


def anomaly_labels(
    chunk: TableChunk, column: str, normal_class: str | None = None
) -> Array:
    """Reads the anomaly labels of a chunk of rows.

    Args:
        chunk: `dlunits.columns.TableChunk`.
        column: Name of the column of labels.
        normal_class: Label of the normal rows; all other labels are
            anomalies. It may be a text that is a missing value in other
            columns, such as "none" or "-". `None` compares with the words in
            `NORMAL` and `ANOMALY`, ignoring case, such as 0 and 1, false and
            true, normal and anomaly.

    Returns:
        Boolean array `(rows,)`, true for an anomaly.

    Raises:
        ValueError: If a label is missing or in neither list. The message is
            one line with file, line and column.

    Example:

    >>> table = pa.table({"state": ["OK", "fault"], "class": [1, 3]})
    >>> chunk = TableChunk(table)
    >>> anomaly_labels(chunk, "state").tolist()
    [False, True]
    >>> anomaly_labels(chunk, "class", normal_class="3").tolist()
    [True, False]
    """
    texts = label_texts(chunk, column, missing_values=normal_class is None)
    if normal_class is None:
        texts = pc.utf8_lower(texts)
        normal = pc.is_in(texts, pa.array(NORMAL))
        known = pc.or_(normal, pc.is_in(texts, pa.array(ANOMALY)))
        expected = "0 (normal) or 1 (anomaly), or words with this meaning"
    else:
        wanted = str(normal_class).strip()
        if pa.types.is_boolean(chunk.table[column].type):
            words = {**dict.fromkeys(TRUE, "1"), **dict.fromkeys(FALSE, "0")}
            wanted = words.get(wanted.lower(), wanted)
        normal = pc.equal(texts, wanted)
        known = pc.fill_null(pc.not_equal(texts, ""), False)
        normal = pc.fill_null(normal, False)
        expected = "a label"
    unclear = np.flatnonzero(~known.to_numpy(zero_copy_only=False))
    if len(unclear):
        row = unclear[0].item()
        raise ValueError(
            f"{chunk.place(row, column)}: expected {expected}, found "
            f"{quoted_value(chunk.table[column][row].as_py())}. Correct it, "
            "or give the label of the normal rows (normal_class)."
        )
    return ~normal.to_numpy(zero_copy_only=False)


def label_texts(
    chunk: TableChunk, column: str, missing_values: bool
) -> pa.Array:
    """Converts labels to texts; booleans become "1" and "0".

    With `missing_values`, a text such as "none" becomes null.
    """
    array = chunk.table[column].combine_chunks()
    if pa.types.is_boolean(array.type):
        array = pc.cast(array, pa.int8())
    try:
        if missing_values:
            return category_texts(array)
        texts = pc.utf8_trim_whitespace(as_text(array))
        return pc.replace_substring_regex(texts, WHOLE_NUMBER, r"\1")
    except (pa.ArrowException, ColumnTypeError):
        raise ValueError(
            f"{chunk.place(0, column)}: expected labels, found lists or "
            "structures."
        ) from None
