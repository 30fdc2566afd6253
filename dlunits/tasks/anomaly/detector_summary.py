"""Summary of an anomaly detector, for its report."""

import dataclasses
from collections.abc import Mapping

from dlunits.models import AnomalyDetector
from dlunits.tasks.anomaly.serve import ServedDetector
from dlunits.tasks.anomaly.training_rows import TrainingRows
from dlunits.typing import ArrayLike


@dataclasses.dataclass(frozen=True)
class DetectorSummary:
    """Summary of an anomaly detector, as its report shows it.

    Args:
        source: Description of the training data.
        column_types: Dict of column name to column type.
        ignored: Dict of column name to the reason why it is ignored.
        calibration_scores: Anomaly scores of the calibration rows, each scored
            by models that were not trained on it: all scores, or a subset that
            is evenly spaced in sorted order. `None` if unknown.
        num_calibration_rows: Number of calibration rows, or `None`.
    """

    source: str
    column_types: Mapping[str, str]
    ignored: Mapping[str, str] = dataclasses.field(default_factory=dict)
    calibration_scores: ArrayLike | None = None
    num_calibration_rows: int | None = None

    @classmethod
    def of_trained(
        cls, detector: AnomalyDetector, rows: TrainingRows, source: str
    ) -> "DetectorSummary":
        """Summary of a detector and the rows that it was trained on."""
        scores = detector.model.conformal.calibration_scores()
        return cls(
            source,
            rows.column_types,
            rows.ignored,
            scores,
            len(scores),
        )

    @classmethod
    def of_served(
        cls, detector: ServedDetector, source: str
    ) -> "DetectorSummary":
        """Summary of an exported detector, from its model card."""
        return cls(
            source,
            detector.table_schema.column_types,
            calibration_scores=detector.card.get("calibration_scores"),
            num_calibration_rows=detector.card["num_calibration_rows"],
        )
