"""Normalized windows against NumPy, and the inverse."""

import keras
import numpy as np
import pytest

from dlunits.models.sequences.reversible_instance_normalization import (
    ReversibleInstanceNormalization,
    denormalize,
)


def windows():
    rng = np.random.default_rng(0)
    return rng.normal([5.0, -300.0], [2.0, 40.0], (3, 7, 2)).astype("float32")


def arrays(tensors):
    return [keras.ops.convert_to_numpy(tensor) for tensor in tensors]


@pytest.mark.parametrize("normalization", ["last", "mean"])
@pytest.mark.parametrize("scale", [True, False])
def test_values_are_those_of_the_equation(normalization, scale):
    x, epsilon, s = windows(), 0.5, np.array([2.0, 40.0])
    layer = ReversibleInstanceNormalization(normalization, scale, epsilon)
    layer.build((None, 7, 2))
    layer.channel_stddev.assign(s)
    center = x.mean(axis=1, keepdims=True)
    if normalization == "last":
        center = x[:, -1:]
    stddev = np.broadcast_to(s, center.shape)
    if scale:
        variance = x.var(axis=1, keepdims=True)
        stddev = np.sqrt(variance + (epsilon * s) ** 2)
    found = arrays(layer(x))
    for tensor, expected in zip(
        found, ((x - center) / stddev, center, stddev), strict=True
    ):
        np.testing.assert_allclose(tensor, expected, rtol=2e-4, atol=1e-5)


def test_denormalize_inverts_the_layer():
    x = windows()
    [again] = arrays([denormalize(*ReversibleInstanceNormalization("mean")(x))])
    np.testing.assert_allclose(again, x, rtol=1e-5)


def test_a_constant_window_becomes_zeros():
    z, _, stddev = arrays(
        ReversibleInstanceNormalization()(np.full((1, 4, 1), 3.0))
    )
    assert (z == 0).all()
    assert stddev == pytest.approx(0.01)  # epsilon * s, with s = 1


def test_adapt_computes_the_deviation_of_known_values():
    layer = ReversibleInstanceNormalization()
    layer.adapt([[1.0, 0.0], [3.0, np.nan], [1.0, 8.0], [3.0, np.nan]])
    np.testing.assert_allclose(*arrays([layer.channel_stddev]), [1.0, 4.0])


@pytest.mark.parametrize("value", [7.0, np.nan])
def test_rejects_a_constant_channel(value):
    values = np.stack([np.arange(4.0), np.full(4, value)], axis=1)
    with pytest.raises(ValueError, match="channel 2 of 2"):
        ReversibleInstanceNormalization().adapt(values)


def test_rejects_arguments_out_of_range():
    with pytest.raises(ValueError, match="one of"):
        ReversibleInstanceNormalization("first")
    with pytest.raises(ValueError, match="positive"):
        ReversibleInstanceNormalization(epsilon=0)
