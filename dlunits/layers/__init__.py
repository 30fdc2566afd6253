"""Keras layers that Keras does not have, one class a file."""
