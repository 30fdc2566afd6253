"""Recurrent models: topologies, language models, forecasting."""

from dlunits.models.sequences.forecaster import Forecaster
from dlunits.models.sequences.recurrent_language_model import (
    RecurrentLanguageModel,
)
from dlunits.models.sequences.recurrent_model import RecurrentModel
from dlunits.models.sequences.reversible_instance_normalization import (
    ReversibleInstanceNormalization,
)
from dlunits.models.sequences.seg_rnn import SegRNN
from dlunits.models.sequences.statistical_forecasts import (
    SeasonalNaiveForecast,
    ThetaForecast,
)

__all__ = [
    "Forecaster",
    "RecurrentLanguageModel",
    "RecurrentModel",
    "ReversibleInstanceNormalization",
    "SeasonalNaiveForecast",
    "SegRNN",
    "ThetaForecast",
]
