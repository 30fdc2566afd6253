"""Normalised windows against NumPy, and there and back."""

import keras
import numpy as np
import pytest

from dlunits.models.sequences.reversible_instance_normalization import (
    ReversibleInstanceNormalization,
    restored,
)


def windows():
    rng = np.random.default_rng(0)
    return rng.normal([5.0, -300.0], [2.0, 40.0], (3, 7, 2)).astype("float32")


def arrays(tensors):
    return [keras.ops.convert_to_numpy(tensor) for tensor in tensors]


@pytest.mark.parametrize("level", ["last", "mean"])
@pytest.mark.parametrize("divide", [True, False])
def test_values_are_those_of_the_equation(level, divide):
    x, floor, scale = windows(), 0.5, np.array([2.0, 40.0])
    layer = ReversibleInstanceNormalization(level, divide, floor)
    layer.build((None, 7, 2))
    layer.scale.assign(scale)
    at = x[:, -1:] if level == "last" else x.mean(axis=1, keepdims=True)
    spread = np.broadcast_to(scale, at.shape)
    if divide:
        variance = x.var(axis=1, keepdims=True)
        spread = np.sqrt(variance + (floor * scale) ** 2)
    found = arrays(layer(x))
    for tensor, expected in zip(
        found, ((x - at) / spread, at, spread), strict=True
    ):
        np.testing.assert_allclose(tensor, expected, rtol=2e-4, atol=1e-5)


def test_there_and_back_is_the_window():
    x = windows()
    [again] = arrays([restored(*ReversibleInstanceNormalization("mean")(x))])
    np.testing.assert_allclose(again, x, rtol=1e-5)


def test_a_window_that_stands_still_is_all_zeros_and_finite():
    z, _, spread = arrays(
        ReversibleInstanceNormalization()(np.full((1, 4, 1), 3.0))
    )
    assert (z == 0).all()
    assert spread == pytest.approx(0.01)  # the floor, of a scale of 1


def test_scale_is_the_spread_of_known_values():
    layer = ReversibleInstanceNormalization()
    layer.adapt([[1.0, 0.0], [3.0, np.nan], [1.0, 8.0], [3.0, np.nan]])
    np.testing.assert_allclose(*arrays([layer.scale]), [1.0, 4.0])


@pytest.mark.parametrize("value", [7.0, np.nan])
def test_a_channel_that_does_not_change_is_named(value):
    values = np.stack([np.arange(4.0), np.full(4, value)], axis=1)
    with pytest.raises(ValueError, match="channel 2 of 2"):
        ReversibleInstanceNormalization().adapt(values)


def test_unknown_arguments_are_refused():
    with pytest.raises(ValueError, match="one of"):
        ReversibleInstanceNormalization("first")
    with pytest.raises(ValueError, match="positive"):
        ReversibleInstanceNormalization(floor=0)
