"""Conditions under which claims hold, and their evidence."""

import numpy as np
import pytest

from dlunits.reporting.html_report import Section
from dlunits.tasks.lab.index_page import UNITS, ReportSection, sections_of
from dlunits.tasks.lab.training.claims import LEARNING, find_claims, is_less
from dlunits.tasks.lab.training.descent import surface_paths
from dlunits.tasks.lab.training.recipes import FACTORS
from tests.tasks.lab.training.comparison_runs import (
    EPOCHS,
    made_comparison,
    made_result,
)


def by_title(comparison, surfaces=None):
    found = find_claims(comparison, surfaces or {})
    return {claim.title: claim for claim in found}


@pytest.mark.parametrize(("low", "holds"), [(0.1, True), (0.9, False)])
def test_a_claim_about_a_lower_loss_needs_a_lower_loss(low, holds):
    comparison = made_comparison(
        ["optimizer"],
        "sgd,momentum",
        {"sgd": made_result(0.5), "momentum": made_result(low)},
    )
    claim = by_title(comparison)["Momentum speeds up gradient descent"]
    assert claim.holds is holds
    assert claim.unit == "Gradient descent"
    assert (
        f"momentum = {low} \N{PLUS-MINUS SIGN} 0, sgd = 0.5" in claim.evidence
    )
    assert ("not hold" in claim.verdict) is not holds


@pytest.mark.parametrize(
    ("low", "high", "less"),
    [
        ([1, 2, 3], [2, 3, 4], True),  # the difference is always 1
        ([1, 2, 3], [1.5, 1.9, 3.2], False),  # 0.2 on average, too uncertain
        ([1], [2], True),  # one seed
        ([2, 2], [1, 1], False),
        ([1, 1], [2, np.nan], True),  # a diverged run is worse
        ([np.nan, 1], [2, 2], False),
    ],
)
def test_differences_must_exceed_their_confidence_interval(low, high, less):
    low, high = np.array(low, float), np.array(high, float)
    assert is_less(low, high) is less


def test_gradients_vanish_if_the_first_layer_has_less_than_the_last():
    vanishing = np.tile([1e-3, 1.0], (EPOCHS + 1, 1))
    comparison = made_comparison(
        ["activation"],
        "sigmoid,relu",
        {
            "sigmoid": made_result(gradient_norm=vanishing),
            "relu": made_result(),
        },
    )
    claim = by_title(comparison)[
        "Gradients vanish in networks of sigmoid units"
    ]
    assert claim.holds
    assert "sigmoid = 0.001" in claim.evidence


@pytest.mark.parametrize("dead", [0.0, 0.25])
def test_dead_units_are_counted_in_hidden_layers_alone(dead):
    shares = np.tile([dead, 0.9], (EPOCHS + 1, 1))
    comparison = made_comparison(
        ["activation"],
        "relu,leaky_relu",
        {"relu": made_result(dead=shares), "leaky_relu": made_result()},
    )
    claim = by_title(comparison)["ReLU units die, and leaky ReLU units do not"]
    assert claim.holds is (dead > 0)
    assert f"ReLU {100 * dead:.3g} " in claim.evidence


def test_nesterov_overshoots_less_than_momentum_on_the_ravine():
    names = ["momentum", "nesterov"]
    comparison = made_comparison(
        ["optimizer"], ",".join(names), dict.fromkeys(names, made_result())
    )
    surfaces = {"ravine": surface_paths("ravine", names)}
    claims = by_title(comparison, surfaces)
    assert claims["Nesterov momentum overshoots less than momentum"].holds


def test_early_stopping_is_measured_where_the_validation_loss_rises_most():
    rising = np.array([2.0, 0.5, 1.0, 1.5])
    comparison = made_comparison(
        ["width"],
        "4,8",
        {"4": made_result(), "8": made_result(validation_loss=rising)},
    )
    claim = by_title(comparison)["Early stopping keeps the best epoch"]
    assert claim.holds
    assert claim.unit == "Early stopping"
    assert "Best epoch: 1 " in claim.evidence
    assert "rises by 1 " in claim.evidence


@pytest.mark.parametrize("last", ["0.01", "0.1"])
def test_a_grid_shows_whether_settings_depend_on_each_other(last):
    losses = {"sgd, 0.01": 0.9, "sgd, 0.1": 0.2}
    losses |= {"adam, 0.01": 0.8, "adam, 0.1": 0.8, f"adam, {last}": 0.1}
    comparison = made_comparison(
        ["optimizer", "learning_rate"],
        "sgd,adam;0.01,0.1",
        {label: made_result(loss) for label, loss in losses.items()},
    )
    claim = by_title(comparison)["Settings must be tuned together"]
    assert claim.holds is (last == "0.01")
    assert f"sgd 0.1, adam {last}" in claim.evidence


@pytest.mark.parametrize("factor", FACTORS)
def test_each_factor_has_claims_of_its_own(factor):
    comparison = made_comparison([factor], None, [made_result()] * 16, 1)
    results = dict.fromkeys(comparison.labels, made_result())
    comparison = made_comparison([factor], None, results, 1)
    claims = by_title(comparison)
    general = {
        "More epochs lower the training loss",
        "Early stopping keeps the best epoch",
    }
    assert claims.keys() > general
    # All runs are equal, so that no difference holds.
    assert not any(claims[name].holds for name in claims.keys() - general)
    assert units_in_index(factor, claims) == {
        "depth": ["Feed-forward network", LEARNING],
        "activation": ["Activations"],
        "gradient_descent": ["Gradient descent"],
        "optimizer": [],
        "width": [LEARNING, "Early stopping"],
    }.get(factor, [LEARNING])


def units_in_index(factor, titles):
    """Units that the index of the lab links to sections with these titles."""
    sections = [
        ReportSection(Section(title).anchor, title, "") for title in titles
    ]
    reports = {f"training/{factor}": sections}
    return [unit.name for unit in UNITS if sections_of(unit, reports)]


def test_runs_that_all_diverged_support_nothing():
    bad = made_result(
        np.nan,
        diverged=True,
        validation_loss=np.array([2.0, np.nan, np.nan, np.nan]),
    )
    comparison = made_comparison(
        ["optimizer"], "sgd,momentum", {"sgd": bad, "momentum": bad}
    )
    claims = by_title(comparison)
    assert not claims["Momentum speeds up gradient descent"].holds
    assert "diverged" in claims["More epochs lower the training loss"].evidence
