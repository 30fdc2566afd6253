"""Web page of `dlunits demo`, on which the shipped models can be tried."""

__all__ = ["model_folder", "page"]
