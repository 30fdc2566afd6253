"""Time series: resampling, windows, seasonality."""

__all__ = [
    "adding_task",
    "embedded_series",
    "forecast_windows",
    "resampling",
    "seasonal_profile",
    "series_tables",
    "series_tasks",
    "series_windows",
    "time_axis",
    "timestamp_parsing",
    "window_features",
]
