"""The page about topologies: its code runs and gives what it says."""

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
    """What the page's blocks of code, run in their order, have defined."""
    names = {}
    for block in re.findall(r"^```python\n(.*?)^```", page, re.M | re.S):
        exec(compile(block, PAGE, "exec"), names)  # noqa: S102
    return names


def test_every_topology_has_an_example(page):
    shown = re.findall(r'RecurrentModel\(\s*"(\w+)"', page)
    assert set(shown) == set(TOPOLOGIES)


def test_image_is_the_docstrings(page):
    def image(text):  # blanks at the ends of lines are no part of it
        lines = [line.strip() for line in text.splitlines()]
        heading = re.compile("one_to_one +one_to_many +many_to_one")
        start = next(i for i, x in enumerate(lines) if heading.match(x))
        return lines[start : start + 8]

    assert image(page) == image(RecurrentModel.__doc__)
    assert image(page)[-1] == "(x again)"


def test_digits_are_told_apart_at_once_and_row_by_row(names):
    # Guessing gives 0.1.
    assert names["feed_forward_accuracy"] > 0.8
    assert names["row_by_row_accuracy"] > 0.8


def test_a_written_digit_is_nearly_the_mean_of_its_class(names):
    # The mean of the class has the smallest squared error on the training
    # images; the mean of all has that of a network blind to its input.
    rows, train, test = names["rows"], names["train"], names["test"]
    blind = np.mean((rows[test] - rows[train].mean(axis=0)) ** 2)
    best = names["mean_of_class_mse"]
    assert best < names["written_mse"] < best + 0.25 * (blind - best)
    assert names["drawn"].shape == (8, 8)


def test_the_next_character_is_found_by_more_than_its_frequency(names):
    assert names["nats"] < names["nats_by_frequency"] - 0.3


def test_the_lower_half_follows_from_the_upper(names):
    assert names["lower_half_mse"] < 0.8 * names["mean_half_mse"]
