"""Keras models, one a file."""

from dlunits.models.lenet5 import LeNet5 as LeNet5

__all__ = ["LeNet5"]
