"""Handwritten digit recognition."""

__all__ = [
    "recognize_files",
    "report",
    "sequence_report",
    "serve",
    "train",
    "train_sequence_classifier",
]
