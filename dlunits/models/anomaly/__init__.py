"""Anomaly detection in tables."""

from dlunits.models.anomaly.anomaly_detector import (
    AnomalyDetector,
    AnomalyModel,
)
from dlunits.models.anomaly.anomaly_stream import AnomalyStream
from dlunits.models.anomaly.table_schema import TableSchema

__all__ = ["AnomalyDetector", "AnomalyModel", "AnomalyStream", "TableSchema"]
