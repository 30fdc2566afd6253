"""Schema of a table: column types, vocabularies and missing values."""

import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dlunits.columns import (
    COLUMN_TYPES,
    InvalidCells,
    TableChunk,
    category_labels,
    category_texts,
    infer_column_types,
    read_columns,
    table_chunk,
)
from dlunits.columns.column_types import check_column_types
from dlunits.columns.column_values import as_text, is_number_type
from dlunits.columns.sentinel_values import split_sentinel
from dlunits.columns.table_chunks import Table, num_unnamed_columns
from dlunits.columns.value_formatting import MONDAY
from dlunits.layers import TabularEncoding
from dlunits.layers.tabular.tabular_encoding import WEEK
from dlunits.models.anomaly.column_histogram import ColumnHistogram
from dlunits.typing import Array, Config

MAX_COLUMNS = 5_000
MAX_CATEGORIES = 50  # categories of a column with their own id, besides missing
MAX_SINGLE = 0.1  # maximum fraction of rows whose category no other row has
MISSING_CATEGORY = ""  # entry of a vocabulary


@keras.saving.register_keras_serializable(package="dlunits")
@dataclasses.dataclass(frozen=True)
class TableSchema:
    """Schema of a training table: column types, vocabularies, missing values.

    `from_table` infers it from the training rows. `inputs` then converts any
    table with these columns, in any order and among others, to the inputs of
    the layer `encoding()`. A table is one of

    - a dict from column name to array `(rows,)`,
    - a data frame of pandas, polars or pyarrow,
    - a list of dicts from column name to value, or one such dict,
    - an array `(rows, columns)` or a list of rows, with columns `column_1`,
      `column_2` ...

    Columns of the types `"number"`, `"number [UNIT]"`, `"number except -999"`
    and `"boolean"` are converted to numbers, those of the types `"timestamp"`,
    `"timestamp_ms"` and similar ones to seconds since Monday 0:00 UTC, and
    those of the type `"category"` to category ids. `"ignored"` columns are left
    out. Values are parsed as in files, see `dlunits.columns`: for example,
    "NA", "null", None and NaN are missing.

    Args:
        column_types: Dict from column name to type, see
            `dlunits.columns.COLUMN_TYPES`.
        vocabularies: Dict from the name of each category column to its texts,
            see `vocabulary` and `category_ids`. The first one is `""` if values
            are missing.
        missing_indicators: Names of the number and boolean columns with missing
            values. Each gets a feature that is 1 where the value is missing.
        histograms: Dict from the name of each number, boolean and category
            column to its `ColumnHistogram`; empty if unknown.

    Raises:
        ValueError: By `from_table` and `inputs`, if a table does not match.

    Example:

    >>> schema = TableSchema.from_table(
    ...     {"speed": ["1.5", "NA"], "road": ["dry", "wet"]}
    ... )
    >>> schema.missing_indicators, schema.vocabularies
    (('speed',), {'road': ('dry', 'wet')})
    >>> new = {"road": ["wet", "icy"], "speed": [3, 4]}
    >>> schema.inputs(new)["category_ids"]
    array([[2],
           [0]], dtype=int32)
    """

    column_types: dict[str, str]
    vocabularies: dict[str, tuple[str, ...]]
    missing_indicators: tuple[str, ...]
    histograms: dict[str, ColumnHistogram] = dataclasses.field(
        default_factory=dict, compare=False
    )

    @classmethod
    def from_table(
        cls,
        table: Table,
        column_types: Mapping[str, str] | None = None,
        decimal: str = ".",
    ) -> "TableSchema":
        """Infers the schema of a training table.

        Args:
            table: Table.
            column_types: Dict from column name to type; other columns are left
                out. `None` infers all types, see
                `dlunits.columns.infer_column_types`, with warnings about
                ignored columns and sentinel values. Columns of an array are
                never ignored as identifiers.
            decimal: Decimal separator of numbers in strings, `"."` or `","`.

        Returns:
            `TableSchema`.

        Raises:
            ValueError: If there is no row, no column that is used, or more
                than 5,000 of them; and as `inputs`, except that the few invalid
                cells that the inference allows are treated as missing.
        """
        invalid_cells = None
        if column_types is None:
            invalid_cells = InvalidCells()
            # The columns of an array are selected, and none is ignored.
            has_names = num_unnamed_columns(table) is None
            table = table_chunk(table, decimal=decimal)
            check_has_rows(table)
            column_types, reasons = infer_column_types(
                table, ignore_identifiers=has_names
            )
            for name, column_type in column_types.items():
                _, sentinel = split_sentinel(column_type)
                if name in reasons:
                    message = f"is ignored: it {reasons[name]}"
                elif sentinel is not None:
                    message = f"has missing values, encoded as {sentinel:g}"
                else:
                    continue
                warnings.warn(
                    f"Column {name!r} {message}. Declare its type to change "
                    "this",
                    stacklevel=3,
                )
        schema = cls(dict(column_types), {}, ())
        schema.check_column_types()
        chunk = schema.chunk(table, decimal)
        types = {name: column_types[name] for name in schema.numbers}
        numbers = {
            name: float32(column)
            for name, column in read_columns(
                chunk, types, invalid_cells
            ).items()
        }
        missing_indicators = [
            name for name, column in numbers.items() if np.isnan(column).any()
        ]
        histograms = {
            name: ColumnHistogram.of_numbers(column)
            for name, column in numbers.items()
        }
        vocabularies = {}
        for name in schema.categories:
            texts = schema.texts(chunk, name)
            words = vocabularies[name] = vocabulary(texts)
            histograms[name] = ColumnHistogram.of_categories(
                category_ids(texts, words), num_category_ids(words)
            )
        return cls(
            schema.column_types,
            vocabularies,
            tuple(missing_indicators),
            histograms,
        )

    def check_column_types(self) -> None:
        check_column_types(self.column_types)
        if not 0 < len(self.columns) <= MAX_COLUMNS:
            raise ValueError(
                f"A table must have from 1 to {MAX_COLUMNS:,} columns that "
                f"are not ignored. Received: {len(self.columns):,}. Declare "
                "other column types."
            )

    # Columns of each input of the layer. Their order does not depend on that of
    # the table, so that the fitted model does not depend on it.

    @property
    def numbers(self) -> tuple[str, ...]:
        return self.columns_of_type("number", "boolean")

    @property
    def timestamps(self) -> tuple[str, ...]:
        return self.columns_of_type(
            *(each for each in COLUMN_TYPES if each.startswith("timestamp"))
        )

    @property
    def categories(self) -> tuple[str, ...]:
        return self.columns_of_type("category")

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns in the order of the layer."""
        return (*self.numbers, *self.timestamps, *self.categories)

    def columns_of_type(self, *column_types: str) -> tuple[str, ...]:
        names = (
            name
            for name, column_type in self.column_types.items()
            if column_type in column_types
            or ("number" in column_types and is_number_type(column_type))
        )
        return tuple(sorted(names, key=lambda name: (len(name), name)))

    def input_index(self, column: str) -> tuple[str, int]:
        """Key and index of a column in `inputs`.

        Args:
            column: Name of the column.

        Returns:
            `(key, index)`: `"numbers"`, `"timestamps"` or `"category_ids"`, and
            the index of the column in this array.

        Raises:
            ValueError: If there is no such column.
        """
        for key, names in (
            ("numbers", self.numbers),
            ("timestamps", self.timestamps),
            ("category_ids", self.categories),
        ):
            if column in names:
                return key, names.index(column)
        raise ValueError(f"There is no such column. Received: {column!r}")

    def encoding(self, **options: Any) -> TabularEncoding:
        """Creates the encoding layer for these columns.

        Args:
            **options: Arguments of `keras.layers.Layer`.

        Returns:
            `dlunits.layers.TabularEncoding`, not yet adapted.
        """
        return TabularEncoding(
            len(self.numbers),
            len(self.timestamps),
            [
                num_category_ids(self.vocabularies[name])
                for name in self.categories
            ],
            [self.numbers.index(name) for name in self.missing_indicators],
            **options,
        )

    def inputs(
        self,
        table: Table,
        decimal: str = ".",
        invalid_cells: InvalidCells | None = None,
    ) -> dict[str, Array]:
        """Converts a table to the inputs of `TabularEncoding`.

        Args:
            table: Table.
            decimal: Decimal separator of numbers in strings, `"."` or `","`.
            invalid_cells: As in `dlunits.columns.read_columns`.

        Returns:
            Dict of `numbers` and `timestamps`, float32, and `category_ids`,
            int32, each `(rows, columns)`, without those that have no column.

        Raises:
            ValueError: If a column is missing or of another length, a value
                is not of the type of its column, a number is infinite, or
                there is no row. The message is one line.
        """
        chunk = self.chunk(table, decimal)
        types = {
            name: self.column_types[name]
            for name in (*self.numbers, *self.timestamps)
        }
        columns = read_columns(chunk, types, invalid_cells)
        arrays = {
            "numbers": [float32(columns[name]) for name in self.numbers],
            "timestamps": [
                (columns[name] + MONDAY) % WEEK for name in self.timestamps
            ],
            "category_ids": [
                category_ids(self.texts(chunk, name), self.vocabularies[name])
                for name in self.categories
            ],
        }
        return {
            key: np.stack(
                each,
                axis=1,
                dtype="int32" if key == "category_ids" else "float32",
                casting="same_kind",
            )
            for key, each in arrays.items()
            if each
        }

    def category_labels(self, name: str) -> list[str]:
        """Labels of the ids of a category column.

        Args:
            name: Name of the column.

        Returns:
            List of strings, for the ids 0, 1, 2 ...
        """
        words = self.vocabularies[name]
        return category_labels(words, num_frequent(words))

    def texts(self, chunk: TableChunk, name: str) -> pa.Array:
        """Values of a category column as text, null where missing."""
        column = chunk.table[name].combine_chunks()
        try:
            return category_texts(column)
        except (pa.ArrowException, ValueError):
            read_columns(chunk, {name: "category"})  # its error names the row
            raise

    def chunk(self, table: Table, decimal: str = ".") -> TableChunk:
        """Converts a table to a chunk of the columns that are used."""
        count, received = len(self.column_types), num_unnamed_columns(table)
        if received not in (None, count):
            raise ValueError(
                f"The table must have {count} columns, as the training table. "
                f"Received: {received}"
            )
        chunk = table_chunk(table, self.columns, decimal)
        check_has_rows(chunk)
        return chunk

    def get_config(self) -> Config:
        return {
            "column_types": dict(self.column_types),
            "vocabularies": {
                name: list(texts) for name, texts in self.vocabularies.items()
            },
            "missing_indicators": list(self.missing_indicators),
            "histograms": {
                name: histogram.get_config()
                for name, histogram in self.histograms.items()
            },
        }

    @classmethod
    def from_config(cls, config: Config) -> "TableSchema":
        vocabularies = config["vocabularies"].items()
        return cls(
            dict(config["column_types"]),
            {name: tuple(texts) for name, texts in vocabularies},
            tuple(config["missing_indicators"]),
            {
                name: ColumnHistogram.from_config(each)
                for name, each in config.get("histograms", {}).items()
            },
        )


def check_has_rows(chunk: TableChunk) -> None:
    if not chunk.table.num_rows:
        raise ValueError("The table has no row. Expected: at least one")


def float32(numbers: Array) -> Array:
    """Converts numbers to single precision, clipped to its range.

    >>> float32(np.array([1.5, np.nan, 1e300]))
    array([1.5000000e+00,           nan, 3.4028235e+38], dtype=float32)
    """
    limit = np.finfo("float32").max
    return np.clip(numbers, -limit, limit).astype("float32")


def vocabulary(
    texts: pa.Array, max_categories: int = MAX_CATEGORIES
) -> tuple[str, ...]:
    """Vocabulary of a category column of the training table.

    `""` comes first if values are missing, then the most frequent texts,
    sorted, then the rare ones, sorted. If more than 10 % of the rows have a
    rare text that no other row has, new rows probably have new texts as well.
    The texts of a single row are then left out, so that they are unknown, like
    new texts.

    Args:
        texts: `pyarrow` array of strings, null where missing.
        max_categories: Number of texts that are treated as frequent.

    Returns:
        Tuple of distinct texts.

    Example:

    >>> texts = pa.array(["wet", None, "icy", "wet", "dry", "icy", "dry"])
    >>> vocabulary(texts, max_categories=1)
    ('', 'dry', 'icy', 'wet')
    >>> vocabulary(pa.array([*"aabcdefgh"]), max_categories=1)
    ('a',)
    """
    counts = {
        entry["values"]: entry["counts"]
        for entry in pc.value_counts(texts.drop_null()).to_pylist()
    }
    by_count = sorted(counts, key=lambda text: (-counts[text], text))
    frequent, rare = by_count[:max_categories], by_count[max_categories:]
    several = [text for text in rare if counts[text] > 1]
    if len(rare) - len(several) > MAX_SINGLE * len(texts):
        rare = several
    missing = (MISSING_CATEGORY,) if texts.null_count else ()
    return (*missing, *sorted(frequent), *sorted(rare))


def num_frequent(vocabulary: Sequence[str]) -> int:
    """Number of texts of a vocabulary that have their own id.

    >>> num_frequent(("", "dry", "wet"))
    3
    """
    has_missing = tuple(vocabulary[:1]) == (MISSING_CATEGORY,)
    return min(len(vocabulary), MAX_CATEGORIES + has_missing)


def num_category_ids(vocabulary: Sequence[str]) -> int:
    """Number of ids of a vocabulary, without 0; rare texts have one id.

    >>> num_category_ids(("", "dry", "wet"))
    3
    """
    return min(len(vocabulary), num_frequent(vocabulary) + 1)


def category_ids(texts: pa.Array, vocabulary: Sequence[str]) -> Array:
    """Positions of texts in a vocabulary, starting at 1; 0 for other texts.

    Texts after the 50 most frequent ones all have the id 51. A missing value
    has the id of `""` if the vocabulary contains it, else 0; with `""` in the
    vocabulary, the ids of the other texts are larger by 1.

    >>> category_ids(pa.array(["wet", None, "icy"]), ("", "dry", "wet"))
    array([3, 1, 0], dtype=int32)
    """
    words = pa.array(vocabulary, pa.string())
    ids = pc.index_in(as_text(pc.fill_null(texts, MISSING_CATEGORY)), words)
    ids = pc.fill_null(pc.add(ids, pa.scalar(1, pa.int32())), 0).to_numpy()
    return np.minimum(ids, np.int32(num_category_ids(vocabulary)))
