"""Metrics of texts, images, forecasts, detectors and generative models.

Text metrics are Keras metrics. The others are functions of arrays, because
they need all examples at once.
"""

from dlunits.metrics.benjamini_hochberg import benjamini_hochberg
from dlunits.metrics.bits_per_character import BitsPerCharacter
from dlunits.metrics.class_coverage import class_coverage
from dlunits.metrics.classifier_score import classifier_score
from dlunits.metrics.confidence_interval import confidence_interval
from dlunits.metrics.detection_quality import detection_quality
from dlunits.metrics.feature_statistics import FeatureStatistics
from dlunits.metrics.forecast_errors import forecast_errors
from dlunits.metrics.frechet_distance import frechet_distance
from dlunits.metrics.histogram_divergence import histogram_divergence
from dlunits.metrics.image_quality import image_quality, mean_image_quality
from dlunits.metrics.kernel_distance import kernel_distance
from dlunits.metrics.nearest_training_neighbors import (
    nearest_training_neighbors,
)
from dlunits.metrics.perplexity import Perplexity
from dlunits.metrics.range_precision_recall import range_precision_recall
from dlunits.metrics.volume_under_surface import volume_under_surface

__all__ = [
    "BitsPerCharacter",
    "FeatureStatistics",
    "Perplexity",
    "benjamini_hochberg",
    "class_coverage",
    "classifier_score",
    "confidence_interval",
    "detection_quality",
    "forecast_errors",
    "frechet_distance",
    "histogram_divergence",
    "image_quality",
    "kernel_distance",
    "mean_image_quality",
    "nearest_training_neighbors",
    "range_precision_recall",
    "volume_under_surface",
]
