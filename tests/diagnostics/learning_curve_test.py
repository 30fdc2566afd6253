"""Diagnoses of learning curves."""

import pytest

from dlunits.diagnostics import learning_curve_verdict

pytestmark = pytest.mark.one_backend  # no tensor


@pytest.mark.parametrize(
    ("training", "validation", "verdict"),
    [
        ([0.5, 0.6], [0.8, 0.65], "high bias"),
        ([0.0, 0.1], [0.9, 0.5], "high variance"),
        ([0.1, 0.15], [0.6, 0.2], "well fitted"),
        ([0.6], [0.9], "high bias"),
        ([0.3], [0.7], "high variance"),
    ],
)
def test_the_larger_excess_determines_the_diagnosis(
    training, validation, verdict
):
    result = learning_curve_verdict(
        training, validation, chance_error=1.0, irreducible_error=0.1
    )
    assert result.verdict == verdict


def test_excesses_are_fractions_of_the_range():
    # The range is 0.9 - 0.1: (0.3 - 0.1) / 0.8, (0.5 - 0.3) / 0.8, 0.2 / 0.8.
    result = learning_curve_verdict(
        [0.2, 0.3], [0.7, 0.5], chance_error=0.9, irreducible_error=0.1
    )
    assert result.excess_bias == pytest.approx(0.25)
    assert result.gap == pytest.approx(0.25)
    assert result.gain == pytest.approx(0.25)


def test_the_tolerance_separates_well_fitted_from_the_rest():
    errors = {"training_errors": [0.0], "validation_errors": [0.2]}
    inside = learning_curve_verdict(**errors, chance_error=1, tolerance=0.2)
    outside = learning_curve_verdict(**errors, chance_error=1, tolerance=0.19)
    assert inside.verdict == "well fitted"
    assert outside.verdict == "high variance"
    assert "more training examples" in outside.remedy


@pytest.mark.parametrize(
    ("training", "validation", "chance", "message"),
    [
        ([], [], 1.0, "Received: 0 and 0"),
        ([0.1], [0.2, 0.3], 1.0, "Received: 1 and 2"),
        ([float("nan")], [0.2], 1.0, "leave out trainings that diverged"),
        ([0.1], [0.2], 0.0, "nothing to learn. Received: 0.0 and 0.0"),
    ],
)
def test_bad_errors_are_refused(training, validation, chance, message):
    with pytest.raises(ValueError, match=message):
        learning_curve_verdict(training, validation, chance_error=chance)
