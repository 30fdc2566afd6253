"""Tables, as they come, as the arrays that `TabularEncoding` takes."""

import dataclasses
import difflib

import keras
import numpy as np

from dlunits.layers import TabularEncoding
from dlunits.models.anomaly.column_values import (
    as_codes,
    as_numbers,
    as_timestamps,
    columns_of,
    kinds_of,
    vocabulary_of,
)

KINDS = ("number", "boolean", "timestamp", "category", "ignored")
MOST_COLUMNS = 5_000
MOST_VALUES = 50  # of a category that are told apart, beside missing


@keras.saving.register_keras_serializable(package="dlunits")
@dataclasses.dataclass(frozen=True)
class TableSchema:
    """What a model knows of a table's columns: kinds, values, gaps.

    Use `learn` on the rows to train on; then `inputs` makes of any table with
    the same columns, in whatever order and among others, what the layer
    `encoding()` takes. A table is one of

    - a dict from name to array `(rows,)`,
    - a table of pandas, pyarrow or polars,
    - an array `(rows, columns)`, whose columns are called `column_1` ...

    Of the kinds, `"number"` and `"boolean"` become numbers; those that begin
    with `"timestamp"`, seconds since 1970 or datetimes, become seconds since
    Monday 0 h UTC; `"category"` becomes codes; `"ignored"` columns are left
    out. Missing are None, NaN, NaT and empty text.

    Attributes:
        kinds: Dict from the name of a column to its kind.
        vocabularies: Dict from each category's name to the texts that have a
            code, which is 1 for the first; others have 0. Where values were
            missing, `""` is the first.
        gaps: Names of the numbers that may be missing.

    Example:

    >>> table = {"speed": [1.5, None], "road": ["dry", "wet"]}
    >>> table_schema = TableSchema.learn(table)
    >>> table_schema.gaps, table_schema.vocabularies
    (('speed',), {'road': ('dry', 'wet')})
    >>> table_schema.inputs({"road": ["wet", "icy"], "speed": [3, 4]})["codes"]
    array([[2],
           [0]], dtype=int32)
    """

    kinds: dict
    vocabularies: dict
    gaps: tuple

    @classmethod
    def learn(cls, table, kinds=None):
        """Takes values and gaps from the rows to train on.

        Args:
            table: Table.
            kinds: Dict from names to kinds; columns that it lacks are left
                out. `None` takes what `kinds_of` says.

        Raises:
            ValueError: If there is no row or no column to use, or more than
                5,000; and as `inputs`.
        """
        kinds = dict(kinds_of(table) if kinds is None else kinds)
        known = cls(kinds, {}, ())
        known.check_kinds()
        columns = known.checked(table)
        gaps = [
            name
            for name in known.numbers
            if np.isnan(as_numbers(name, columns[name])).any()
        ]
        vocabularies = {
            name: vocabulary_of(name, columns[name], MOST_VALUES)
            for name in known.categories
        }
        return cls(kinds, vocabularies, tuple(gaps))

    def check_kinds(self):
        for name, kind in self.kinds.items():
            if not kind.startswith(KINDS):
                raise ValueError(
                    f"The kind of column {name!r} must begin with one of "
                    f"{', '.join(KINDS)}. Received: {kind!r}"
                )
        if not 0 < len(self.columns) <= MOST_COLUMNS:
            raise ValueError(
                f"A table must have from 1 to {MOST_COLUMNS:,} columns that "
                f"are not ignored. Received: {len(self.columns):,}. Say of "
                "what kind columns are."
            )

    # Columns of each input of the layer; in an order that does not depend on
    # that of the table, so that this does not change what is learnt.

    @property
    def numbers(self):
        return self.named("number", "boolean")

    @property
    def timestamps(self):
        return self.named("timestamp")

    @property
    def categories(self):
        return self.named("category")

    @property
    def columns(self):
        """Names in the order in which the layer counts columns."""
        return (*self.numbers, *self.timestamps, *self.categories)

    def named(self, *kinds):
        names = (n for n, kind in self.kinds.items() if kind.startswith(kinds))
        return tuple(sorted(names, key=lambda name: (len(name), name)))

    def place(self, column):
        """Key of a column in `inputs`, and its index there."""
        for key, names in (
            ("numbers", self.numbers),
            ("timestamps", self.timestamps),
            ("codes", self.categories),
        ):
            if column in names:
                return key, names.index(column)
        raise ValueError(f"There is no such column. Received: {column!r}")

    def encoding(self, **options):
        """The layer for these columns, not adapted yet."""
        return TabularEncoding(
            len(self.numbers),
            len(self.timestamps),
            [len(self.vocabularies[name]) for name in self.categories],
            [self.numbers.index(name) for name in self.gaps],
            **options,
        )

    def inputs(self, table):
        """What `TabularEncoding` takes of the table, a row a row.

        Returns:
            Dict of `numbers` and `timestamps`, float32, and `codes`, int32,
            without those that have no column.

        Raises:
            ValueError: With one line, if a column is missing or of another
                length, a number is infinite or text, or there is no row.
        """
        columns = self.checked(table)
        most = np.finfo("float32").max
        arrays = {
            "numbers": [
                np.clip(as_numbers(name, columns[name]), -most, most)
                for name in self.numbers
            ],
            "timestamps": [
                as_timestamps(name, columns[name]) for name in self.timestamps
            ],
            "codes": [
                as_codes(columns[name], self.vocabularies[name])
                for name in self.categories
            ],
        }
        return {
            key: np.stack(
                each,
                axis=1,
                dtype="int32" if key == "codes" else "float32",
                casting="same_kind",
            )
            for key, each in arrays.items()
            if each
        }

    def checked(self, table):
        """Dict of columns, all there and of one length."""
        columns = columns_of(table)
        if isinstance(table, np.ndarray) and len(columns) != len(self.kinds):
            raise ValueError(
                f"The table must have {len(self.kinds)} columns, as the one "
                f"that was learnt from. Received: {len(columns)}"
            )
        for name in self.columns:
            if name not in columns:
                like = difflib.get_close_matches(name, columns, 1)
                guess = f" Did you mean {like[0]!r}?" if like else ""
                raise ValueError(
                    f"Column {name!r} is missing.{guess} Add the column, or "
                    "name it as it was learnt; the order does not matter."
                )
        lengths = {name: len(columns[name]) for name in self.columns}
        first = self.columns[0]
        for name, length in lengths.items():
            if length != lengths[first]:
                raise ValueError(
                    "Columns must be of one length. Received: "
                    f"{lengths[first]} rows in {first!r}, {length} in {name!r}"
                )
        if not lengths[first]:
            raise ValueError("The table has no row. Expected: at least one")
        return columns

    def get_config(self):
        return {
            "kinds": dict(self.kinds),
            "vocabularies": {
                name: list(texts) for name, texts in self.vocabularies.items()
            },
            "gaps": list(self.gaps),
        }

    @classmethod
    def from_config(cls, config):
        vocabularies = config["vocabularies"].items()
        return cls(
            dict(config["kinds"]),
            {name: tuple(texts) for name, texts in vocabularies},
            tuple(config["gaps"]),
        )
