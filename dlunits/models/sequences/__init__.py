"""Recurrent models: topologies, language models, forecasting."""

from dlunits.models.sequences.forecaster import Forecaster
from dlunits.models.sequences.recurrent_language_model import (
    RecurrentLanguageModel,
)
from dlunits.models.sequences.recurrent_model import RecurrentModel

__all__ = ["Forecaster", "RecurrentLanguageModel", "RecurrentModel"]
