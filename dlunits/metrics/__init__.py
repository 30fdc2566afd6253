"""Metrics that Keras does not have, one a file."""

from dlunits.metrics.bits_per_character import (
    BitsPerCharacter as BitsPerCharacter,
)
from dlunits.metrics.perplexity import Perplexity as Perplexity

__all__ = ["BitsPerCharacter", "Perplexity"]
