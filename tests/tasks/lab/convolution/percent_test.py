"""Fractions in percent, with the confidence interval of their mean."""

from dlunits.tasks.lab.convolution.percent import percent


def test_equal_values_have_no_interval():
    assert percent([0.25, 0.25]) == "25.0 \N{PLUS-MINUS SIGN} 0.0 %"


def test_one_value_has_no_interval_to_show():
    assert percent([0.125]) == "12.5 %"
