"""Autoencoders: dense, convolutional, denoising, contractive, variational."""

from dlunits.models.autoencoders.autoencoder import Autoencoder
from dlunits.models.autoencoders.contractive_autoencoder import (
    ContractiveAutoencoder,
)
from dlunits.models.autoencoders.convolutional_autoencoder import (
    convolutional_autoencoder,
)
from dlunits.models.autoencoders.denoising_autoencoder import (
    denoising_autoencoder,
)
from dlunits.models.autoencoders.dense_autoencoder import dense_autoencoder
from dlunits.models.autoencoders.dense_variational_autoencoder import (
    dense_variational_autoencoder,
)
from dlunits.models.autoencoders.pca_autoencoder import pca_autoencoder
from dlunits.models.autoencoders.variational_autoencoder import (
    VariationalAutoencoder,
)

__all__ = [
    "Autoencoder",
    "ContractiveAutoencoder",
    "VariationalAutoencoder",
    "convolutional_autoencoder",
    "denoising_autoencoder",
    "dense_autoencoder",
    "dense_variational_autoencoder",
    "pca_autoencoder",
]
