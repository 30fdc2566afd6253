"""Requests with the columns of a table as named tensors."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from dlunits.columns import MISSING_VALUES
from dlunits.columns.column_values import WHITESPACE, WHOLE_NUMBER
from dlunits.columns.sentinel_values import split_sentinel
from dlunits.columns.value_formatting import MISSING_LABEL, MONDAY, WEEKDAYS
from dlunits.layers.tabular.tabular_encoding import WEEK
from dlunits.models import TableSchema
from dlunits.models.anomaly.row_explanation import DIGITS_EXPECTED, DIGITS_SEEN
from dlunits.models.anomaly.table_schema import (
    MISSING_CATEGORY,
    num_category_ids,
)
from dlunits.typing import Tensor

DTYPES = {
    "numbers": tf.float32,
    "timestamps": tf.float64,  # single precision would be off by a minute
    "category_ids": tf.string,
}
OUTER_WHITESPACE = f"^[{WHITESPACE}]+|[{WHITESPACE}]+$"
LIMIT = float(np.finfo("float32").max)
NUM_HASHES = 2**63 - 1


def argument_names(columns: Iterable[str]) -> dict[str, str]:
    """Maps column names to names of a signature's arguments.

    TensorFlow allows letters, digits and underscores there, and no names that
    differ only in case. Other names are rewritten, and made unique by a
    number.

    Args:
        columns: Names, all different.

    Returns:
        Dict from column to argument.

    >>> list(argument_names(["speed", "Läuft (s)", "2", "Speed"]).values())
    ['speed', 'Lauft_s', 'column_2', 'Speed_2']
    """
    arguments, taken = {}, {"self"}
    for column in columns:
        text = unicodedata.normalize("NFKD", column)
        text = "".join(c for c in text if not unicodedata.combining(c))
        text = re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_")
        stem = text if text[:1].isalpha() else f"column_{text}".rstrip("_")
        name, number = stem, 1
        while name.lower() in taken:
            number += 1
            name = f"{stem}_{number}"
        taken.add(name.lower())
        arguments[column] = name
    return arguments


def column_specs(table_schema: TableSchema) -> list[tf.TensorSpec]:
    """Tensor specification of each column, in the order of the schema.

    Numbers and booleans are float32 (1 for true), timestamps float64 seconds
    since 1970 UTC, categories strings. A missing number is NaN; a missing
    category is one of `dlunits.columns.MISSING_VALUES`, such as `""`.

    Args:
        table_schema: `dlunits.models.TableSchema`.

    Returns:
        List of `tf.TensorSpec` of shape `[None]`.

    >>> schema = TableSchema.from_table({"speed": [1.0], "road": ["dry"]})
    >>> [(spec.name, spec.dtype.name) for spec in column_specs(schema)]
    [('speed', 'float32'), ('road', 'string')]
    """
    return [
        tf.TensorSpec(
            [None], DTYPES[table_schema.input_index(name)[0]], argument
        )
        for name, argument in argument_names(table_schema.columns).items()
    ]


def model_inputs(
    table_schema: TableSchema, columns: Sequence[Tensor]
) -> dict[str, Tensor]:
    """Converts the tensors of a request to the inputs of `TabularEncoding`.

    Args:
        table_schema: `dlunits.models.TableSchema`.
        columns: Tensors `(rows,)`, one for each of `column_specs`.

    Returns:
        Dict of `numbers` and `timestamps`, float32, and `category_ids`,
        int32, each `(rows, columns)`, without those that have no column.
    """
    inputs: dict[str, list[Tensor]] = {}
    for name, column in zip(table_schema.columns, columns, strict=True):
        key, _ = table_schema.input_index(name)
        if key == "numbers":
            _, sentinel = split_sentinel(table_schema.column_types[name])
            if sentinel is not None:
                column = tf.where(column == sentinel, np.nan, column)
            column = tf.clip_by_value(column, -LIMIT, LIMIT)
        elif key == "timestamps":
            column = tf.cast(tf.math.floormod(column + MONDAY, WEEK), "float32")
        else:
            column = category_ids(column, table_schema.vocabularies[name])
        inputs.setdefault(key, []).append(column)
    return {key: tf.stack(each, axis=1) for key, each in inputs.items()}


def clean_texts(texts: Tensor) -> Tensor:
    """Texts of categories as `dlunits.columns.category_texts` gives them.

    Returns:
        String tensor, `""` where the value is missing.

    >>> clean_texts(tf.constant([" dry", "7.0", "null"])).numpy().tolist()
    [b'dry', b'7', b'']
    """
    texts = tf.strings.regex_replace(texts, OUTER_WHITESPACE, "")
    is_missing = tf.reduce_any(
        tf.equal(texts[..., None], tf.constant(MISSING_VALUES)), axis=-1
    )
    texts = tf.where(is_missing, MISSING_CATEGORY, texts)
    return tf.strings.regex_replace(texts, WHOLE_NUMBER, r"\1")


def category_ids(texts: Tensor, vocabulary: Sequence[str]) -> Tensor:
    """`dlunits.models.anomaly.table_schema.category_ids` for a tensor.

    >>> vocabulary = "", "dry", "wet"
    >>> category_ids(tf.constant(["wet", "icy", "nan"]), vocabulary).numpy()
    array([3, 0, 1], dtype=int32)
    """
    if not vocabulary:
        return tf.zeros_like(texts, "int32")
    # Binary search by hash: a lookup table would be a resource of the model.
    with tf.init_scope():
        hashes = tf.strings.to_hash_bucket_fast(vocabulary, NUM_HASHES).numpy()
    order = np.argsort(hashes)
    texts = clean_texts(texts)
    places = tf.searchsorted(
        hashes[order], tf.strings.to_hash_bucket_fast(texts, NUM_HASHES)
    )
    places = tf.minimum(places, len(vocabulary) - 1)
    words = tf.gather(tf.constant(order, "int32"), places)
    is_word = tf.equal(texts, tf.gather(tf.constant(vocabulary), words))
    ids = tf.minimum(1 + words, num_category_ids(vocabulary))
    return tf.where(is_word, ids, 0)


def explain_request(
    table_schema: TableSchema,
    columns: Sequence[Tensor],
    attribution: Mapping[str, Tensor],
    top: int,
) -> dict[str, Tensor]:
    """`dlunits.models.anomaly.row_explanation.explain_rows` for tensors.

    Args:
        table_schema: `dlunits.models.TableSchema`.
        columns: Tensors `(rows,)`, one for each of `column_specs`.
        attribution: Dict of tensors, the output of
            `dlunits.models.anomaly.column_attribution.ColumnAttribution`.
        top: Number of columns of a row.

    Returns:
        Dict of tensors `(rows, top)`: `column`, `expected` and `seen` are
        strings, `share` float32.
    """
    top = min(top, len(table_schema.columns))
    share, order = tf.math.top_k(attribution["share"], top)
    inputs = model_inputs(table_schema, columns)
    expected, seen = [], []
    for name, column in zip(table_schema.columns, columns, strict=True):
        key, index = table_schema.input_index(name)
        column_type = table_schema.column_types[name]
        typical = attribution[key][:, index]
        if key == "category_ids":
            labels = table_schema.category_labels(name)
            texts = clean_texts(column)
            expected.append(tf.gather(labels, typical))
            seen.append(
                tf.where(texts == MISSING_CATEGORY, MISSING_LABEL, texts)
            )
        else:
            expected.append(
                format_tensor(typical, column_type, DIGITS_EXPECTED)
            )
            seen.append(
                format_tensor(inputs[key][:, index], column_type, DIGITS_SEEN)
            )
    return {
        "column": tf.gather(tf.constant(table_schema.columns), order),
        "expected": tf.gather(tf.stack(expected, axis=1), order, batch_dims=1),
        "seen": tf.gather(tf.stack(seen, axis=1), order, batch_dims=1),
        "share": share,
    }


def format_tensor(values: Tensor, column_type: str, digits: int) -> Tensor:
    """`dlunits.columns.format_values` for a tensor.

    >>> format_tensor(tf.constant([0.123456]), "number", 4).numpy().tolist()
    [b'0.1235']
    """
    if column_type == "boolean":
        texts = tf.where(values > 0.5, "true", "false")
    elif column_type.startswith("timestamp"):
        minutes = tf.where(tf.math.is_nan(values), 0.0, values)
        minutes = tf.cast(minutes // 60, "int32")
        day = tf.gather(tf.constant(WEEKDAYS), minutes // 1440 % 7)
        hour, minute = (
            tf.strings.as_string(part, width=2, fill="0")
            for part in (minutes // 60 % 24, minutes % 60)
        )
        texts = day + " " + hour + ":" + minute
    else:
        texts = tf.strings.as_string(values, precision=digits, shortest=True)
    return tf.where(tf.math.is_nan(values), MISSING_LABEL, texts)
