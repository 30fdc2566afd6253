"""Tables: CSV and Parquet files, column types, labels, writers."""

__all__ = [
    "anomaly_labels",
    "column_types",
    "csv_dialect",
    "csv_rows",
    "embedded_tables",
    "reservoir_sample",
    "table_columns",
    "table_files",
    "table_writer",
]
