"""The page of `apps/demo.py`, on which the shipped models can be tried."""

__all__ = ["model_folder", "page"]
