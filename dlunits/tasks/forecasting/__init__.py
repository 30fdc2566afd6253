"""Time-series forecasting."""

__all__ = ["figures", "report", "serve", "statsforecast_baselines", "train"]
