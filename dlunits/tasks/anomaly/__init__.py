"""Anomaly detection in tables, series and folders of images."""

__all__ = [
    "baselines",
    "figures",
    "input_validation",
    "report",
    "report_sections",
    "requests",
    "score_series",
    "score_table",
    "series_figures",
    "serve",
    "sources",
    "train",
    "train_series",
    "training_rows",
]
