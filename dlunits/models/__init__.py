"""Keras models, one a file."""

from dlunits.models.autoencoder import Autoencoder as Autoencoder
from dlunits.models.convolutional_autoencoder import (
    convolutional_autoencoder as convolutional_autoencoder,
)
from dlunits.models.dense_autoencoder import (
    dense_autoencoder as dense_autoencoder,
)
from dlunits.models.lenet5 import LeNet5 as LeNet5

__all__ = [
    "Autoencoder",
    "LeNet5",
    "convolutional_autoencoder",
    "dense_autoencoder",
]
