"""Comparison of autoencoders of images."""

__all__ = [
    "evaluate",
    "few_labels",
    "figures",
    "report",
    "serve",
    "tables",
    "train",
]
