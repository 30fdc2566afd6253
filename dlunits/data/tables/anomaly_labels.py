"""Which rows of a table are anomalies, by a column that says so."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dlunits.data.tables.table_columns import NotOfKindError, cleaned, shown

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


def anomaly_labels(chunk, column, normal_class=None):
    """Reads the labels of some rows.

    Args:
        chunk: `dlunits.data.tables.table_files.Chunk`.
        column: Name of the column of labels.
        normal_class: Text that normal rows have there; all other texts are
            anomalies. `None` goes by the words in `NORMAL` and `ANOMALY`, in
            capitals or not: 0 and 1, false and true, normal and anomaly.

    Returns:
        Boolean array `(rows,)`, true for an anomaly.

    Raises:
        ValueError: If a label is missing or could mean either: one line that
            names file, line and column.

    Example:

    >>> from dlunits.data.tables.table_files import Chunk
    >>> chunk = Chunk(pa.table({"state": ["OK", "fault"], "class": [1, 3]}))
    >>> anomaly_labels(chunk, "state").tolist()
    [False, True]
    >>> anomaly_labels(chunk, "class", normal_class="3").tolist()
    [True, False]
    """
    texts = label_texts(chunk, column)
    if normal_class is None:
        texts = pc.utf8_lower(texts)
        normal = pc.is_in(texts, pa.array(NORMAL))
        known = pc.or_(normal, pc.is_in(texts, pa.array(ANOMALY)))
        expected = "0 (normal) or 1 (anomaly), or words that mean it"
    else:
        normal = pc.equal(texts, str(normal_class).strip())
        known = pc.is_valid(texts)
        normal = pc.fill_null(normal, False)
        expected = "a label"
    unclear = np.flatnonzero(~known.to_numpy(zero_copy_only=False))
    if len(unclear):
        row = unclear[0].item()
        raise ValueError(
            f"{chunk.place(row, column)}: expected {expected}, found "
            f"{shown(chunk.table[column][row].as_py())}. Correct it, or say "
            "which class is the normal one (normal_class)."
        )
    return ~normal.to_numpy(zero_copy_only=False)


def label_texts(chunk, column):
    """The labels as texts; whole numbers without `.0`."""
    array = chunk.table[column].combine_chunks()
    if pa.types.is_boolean(array.type):
        array = pc.cast(array, pa.int8())
    try:
        texts = cleaned(array)
    except (pa.ArrowException, NotOfKindError):
        raise ValueError(
            f"{chunk.place(0, column)}: expected labels, found lists or "
            "structures."
        ) from None
    return pc.replace_substring_regex(texts, r"^(\d+)\.0+$", r"\1")
