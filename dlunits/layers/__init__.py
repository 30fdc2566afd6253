"""Custom Keras layers: recurrent, noise, tabular, tied, convolution."""

from dlunits.layers.convolution import (
    EuclideanRBF,
    GroupedConv2D,
    HistogramOfOrientedGradients,
    LocalResponseNormalization,
    PartialConv2D,
    TrainableSubsampling,
)
from dlunits.layers.moving_mean_sparsity import MovingMeanSparsity
from dlunits.layers.noise import (
    GaussianSampling,
    MaskingNoise,
    SaltAndPepperNoise,
)
from dlunits.layers.rnn import (
    GRU,
    LSTM,
    Bidirectional,
    EmbeddingRNN,
    GRUCell,
    LSTMCell,
    SimpleRNN,
    SimpleRNNCell,
)
from dlunits.layers.tabular import (
    ConformalInterval,
    ConformalPValue,
    CrossFittedWhitening,
    LeSiNN,
    TabularEncoding,
)
from dlunits.layers.tied import TiedConv2DTranspose, TiedDense

__all__ = [
    "GRU",
    "LSTM",
    "Bidirectional",
    "ConformalInterval",
    "ConformalPValue",
    "CrossFittedWhitening",
    "EmbeddingRNN",
    "EuclideanRBF",
    "GRUCell",
    "GaussianSampling",
    "GroupedConv2D",
    "HistogramOfOrientedGradients",
    "LSTMCell",
    "LeSiNN",
    "LocalResponseNormalization",
    "MaskingNoise",
    "MovingMeanSparsity",
    "PartialConv2D",
    "SaltAndPepperNoise",
    "SimpleRNN",
    "SimpleRNNCell",
    "TabularEncoding",
    "TiedConv2DTranspose",
    "TiedDense",
    "TrainableSubsampling",
]
