"""Handwritten digit recognition."""

__all__ = ["report", "row_reader_report", "serve", "train_row_reader"]
