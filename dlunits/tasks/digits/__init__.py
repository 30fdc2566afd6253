"""Handwritten digit recognition."""

__all__ = [
    "classify_files",
    "fit_classifier",
    "onnx_reader",
    "page_functions",
    "recognize_files",
    "rejection",
    "report",
    "sequence_report",
    "serve",
    "tensorflow_reader",
    "train",
    "train_sequence_classifier",
]
