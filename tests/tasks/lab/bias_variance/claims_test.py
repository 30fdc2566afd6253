"""Conditions under which each claim holds."""

import types

import pytest

from dlunits.tasks.lab.bias_variance import claims


def result(**rows):
    problem = types.SimpleNamespace(epochs=100)
    return types.SimpleNamespace(problem=problem, subject="it", **rows)


def width(number, bias, variance, total, adds_up=True, name="bias_squared"):
    return {
        "width": number,
        name: bias,
        "variance" if name == "bias_squared" else "net_variance": variance,
        "sum": total,
        "measured_error": total + 0.01,
        "adds_up": adds_up,
    }


TRADE_OFF = [
    width(1, 0.5, 0.1, 0.7),
    width(4, 0.1, 0.2, 0.4),
    width(16, 0.0, 0.6, 0.7),
]


@pytest.mark.parametrize("name", ["bias_squared", "bias"])
def test_a_textbook_trade_off_supports_the_claims(name):
    rows = [
        width(1, 0.5, 0.1, 0.7, name=name),
        width(4, 0.1, 0.2, 0.4, name=name),
        width(16, 0.0, 0.6, 0.7, name=name),
    ]
    found = [
        claim(result(complexity=rows)) for claim in claims.COMPLEXITY_CLAIMS
    ]
    assert all(claim.holds for claim in found)
    assert "0.5 with 1 and 0 with 16" in found[1].evidence
    assert "for 3 of 3 widths; the largest difference is 0.01." in (
        found[0].evidence
    )


def test_another_order_does_not():
    rows = TRADE_OFF[::-1]
    assert not claims.bias_falls(result(complexity=rows)).holds
    assert not claims.variance_rises(result(complexity=rows)).holds
    monotone = claims.minimum_between(result(complexity=TRADE_OFF[:2]))
    assert not monotone.holds
    assert monotone.evidence.startswith("it is 0.7 with 1")


def test_one_of_several_intervals_may_miss():
    rows = [width(n, 0, 0, 1, adds_up=n > 1) for n in range(1, 7)]
    assert claims.adds_up(result(complexity=rows)).holds
    rows[1]["adds_up"] = False
    assert not claims.adds_up(result(complexity=rows)).holds


def test_overfitting_over_time():
    rows = [
        {"epoch": 0, **width(9, 0.9, 0.0, 1.0)},
        {"epoch": 10, **width(9, 0.1, 0.1, 0.3)},
        {"epoch": 20, **width(9, 0.05, 0.3, 0.45)},
    ]
    assert claims.training_time_trades(result(training_time=rows)).holds
    assert not claims.training_time_trades(result(training_time=rows[:2])).holds


def test_more_data_must_help_the_larger_network_most():
    def curve(first, last):
        return [{"size": 5, "error": first}, {"size": 50, "error": last}]

    good = {"a": curve(0.8, 0.78), "b": curve(0.5, 0.2), "c": []}
    assert claims.more_data(result(curves=good)).holds
    bad = {"a": curve(0.8, 0.6), "b": curve(0.5, 0.2), "c": []}
    assert not claims.more_data(result(curves=bad)).holds


def test_early_stopping_must_gain_more_than_its_interval():
    def rows(gains):
        return [
            {"error": 0.5 + gain, "error_stopped": 0.5, "best_epoch": 30}
            for gain in gains
        ]

    helps = claims.early_stopping_helps(
        result(early_stopping=rows([0.1, 0.12, 0.11]))
    )
    assert helps.holds
    assert "The mean best epoch is 30 of 100" in helps.evidence
    assert not claims.early_stopping_helps(
        result(early_stopping=rows([0.1, -0.1, 0.1]))
    ).holds
