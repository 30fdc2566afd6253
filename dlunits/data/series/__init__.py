"""Time series: resampling, windows, seasonality."""

__all__ = [
    "adding_task",
    "embedded_series",
    "forecast_windows",
    "forecasting_dataset",
    "known_future",
    "panel_features",
    "resampling",
    "seasonal_profile",
    "series_panel",
    "series_tables",
    "series_windows",
    "time_axis",
    "time_zones",
    "window_features",
]
