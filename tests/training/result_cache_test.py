"""Results are computed once for the same run and weights."""

import json
import resource

import keras
import numpy as np
import pytest

from dlunits.training.result_cache import cached_arrays, cached_result


@pytest.fixture
def model():
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])


class CountingEvaluation:
    """Counts its calls."""

    def __init__(self):
        self.num_calls = 0

    def __call__(self):
        self.num_calls += 1
        return {
            "num_calls": self.num_calls,
            "list": [0.1, None],
            "third": 1 / 3,
        }


@pytest.fixture
def compute():
    return CountingEvaluation()


def test_returns_the_cached_result_bit_for_bit(tmp_path, model, compute):
    path = tmp_path / "result.json"
    first = cached_result(path, {"seed": 0}, model, compute)
    again = cached_result(path, {"seed": 0}, model, compute)
    assert (
        first == again == {"num_calls": 1, "list": [0.1, None], "third": 1 / 3}
    )
    assert compute.num_calls == 1


def test_other_weights_are_evaluated_again(tmp_path, model, compute):
    path = tmp_path / "result.json"
    cached_result(path, {}, model, compute)
    weights = model.get_weights()
    weights[0][1, 2] = np.nextafter(weights[0][1, 2], 9)
    model.set_weights(weights)
    assert cached_result(path, {}, model, compute)["num_calls"] == 2
    assert cached_result(path, {}, model, compute)["num_calls"] == 2


def test_another_run_is_evaluated_again(tmp_path, model, compute):
    path = tmp_path / "result.json"
    cached_result(path, {"data": "a"}, model, compute)
    assert cached_result(path, {"data": "b"}, model, compute)["num_calls"] == 2


@pytest.mark.parametrize("damaged", ["", "{", "[]", "{}", '{"fingerprint": 1}'])
def test_a_damaged_file_is_replaced(tmp_path, model, compute, damaged):
    path = tmp_path / "result.json"
    path.write_text(damaged)
    assert cached_result(path, {}, model, compute)["num_calls"] == 1
    assert json.loads(path.read_text())["result"]["num_calls"] == 1


def test_a_full_disk_raises_and_keeps_the_old_file(tmp_path, model, compute):
    path = tmp_path / "result.json"
    path.write_text("old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        with pytest.raises(OSError, match=r"File too large.*result\.json"):
            cached_result(path, {}, model, compute)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_arrays_are_computed_once_for_a_run(tmp_path):
    path = tmp_path / "arrays.npz"
    first = cached_arrays(path, {"seed": 0}, lambda: {"x": np.arange(3)})
    again = cached_arrays(path, {"seed": 0}, lambda: {"x": np.zeros(3)})
    assert first["x"].tolist() == again["x"].tolist() == [0, 1, 2]
    other = cached_arrays(path, {"seed": 1}, lambda: {"x": np.zeros(3)})
    assert other["x"].tolist() == [0, 0, 0]


@pytest.mark.parametrize("damaged", [b"", b"PK", b"\x93NUMPY", b"[]"])
def test_a_damaged_file_of_arrays_is_replaced(tmp_path, damaged):
    path = tmp_path / "arrays.npz"
    path.write_bytes(damaged)
    result = cached_arrays(path, {}, lambda: {"x": np.arange(2)})
    assert result["x"].tolist() == [0, 1]
    assert cached_arrays(path, {}, dict)["x"].tolist() == [0, 1]


def test_arrays_that_cannot_be_decompressed_are_computed_again(tmp_path):
    path = tmp_path / "arrays.npz"
    saved = np.random.default_rng(0).integers(0, 9, 2_000)
    cached_arrays(path, {}, lambda: {"x": saved})
    content = bytearray(path.read_bytes())
    content[150:350] = bytes(200)  # in the compressed data
    path.write_bytes(content)
    again = cached_arrays(path, {}, lambda: {"x": np.arange(2)})
    assert again["x"].tolist() == [0, 1]
