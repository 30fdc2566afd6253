"""Keras models, one a file."""

from dlunits.models.anomaly_detector import (
    AnomalyDetector as AnomalyDetector,
)
from dlunits.models.autoencoder import Autoencoder as Autoencoder
from dlunits.models.character_model import CharacterModel as CharacterModel
from dlunits.models.contractive_autoencoder import (
    ContractiveAutoencoder as ContractiveAutoencoder,
)
from dlunits.models.convolutional_autoencoder import (
    convolutional_autoencoder as convolutional_autoencoder,
)
from dlunits.models.convolutional_gan import (
    convolutional_gan as convolutional_gan,
)
from dlunits.models.denoising_autoencoder import (
    denoising_autoencoder as denoising_autoencoder,
)
from dlunits.models.dense_autoencoder import (
    dense_autoencoder as dense_autoencoder,
)
from dlunits.models.dense_variational_autoencoder import (
    dense_variational_autoencoder as dense_variational_autoencoder,
)
from dlunits.models.forecaster import Forecaster as Forecaster
from dlunits.models.gan import GAN as GAN
from dlunits.models.lenet5 import LeNet5 as LeNet5
from dlunits.models.pca_autoencoder import pca_autoencoder as pca_autoencoder
from dlunits.models.recurrent_model import RecurrentModel as RecurrentModel
from dlunits.models.table_inputs import TableInputs as TableInputs
from dlunits.models.variational_autoencoder import (
    VariationalAutoencoder as VariationalAutoencoder,
)

__all__ = [
    "GAN",
    "AnomalyDetector",
    "Autoencoder",
    "CharacterModel",
    "ContractiveAutoencoder",
    "Forecaster",
    "LeNet5",
    "RecurrentModel",
    "TableInputs",
    "VariationalAutoencoder",
    "convolutional_autoencoder",
    "convolutional_gan",
    "denoising_autoencoder",
    "dense_autoencoder",
    "dense_variational_autoencoder",
    "pca_autoencoder",
]
