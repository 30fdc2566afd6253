"""Column types of tables: missing values, numbers, timestamps, categories."""

from dlunits.columns.column_listing import example_values, list_columns
from dlunits.columns.column_types import (
    infer_column_types,
    parse_column_types,
)
from dlunits.columns.column_values import (
    COLUMN_TYPES,
    MISSING_VALUES,
    category_texts,
    column_array,
)
from dlunits.columns.table_chunks import (
    ChunkedTable,
    InvalidCellError,
    InvalidCells,
    TableChunk,
    check_columns,
    read_columns,
    table_chunk,
)
from dlunits.columns.timestamp_parsing import parse_timestamps
from dlunits.columns.value_formatting import category_labels, format_values

__all__ = [
    "COLUMN_TYPES",
    "MISSING_VALUES",
    "ChunkedTable",
    "InvalidCellError",
    "InvalidCells",
    "TableChunk",
    "category_labels",
    "category_texts",
    "check_columns",
    "column_array",
    "example_values",
    "format_values",
    "infer_column_types",
    "list_columns",
    "parse_column_types",
    "parse_timestamps",
    "read_columns",
    "table_chunk",
]
