"""The recurrent network over segments against a loop in NumPy."""

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
    w, v = layer.embedding.get_weights(), layer.reading.get_weights()
    places = keras.ops.convert_to_numpy(layer.places)
    asked = keras.ops.convert_to_numpy(layer.channels)
    size = layer.segment
    short = -len(window) % size
    window = np.concatenate([np.repeat(window[:1], short, axis=0), window])
    steps = np.zeros((layer.segments_to_come * size, layer.outputs))
    for output in range(layer.outputs):
        read = window if layer.together else window[:, output : output + 1]
        h = np.zeros(layer.units)
        for first in range(0, len(read), size):
            segment = read[first : first + size].ravel()
            h = gru_np(layer.recurrent, np.maximum(segment @ w[0] + w[1], 0), h)
        for place in range(layer.segments_to_come):
            question = np.concatenate([places[place], asked[output]])
            said = gru_np(layer.recurrent, question, h)
            steps[place * size : (place + 1) * size, output] = (
                said @ v[0] + v[1]
            )
    return steps[: layer.horizon]


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize(("window", "segment"), [(6, 3), (8, 3), (5, 5)])
def test_steps_are_those_of_the_loop(window, segment, together):
    keras.utils.set_random_seed(0)
    layer = SegRNN(7, outputs=2, units=4, segment=segment, together=together)
    x = np.random.default_rng(0).normal(size=(3, window, 2)).astype("float32")
    found = keras.ops.convert_to_numpy(layer(x))
    expected = np.stack([forecast_np(layer, one) for one in x])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_channels_read_apart_do_not_see_each_other():
    layer = SegRNN(2, outputs=2, units=4, segment=2)
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
        ({"segment": 0}, "positive"),
    ],
)
def test_arguments_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SegRNN(2, outputs=1, **options)


def test_channels_that_are_not_the_outputs_are_refused():
    with pytest.raises(ValueError, match="3 channels, outputs=2"):
        SegRNN(2, outputs=2)(np.ones((1, 4, 3), "float32"))
