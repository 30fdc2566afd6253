"""Keras models, detectors, and functions that build models."""

from dlunits.models.alexnet import AlexNet
from dlunits.models.anomaly import (
    AnomalyDetector,
    AnomalyStream,
    TableSchema,
)
from dlunits.models.autoencoders import (
    Autoencoder,
    ContractiveAutoencoder,
    VariationalAutoencoder,
    convolutional_autoencoder,
    denoising_autoencoder,
    dense_autoencoder,
    dense_variational_autoencoder,
    pca_autoencoder,
)
from dlunits.models.gan import GAN, convolutional_gan
from dlunits.models.lenet5 import LeNet5
from dlunits.models.sequences import (
    Forecaster,
    RecurrentLanguageModel,
    RecurrentModel,
)

__all__ = [
    "GAN",
    "AlexNet",
    "AnomalyDetector",
    "AnomalyStream",
    "Autoencoder",
    "ContractiveAutoencoder",
    "Forecaster",
    "LeNet5",
    "RecurrentLanguageModel",
    "RecurrentModel",
    "TableSchema",
    "VariationalAutoencoder",
    "convolutional_autoencoder",
    "convolutional_gan",
    "denoising_autoencoder",
    "dense_autoencoder",
    "dense_variational_autoencoder",
    "pca_autoencoder",
]
