"""Sums of products of real models, and their equations as text."""

import math
import re

import keras
import numpy as np
import pytest

from dlunits.models import LeNet5
from dlunits.tasks.lab.convolution.sums import layer_sums


@pytest.fixture(scope="module")
def sums():
    keras.utils.set_random_seed(0)
    image = np.random.default_rng(0).uniform(size=(28, 28, 1))
    return layer_sums(LeNet5(), image.astype("float32"))


def test_the_first_and_the_first_multichannel_convolution_are_written(sums):
    c1, c3 = sums
    assert (c1.layer.name, c1.terms.kernel.shape) == ("c1", (5, 5, 1))
    assert (c3.layer.name, c3.terms.kernel.shape) == ("c3", (5, 5, 6))
    for each in sums:
        assert each.difference < 1e-6


def test_the_equation_gives_the_output_of_keras(sums):
    for each in sums:
        lines = each.equation().splitlines()
        terms = [
            term
            for line in lines
            if line.startswith("    + ")
            for term in line.partition("#")[0].split(" + ")[1:]
        ]
        total = sum(
            math.prod(float(factor.strip(" ()")) for factor in term.split("*"))
            for term in terms
        )
        # Numbers are rounded to four digits.
        assert math.tanh(total) == pytest.approx(each.terms.output, abs=2e-3)
        assert lines[0] == f"{each.place} = tanh("
        assert len(re.findall(r"\*", each.equation())) == each.terms.kernel.size


def test_rows_have_every_product(sums):
    rows = [row for each in sums for row in each.rows()]
    assert len(rows) == 25 + 150
    for row in rows:
        assert row["product"] == pytest.approx(
            row["input"] * row["weight"], rel=1e-6, abs=1e-12
        )
    c3 = [row["product"] for row in rows if row["layer"] == "c3"]
    assert sum(c3) + sums[1].terms.bias == pytest.approx(
        sums[1].terms.preactivation
    )


def test_a_model_without_convolutions_has_no_sum():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    assert layer_sums(model, np.zeros(4, "float32")) == []
