"""Tables: CSV and Parquet files, column types, labels, writers."""

__all__ = [
    "anomaly_labels",
    "csv_dialect",
    "csv_rows",
    "embedded_tables",
    "reservoir_sample",
    "table_files",
    "table_writer",
]
