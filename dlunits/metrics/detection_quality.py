"""How well scores and alarms tell anomalies from normal rows."""

import numpy as np
import sklearn.metrics


def detection_quality(labels, scores, alarms=None):
    """Measures a detector against labels.

        AUC   chance that an anomaly scores higher than a normal row
        AP    sum over thresholds of (gain in recall) * precision
        false_alarm_rate  share of the normal rows that are called anomalous
        recall            share of the anomalies that are

    Args:
        labels: Booleans `(rows,)`, true for an anomaly.
        scores: Numbers `(rows,)`, higher for stranger rows.
        alarms: Booleans `(rows,)`, what was called anomalous, or `None`.

    Returns:
        Dict; `None` for what the labels do not tell, because they are all
        equal.

    Example, one of two normal rows scores higher than the anomaly; the one
    alarm is false:

    >>> quality = detection_quality(
    ...     [False, True, False], [0.1, 0.5, 0.9], [False, False, True]
    ... )
    >>> quality["AUC"], quality["AP"]
    (0.5, 0.5)
    >>> quality["false_alarm_rate"], quality["recall"]
    (0.5, 0.0)
    """
    labels = np.asarray(labels, bool)
    quality = {"AUC": None, "AP": None}
    if labels.any() and not labels.all():
        quality = {
            "AUC": float(sklearn.metrics.roc_auc_score(labels, scores)),
            "AP": float(
                sklearn.metrics.average_precision_score(labels, scores)
            ),
        }
    if alarms is not None:
        alarms = np.asarray(alarms, bool)
        for name, among in (("false_alarm_rate", ~labels), ("recall", labels)):
            share = float(alarms[among].mean()) if among.any() else None
            quality[name] = share
    return quality
