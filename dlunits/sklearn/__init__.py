"""Estimators with the interface of scikit-learn."""

from dlunits.sklearn.anomaly_detector import AnomalyDetector

__all__ = ["AnomalyDetector"]
