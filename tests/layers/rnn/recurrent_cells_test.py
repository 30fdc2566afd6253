"""Recurrent cells against the equations in NumPy and against Keras' cells."""

import keras
import numpy as np
import pytest

import dlunits
from dlunits.layers import GRUCell, LSTMCell, SimpleRNNCell

BATCH, FEATURES, UNITS = 3, 5, 4

CELLS = {
    "rnn": (SimpleRNNCell, {}),
    "lstm": (LSTMCell, {}),
    "gru": (GRUCell, {}),
    "gru-published": (GRUCell, {"reset_after": False}),
}
every_cell = pytest.mark.parametrize("name", CELLS)


def sigma(x):
    return 1 / (1 + np.exp(-x))


# The equations of the papers, with separate matrices for each gate.


def rnn_np(x, states, W, U, b):
    h = np.tanh(x @ W[0] + states[0] @ U[0] + b[0])
    return [h]


def lstm_np(x, states, W, U, b):
    h, c = states
    i = sigma(x @ W[0] + h @ U[0] + b[0])
    f = sigma(x @ W[1] + h @ U[1] + b[1])
    candidate = np.tanh(x @ W[2] + h @ U[2] + b[2])
    o = sigma(x @ W[3] + h @ U[3] + b[3])
    c = f * c + i * candidate
    return [o * np.tanh(c), c]


def gru_published_np(x, states, W, U, b):
    [h] = states
    z = sigma(x @ W[0] + h @ U[0] + b[0])
    r = sigma(x @ W[1] + h @ U[1] + b[1])
    candidate = np.tanh(x @ W[2] + (r * h) @ U[2] + b[2])
    return [z * h + (1 - z) * candidate]


def gru_np(x, states, W, U, b):
    [h] = states
    b, b_h = b[:, 0], b[:, 1]
    z = sigma(x @ W[0] + h @ U[0] + b[0] + b_h[0])
    r = sigma(x @ W[1] + h @ U[1] + b[1] + b_h[1])
    candidate = np.tanh(x @ W[2] + r * (h @ U[2] + b_h[2]) + b[2])
    return [z * h + (1 - z) * candidate]


EQUATIONS = {
    "rnn": rnn_np,
    "lstm": lstm_np,
    "gru": gru_np,
    "gru-published": gru_published_np,
}


def make(name, **options):
    kind, more = CELLS[name]
    uniform = keras.initializers.RandomUniform(seed=1)
    return kind(UNITS, bias_initializer=uniform, **more, **options)


def gates(weight):
    """Splits the last axis by gate, into a new first axis."""
    num_gates = weight.shape[-1] // UNITS
    return np.stack(np.split(weight, num_gates, axis=-1))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@every_cell
def test_a_time_step_matches_the_equations_in_numpy(name, rng):
    cell = make(name)
    x = rng.normal(size=(BATCH, FEATURES))
    states = [
        rng.normal(size=(BATCH, UNITS))
        for _ in keras.tree.flatten(cell.state_size)
    ]
    h, new = cell(x, states)
    expected = EQUATIONS[name](x, states, *map(gates, cell.get_weights()))
    np.testing.assert_allclose(h, expected[0], rtol=1e-5, atol=1e-6)
    for state, right in zip(new, expected, strict=True):
        np.testing.assert_allclose(state, right, rtol=1e-5, atol=1e-6)


def stock_of(name):
    kind, options = CELLS[name]
    return getattr(keras.layers, kind.__name__)(UNITS, **options)


def in_rnn(cell):
    return keras.layers.RNN(cell, return_sequences=True)


@every_cell
def test_weights_are_interchangeable_with_those_of_keras(name, rng):
    x = rng.normal(size=(BATCH, 6, FEATURES)).astype("float32")
    mask = np.array([[1] * 6, [1, 0, 1, 1, 0, 0], [0, 1, 1, 1, 1, 0]], bool)
    ours, stock = in_rnn(make(name)), in_rnn(stock_of(name))
    ours(x), stock(x)
    stock.set_weights(ours.get_weights())
    assert [w.name for w in ours.weights] == [w.name for w in stock.weights]
    np.testing.assert_allclose(
        ours(x, mask=mask), stock(x, mask=mask), atol=1e-6
    )
    np.testing.assert_allclose(ours(x), stock(x), atol=1e-6)


@every_cell
@pytest.mark.parametrize(
    "rates", [{"dropout": 0.5}, {"dropout": 0.3, "recurrent_dropout": 0.5}]
)
def test_dropout_is_that_of_keras(name, rates, rng):
    kind, options = CELLS[name]
    options = {**options, **rates, "seed": 3}
    x = rng.normal(size=(BATCH, 6, FEATURES)).astype("float32")
    ours = in_rnn(kind(UNITS, **options))
    stock = in_rnn(getattr(keras.layers, kind.__name__)(UNITS, **options))
    ours(x), stock(x)
    stock.set_weights(ours.get_weights())
    first, second = ours(x, training=True), ours(x, training=True)
    np.testing.assert_allclose(first, stock(x, training=True), atol=1e-6)
    assert not np.allclose(first, second)
    np.testing.assert_allclose(ours(x), stock(x), atol=1e-6)


@every_cell
def test_a_saved_cell_can_be_loaded(name, tmp_path, rng):
    x = rng.normal(size=(BATCH, 6, FEATURES)).astype("float32")
    model = keras.Sequential([keras.Input((6, FEATURES)), in_rnn(make(name))])
    model.save(tmp_path / "cell.keras")
    again = keras.saving.load_model(tmp_path / "cell.keras")
    assert type(again.layers[0].cell) is CELLS[name][0]
    np.testing.assert_array_equal(again(x), model(x))


def test_units_must_be_positive():
    for cell in ("SimpleRNNCell", "LSTMCell", "GRUCell"):
        with pytest.raises(ValueError, match="units"):
            getattr(dlunits.layers, cell)(0)
