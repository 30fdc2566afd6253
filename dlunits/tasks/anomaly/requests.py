"""Requests that hold a table's columns by name, in TensorFlow."""

import re
import unicodedata

import tensorflow as tf

from dlunits.layers.tabular.tabular_encoding import WEEK
from dlunits.models.anomaly.column_values import (
    DAYS,
    MISSING,
    MISSING_WORD,
    MONDAY,
)
from dlunits.models.anomaly.value_formatting import (
    DIGITS_EXPECTED,
    DIGITS_SEEN,
    MISSING_TEXT,
    words_of,
)

DTYPES = {
    "numbers": tf.float32,
    "timestamps": tf.float64,  # single precision would be off by a minute
    "codes": tf.string,
}


def argument_names(columns):
    """Names of columns -> names that a signature's arguments may have.

    TensorFlow takes letters, digits and underscores there, of which none
    differ in capitals alone. Other names are written so, and told apart by a
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


def column_specs(table_schema):
    """One `tf.TensorSpec` of shape `[None]` a column, in the known order.

    Numbers and booleans are float32 (1 for true), points in time float64
    seconds since 1970 UTC, categories strings. Missing are NaN and `""`.

    Args:
        table_schema: `dlunits.models.TableSchema`.

    >>> from dlunits.models import TableSchema
    >>> known = TableSchema.learn({"speed": [1.0], "road": ["dry"]})
    >>> [(spec.name, spec.dtype.name) for spec in column_specs(known)]
    [('speed', 'float32'), ('road', 'string')]
    """
    return [
        tf.TensorSpec([None], DTYPES[table_schema.place(name)[0]], argument)
        for name, argument in argument_names(table_schema.columns).items()
    ]


def model_inputs(table_schema, columns):
    """Tensors of columns, as `column_specs`, -> what `TabularEncoding` takes.

    Returns:
        Dict of `numbers` and `timestamps`, float32, and `codes`, int32, each
        `(rows, columns of that kind)`, without those that have no column.
    """
    inputs = {}
    for name, column in zip(table_schema.columns, columns, strict=True):
        key, _ = table_schema.place(name)
        if key == "timestamps":
            column = tf.cast(tf.math.floormod(column + MONDAY, WEEK), "float32")
        elif key == "codes":
            column = codes_of(column, table_schema.vocabularies[name])
        inputs.setdefault(key, []).append(column)
    return {key: tf.stack(each, axis=1) for key, each in inputs.items()}


def codes_of(texts, vocabulary):
    """Place of each text in the vocabulary, from 1 on; else 0.

    >>> vocabulary = "", "dry", "wet"
    >>> codes_of(tf.constant(["wet", "icy", "nan"]), vocabulary).numpy()
    array([3, 0, 1], dtype=int32)
    """
    codes = tf.zeros_like(texts, "int32")
    if vocabulary:
        texts = tf.where(is_missing(texts), MISSING_WORD, texts)
        is_word = tf.equal(texts[:, None], tf.constant(vocabulary))
        numbers = tf.range(1, 1 + len(vocabulary))
        codes = tf.reduce_max(tf.where(is_word, numbers, 0), axis=1)
    return codes


def is_missing(texts):
    """(rows,) -> (rows,), whether a text means that there is none"""
    means_it = tf.equal(texts[:, None], tf.constant(sorted(MISSING)))
    return tf.reduce_any(means_it, axis=1)


def explained(table_schema, columns, differences, top):
    """As `dlunits.models.anomaly.value_formatting.explanation`, of tensors.

    Args:
        table_schema: `dlunits.models.TableSchema`.
        columns: Tensors, as `column_specs`.
        differences: Dict of tensors, what
            `dlunits.models.anomaly.column_attribution.ColumnAttribution` finds.
        top: Integer, how many columns.

    Returns:
        Dict of tensors `(rows, top)`: `column`, `expected` and `seen` are
        strings, `share` float32.
    """
    top = min(top, len(table_schema.columns))
    share, order = tf.math.top_k(differences["share"], top)
    inputs = model_inputs(table_schema, columns)
    expected, seen = [], []
    for name, column in zip(table_schema.columns, columns, strict=True):
        key, place = table_schema.place(name)
        kind, typical = table_schema.kinds[name], differences[key][:, place]
        if key == "codes":
            words = words_of(table_schema.vocabularies[name])
            expected.append(tf.gather(words, typical))
            seen.append(tf.where(is_missing(column), MISSING_TEXT, column))
        else:
            expected.append(texts_of(kind, typical, DIGITS_EXPECTED))
            seen.append(texts_of(kind, inputs[key][:, place], DIGITS_SEEN))
    return {
        "column": tf.gather(tf.constant(table_schema.columns), order),
        "expected": tf.gather(tf.stack(expected, axis=1), order, batch_dims=1),
        "seen": tf.gather(tf.stack(seen, axis=1), order, batch_dims=1),
        "share": share,
    }


def texts_of(kind, values, digits):
    """As `dlunits.models.anomaly.value_formatting.texts_of`, of a tensor.

    >>> texts_of("number", tf.constant([0.123456]), 4).numpy().tolist()
    [b'0.1235']
    """
    if kind.startswith("boolean"):
        texts = tf.where(values > 0.5, "true", "false")
    elif kind.startswith("timestamp"):
        minutes = tf.where(tf.math.is_nan(values), 0.0, values)
        minutes = tf.cast(minutes // 60, "int32")
        day = tf.gather(tf.constant(DAYS), minutes // 1440 % 7)
        hour, minute = (
            tf.strings.as_string(part, width=2, fill="0")
            for part in (minutes // 60 % 24, minutes % 60)
        )
        texts = day + " " + hour + ":" + minute
    else:
        texts = tf.strings.as_string(values, precision=digits, shortest=True)
    return tf.where(tf.math.is_nan(values), MISSING_TEXT, texts)
