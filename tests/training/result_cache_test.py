"""Measures are taken once for the same weights, and again for others."""

import json
import resource

import keras
import numpy as np
import pytest

from dlunits.training.result_cache import cached_result


@pytest.fixture
def model():
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])


class Measuring:
    """Counts how often it is asked."""

    def __init__(self):
        self.times = 0

    def __call__(self):
        self.times += 1
        return {"times": self.times, "list": [0.1, None], "third": 1 / 3}


@pytest.fixture
def measure():
    return Measuring()


def test_gives_back_what_was_measured_to_the_last_bit(tmp_path, model, measure):
    path = tmp_path / "measures.json"
    first = cached_result(path, {"seed": 0}, model, measure)
    again = cached_result(path, {"seed": 0}, model, measure)
    assert first == again == {"times": 1, "list": [0.1, None], "third": 1 / 3}
    assert measure.times == 1


def test_other_weights_are_measured_anew(tmp_path, model, measure):
    path = tmp_path / "measures.json"
    cached_result(path, {}, model, measure)
    weights = model.get_weights()
    weights[0][1, 2] = np.nextafter(weights[0][1, 2], 9)
    model.set_weights(weights)
    assert cached_result(path, {}, model, measure)["times"] == 2
    assert cached_result(path, {}, model, measure)["times"] == 2


def test_another_run_is_measured_anew(tmp_path, model, measure):
    path = tmp_path / "measures.json"
    cached_result(path, {"data": "a"}, model, measure)
    assert cached_result(path, {"data": "b"}, model, measure)["times"] == 2


@pytest.mark.parametrize("damaged", ["", "{", "[]", "{}", '{"measured": 1}'])
def test_a_damaged_file_is_replaced(tmp_path, model, measure, damaged):
    path = tmp_path / "measures.json"
    path.write_text(damaged)
    assert cached_result(path, {}, model, measure)["times"] == 1
    assert json.loads(path.read_text())["figures"]["times"] == 1


def test_a_full_disk_is_told_and_leaves_the_old_file(tmp_path, model, measure):
    path = tmp_path / "measures.json"
    path.write_text("old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        with pytest.raises(OSError, match=r"File too large.*measures\.json"):
            cached_result(path, {}, model, measure)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
