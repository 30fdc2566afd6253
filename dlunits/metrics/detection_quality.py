"""Detection quality: ROC AUC, average precision, false alarms and recall."""

import numpy as np
import sklearn.metrics

from dlunits.typing import ArrayLike


def detection_quality(
    labels: ArrayLike, scores: ArrayLike, alarms: ArrayLike | None = None
) -> dict[str, float | None]:
    """Detection quality: ROC AUC, average precision, false alarms and recall.

        AUC   area under the ROC curve: probability that an anomaly scores
              higher than a normal row
        AP    average precision, the area under the precision-recall curve:
              sum over thresholds of (increase in recall) * precision
        false_alarm_rate  fraction of the normal rows with an alarm (false
                          positive rate)
        recall            fraction of the anomalies with an alarm (true
                          positive rate)
        false_discovery_rate  fraction of the alarms that are false

    References: Fawcett, 2006, "An introduction to ROC analysis",
    https://doi.org/10.1016/j.patrec.2005.10.010; for average precision, Davis
    and Goadrich, 2006, "The relationship between precision-recall and ROC
    curves", https://doi.org/10.1145/1143844.1143874.

    Args:
        labels: Boolean array `(rows,)`, `True` for an anomaly.
        scores: Array `(rows,)`, higher for more anomalous rows.
        alarms: Boolean array `(rows,)`, rows predicted to be anomalies, or
            `None`.

    Returns:
        Dict of the above; `None` where it is undefined because all labels are
        equal, or there is no alarm. Without `alarms` the last three are left
        out.

    Example, where one of two normal rows scores higher than the anomaly, and
    the only alarm is false:

    >>> quality = detection_quality(
    ...     [False, True, False], [0.1, 0.5, 0.9], [False, False, True]
    ... )
    >>> quality["AUC"], quality["AP"]
    (0.5, 0.5)
    >>> quality["false_alarm_rate"], quality["recall"]
    (0.5, 0.0)
    >>> quality["false_discovery_rate"]
    1.0
    """
    labels = np.asarray(labels, bool)
    quality: dict[str, float | None] = {"AUC": None, "AP": None}
    if labels.any() and not labels.all():
        quality = {
            "AUC": float(sklearn.metrics.roc_auc_score(labels, scores)),
            "AP": float(
                sklearn.metrics.average_precision_score(labels, scores)
            ),
        }
    if alarms is not None:
        alarms = np.asarray(alarms, bool)
        for name, rows in (("false_alarm_rate", ~labels), ("recall", labels)):
            quality[name] = float(alarms[rows].mean()) if rows.any() else None
        false = ~labels[alarms]
        quality["false_discovery_rate"] = (
            float(false.mean()) if false.size else None
        )
    return quality
