"""SegRNN against a loop in NumPy."""

import keras
import numpy as np
import pytest

from dlunits.models.sequences.seg_rnn import SegRNN


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def gru_np(cell, x, h):
    """A step of a GRU: Cho et al., 2014, with the reset after the product."""
    kernel, recurrent, bias = [np.asarray(w) for w in cell.get_weights()]
    a = np.split(x @ kernel + bias[0], 3)
    b = np.split(h @ recurrent + bias[1], 3)
    z, r = sigmoid(a[0] + b[0]), sigmoid(a[1] + b[1])
    candidate = np.tanh(a[2] + r * b[2])
    return z * h + (1 - z) * candidate


def forecast_np(layer, window):
    """One window (steps, channels), segment by segment."""
    W_prj, b_prj = layer.projection.get_weights()
    W_prd, b_prd = layer.prediction.get_weights()
    rp = keras.ops.convert_to_numpy(layer.segment_embeddings)
    cp = keras.ops.convert_to_numpy(layer.channel_embeddings)
    w, m = layer.segment_length, layer.num_output_segments
    padding = -len(window) % w
    window = np.concatenate([np.repeat(window[:1], padding, axis=0), window])
    y = np.zeros((m * w, layer.num_targets))
    for c in range(layer.num_targets):
        x = window if layer.channel_mixing else window[:, c : c + 1]
        h = np.zeros(layer.units)
        for first in range(0, len(x), w):
            segment = x[first : first + w].ravel()
            h = gru_np(layer.rnn, np.maximum(segment @ W_prj + b_prj, 0), h)
        for j in range(m):
            o = gru_np(layer.rnn, np.concatenate([rp[j], cp[c]]), h)
            y[j * w : (j + 1) * w, c] = o @ W_prd + b_prd
    return y[: layer.horizon]


@pytest.mark.parametrize("channel_mixing", [False, True])
@pytest.mark.parametrize(("window", "segment_length"), [(6, 3), (8, 3), (5, 5)])
def test_forecast_is_that_of_the_loop(window, segment_length, channel_mixing):
    keras.utils.set_random_seed(0)
    layer = SegRNN(
        7,
        num_targets=2,
        units=4,
        segment_length=segment_length,
        channel_mixing=channel_mixing,
    )
    x = np.random.default_rng(0).normal(size=(3, window, 2)).astype("float32")
    found = keras.ops.convert_to_numpy(layer(x))
    expected = np.stack([forecast_np(layer, one) for one in x])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_independent_channels_do_not_affect_each_other():
    layer = SegRNN(2, num_targets=2, units=4, segment_length=2)
    x = np.ones((1, 4, 2), "float32")
    other = x.copy()
    other[:, :, 1] = 5.0
    before, after = (
        keras.ops.convert_to_numpy(layer(some)) for some in (x, other)
    )
    np.testing.assert_array_equal(before[..., 0], after[..., 0])
    assert not np.array_equal(before[..., 1], after[..., 1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cell": "rnn"}, "one of"),
        ({"units": 3}, "even"),
        ({"segment_length": 0}, "positive"),
    ],
)
def test_rejects_arguments_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        SegRNN(2, num_targets=1, **options)


def test_rejects_channels_that_are_not_the_targets():
    with pytest.raises(ValueError, match="3 channels, num_targets=2"):
        SegRNN(2, num_targets=2)(np.ones((1, 4, 3), "float32"))
