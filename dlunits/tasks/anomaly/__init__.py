"""Anomaly detection in tables, time series and folders of images."""

__all__ = [
    "baselines",
    "detector_summary",
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
    "training_rows",
    "training_windows",
]
