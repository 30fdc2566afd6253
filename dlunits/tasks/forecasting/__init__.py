"""Time-series forecasting."""

__all__ = ["figures", "report", "serve", "train"]
