"""Code of the page on topologies, with the documented results."""

import re

import numpy as np
import pytest

from dlunits.models import RecurrentModel
from dlunits.models.sequences.recurrent_model import TOPOLOGIES

PAGE = "docs/recurrent_topologies.md"


@pytest.fixture(scope="module")
def page(project):
    return (project / PAGE).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def names(page):
    """Names that the code blocks of the page define, run in order."""
    names = {}
    for block in re.findall(r"^```python\n(.*?)^```", page, re.M | re.S):
        exec(compile(block, PAGE, "exec"), names)  # noqa: S102
    return names


def test_every_topology_has_an_example(page):
    shown = re.findall(r'RecurrentModel\(\s*"(\w+)"', page)
    assert set(shown) == set(TOPOLOGIES)


def test_diagram_is_that_of_the_docstring(page):
    def diagram(text):
        lines = [line.strip() for line in text.splitlines()]
        heading = re.compile("one_to_one +one_to_many +many_to_one")
        start = next(i for i, x in enumerate(lines) if heading.match(x))
        return lines[start : start + 8]

    assert diagram(page) == diagram(RecurrentModel.__doc__)
    assert diagram(page)[-1] == "(same x)"


def test_digits_are_classified_at_once_and_row_by_row(names):
    # Guessing gives 0.1.
    assert names["feed_forward_accuracy"] > 0.8
    assert names["row_by_row_accuracy"] > 0.8


def test_a_generated_digit_is_close_to_the_mean_of_its_class(names):
    # The class means have the smallest squared error on the training images. A
    # network that ignores its input has at best the error of the overall mean.
    rows, train, test = names["rows"], names["train"], names["test"]
    overall = np.mean((rows[test] - rows[train].mean(axis=0)) ** 2)
    best = names["class_mean_mse"]
    assert best < names["generated_mse"] < best + 0.25 * (overall - best)
    assert names["generated"].shape == (8, 8)


def test_the_next_character_is_predicted_better_than_by_frequency(names):
    assert names["nats"] < names["nats_by_frequency"] - 0.3


def test_the_lower_half_is_predicted_from_the_upper(names):
    assert names["lower_half_mse"] < 0.8 * names["mean_half_mse"]
