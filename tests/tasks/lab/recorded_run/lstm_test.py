"""Recorded LSTM, compared with the equations in NumPy and with Keras."""

import keras
import numpy as np
import pytest

from dlunits.tasks.lab.recorded_run import write_recorded_lstm
from dlunits.tasks.lab.recorded_run.lstm import one_hot
from tests.tasks.lab.recorded_run.page_test import read_steps

TEXT, UNITS = "to be", 2


@pytest.fixture(scope="module")
def layer():
    keras.utils.set_random_seed(3)
    layer = keras.layers.LSTM(UNITS, return_sequences=True)
    layer.build((None, None, len(set(TEXT))))
    rng = np.random.default_rng(0)
    layer.set_weights([rng.normal(size=w.shape) for w in layer.get_weights()])
    return layer


@pytest.fixture(scope="module")
def steps(layer, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "lstm.html"
    return read_steps(write_recorded_lstm(path, TEXT, layer))


def vector(step, name):
    [values] = [
        matrix["values"]
        for matrix in step["matrices"]
        if matrix["name"] == name
    ]
    return np.array(values)[0]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_gates_and_states_are_those_of_the_equations(layer, steps):
    kernel, recurrent, bias = (w.astype("float64") for w in layer.get_weights())
    h, c = np.zeros(UNITS), np.zeros(UNITS)
    for time, x in enumerate(one_hot(TEXT)):
        z = x @ kernel + h @ recurrent + bias
        i, f, g, o = np.split(z, 4)  # Keras' order
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        c = f * c + i * g
        h = o * np.tanh(c)
        now = f"[{time + 1}]"
        own = steps[6 * time : 6 * time + 6]
        for step, name, expected in zip(
            own, "ifogch", (i, f, o, g, c, h), strict=True
        ):
            np.testing.assert_allclose(
                vector(step, f"{name}{now}"), expected, rtol=1e-5, atol=1e-6
            )


def test_outputs_are_those_of_the_layer(layer, steps):
    outputs = keras.ops.convert_to_numpy(layer(one_hot(TEXT)[None]))[0]
    recorded = [
        vector(step, f"h[{time + 1}]") for time, step in enumerate(steps[5::6])
    ]
    np.testing.assert_allclose(recorded, outputs, rtol=1e-5, atol=1e-6)


def test_the_numbers_below_the_equation_give_the_first_unit(steps):
    step = steps[6 + 4]  # cell state at the second time step
    assert step["equation"] == "c[2] = f[2] * c[1] + i[2] * g[2]"
    products, result = step["element"].split(" = ")
    terms = [
        float(a.strip("()")) * float(b.strip("()"))
        for a, b in (term.split(" · ") for term in products.split(" + "))
    ]
    assert sum(terms) == pytest.approx(float(result), rel=1e-2)
    assert float(result) == pytest.approx(vector(step, "c[2]")[0], rel=1e-3)


def test_characters_are_named(steps):
    assert steps[0]["title"] == "Time step 1, character t: input gate"
    assert steps[12]["title"] == "Time step 3, character space: input gate"
    [x, *_] = steps[0]["matrices"]
    assert x["columns"] == ["space", "b", "e", "o", "t"]
    assert x["values"] == [[0, 0, 0, 0, 1]]


@pytest.mark.parametrize(
    ("text", "units", "message"),
    [
        ("", 2, r"1 to 40 characters.*Received: 0"),
        ("a" * 41, 2, r"Received: 41, 1 of them"),
        ("abcdefghijklmnopqrstuvw", 2, r"at most 20 .*23 of them different"),
        ("ab", 9, r"at most 8 units.*Received: 9"),
    ],
)
def test_what_does_not_fit_a_page_is_refused(text, units, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        write_recorded_lstm(tmp_path / "lstm.html", text, units=units)


def test_a_layer_for_other_inputs_is_refused(layer, tmp_path):
    with pytest.raises(ValueError, match=r"has 5 inputs. Expected 2"):
        write_recorded_lstm(tmp_path / "lstm.html", "ab", layer)
    with pytest.raises(ValueError, match=r"LSTM. Received: GRU"):
        write_recorded_lstm(tmp_path / "lstm.html", "ab", keras.layers.GRU(2))
