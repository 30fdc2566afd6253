"""Layers for tables: encoding, density estimation, conformal calibration."""

from dlunits.layers.tabular.conformal_interval import ConformalInterval
from dlunits.layers.tabular.conformal_p_value import ConformalPValue
from dlunits.layers.tabular.cross_fitted_kde import CrossFittedKDE
from dlunits.layers.tabular.tabular_encoding import TabularEncoding

__all__ = [
    "ConformalInterval",
    "ConformalPValue",
    "CrossFittedKDE",
    "TabularEncoding",
]
