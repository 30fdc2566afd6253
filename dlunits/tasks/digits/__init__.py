"""Handwritten digit recognition."""

__all__ = [
    "fit_classifier",
    "recognize_files",
    "rejection",
    "report",
    "sequence_report",
    "serve",
    "train",
    "train_sequence_classifier",
]
