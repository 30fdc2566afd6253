"""Anomaly detection in tables, time series and folders of images.

Modules in the order of a run:

1. `sources`: paths of the tables, from files, image folders or data sets
2. `input_validation`: open tables, output path and column types
3. `training_rows` or `training_windows`: the training data
4. `train`: the fitted detector; `baselines` for comparison
5. `serve` and `requests`: the SavedModel and its endpoints
6. `score_table` or `score_series`: the scored table; `score_folder`: those of a
   folder of Parquet files, `spark`: those of Spark data frames
7. `detector_summary`, `report`, `report_sections`, `figures`,
   `series_figures`: the report
"""

__all__ = [
    "baselines",
    "detector_summary",
    "figures",
    "input_validation",
    "report",
    "report_sections",
    "requests",
    "score_folder",
    "score_series",
    "score_table",
    "series_figures",
    "serve",
    "sources",
    "spark",
    "train",
    "training_rows",
    "training_windows",
]
