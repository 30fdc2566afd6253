"""Layers for tables: encoding, distances, conformal calibration."""

from dlunits.layers.tabular.conformal_interval import ConformalInterval
from dlunits.layers.tabular.conformal_p_value import ConformalPValue
from dlunits.layers.tabular.cross_fitted_whitening import CrossFittedWhitening
from dlunits.layers.tabular.lesinn import LeSiNN
from dlunits.layers.tabular.tabular_encoding import TabularEncoding

__all__ = [
    "ConformalInterval",
    "ConformalPValue",
    "CrossFittedWhitening",
    "LeSiNN",
    "TabularEncoding",
]
