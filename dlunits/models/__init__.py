"""Keras models, one a file."""
