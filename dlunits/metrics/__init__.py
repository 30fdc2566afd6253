"""Metrics that Keras does not have, one a file.

Those of text are Keras metrics. Those of generated examples are functions of
arrays, because they look at all examples together.
"""

from dlunits.metrics.bits_per_character import (
    BitsPerCharacter as BitsPerCharacter,
)
from dlunits.metrics.class_coverage import class_coverage as class_coverage
from dlunits.metrics.classifier_score import (
    classifier_score as classifier_score,
)
from dlunits.metrics.feature_statistics import (
    FeatureStatistics as FeatureStatistics,
)
from dlunits.metrics.frechet_distance import (
    frechet_distance as frechet_distance,
)
from dlunits.metrics.histogram_divergence import (
    histogram_divergence as histogram_divergence,
)
from dlunits.metrics.kernel_distance import kernel_distance as kernel_distance
from dlunits.metrics.nearest_training_neighbours import (
    nearest_training_neighbours as nearest_training_neighbours,
)
from dlunits.metrics.perplexity import Perplexity as Perplexity

__all__ = [
    "BitsPerCharacter",
    "FeatureStatistics",
    "Perplexity",
    "class_coverage",
    "classifier_score",
    "frechet_distance",
    "histogram_divergence",
    "kernel_distance",
    "nearest_training_neighbours",
]
