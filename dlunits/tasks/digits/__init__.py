"""Handwritten digit recognition."""

__all__ = [
    "report",
    "sequence_report",
    "serve",
    "train",
    "train_sequence_classifier",
]
