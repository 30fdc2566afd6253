"""Recorded training, compared with an independent computation in NumPy."""

import json

import keras
import numpy as np
import pytest

from dlunits.tasks.lab.recorded_run import write_recorded_network
from tests.tasks.lab.recorded_run.page_test import read_steps

RATE, UPDATES = 0.5, 3


@pytest.fixture(scope="module")
def network():
    """Network, mini-batch and the NumPy weights."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(4, "tanh", bias_initializer="normal"),
            keras.layers.Dense(2, "sigmoid"),
        ]
    )
    rng = np.random.default_rng(1)
    x = rng.normal(size=(5, 3)).astype("float32")
    return model, x, rng.uniform(size=(5, 2)).astype("float32")


@pytest.fixture(scope="module")
def steps(network, tmp_path_factory):
    path = write_recorded_network(
        tmp_path_factory.mktemp("page") / "network.html",
        *network,
        optimizer=keras.optimizers.SGD(RATE),
        loss="mse",
        updates=UPDATES,
    )
    return read_steps(path)


def matrices(step):
    return {
        matrix["name"]: np.array(matrix["values"])
        for matrix in step["matrices"]
    }


def numpy_training(model, x, y):
    """Values of each update: mean squared error, tanh, sigmoid, SGD."""
    w1, b1, w2, b2 = (w.astype("float64") for w in model.get_weights())
    for _ in range(UPDATES):
        z1 = x @ w1 + b1
        a1 = np.tanh(z1)
        z2 = a1 @ w2 + b2
        a2 = 1 / (1 + np.exp(-z2))
        found = {"z1": z1, "a1": a1, "z2": z2, "a2": a2}
        found["L"] = [[np.mean((a2 - y) ** 2)]]
        found["dL/dz2"] = 2 * (a2 - y) / y.size * a2 * (1 - a2)
        found["dL/dW2"] = a1.T @ found["dL/dz2"]
        found["dL/db2"] = found["dL/dz2"].sum(axis=0, keepdims=True)
        found["dL/dz1"] = (found["dL/dz2"] @ w2.T) * (1 - a1**2)
        found["dL/dW1"] = x.T @ found["dL/dz1"]
        found["dL/db1"] = found["dL/dz1"].sum(axis=0, keepdims=True)
        found |= {"W1": w1, "b1": b1[None], "W2": w2, "b2": b2[None]}
        found |= {"W1 before": w1, "W2 before": w2}
        found |= {
            "ΔW1": -RATE * found["dL/dW1"],
            "ΔW2": -RATE * found["dL/dW2"],
        }
        w1, w2 = w1 + found["ΔW1"], w2 + found["ΔW2"]
        b1 = b1 - RATE * found["dL/db1"][0]
        b2 = b2 - RATE * found["dL/db2"][0]
        found |= {"W1 after": w1, "W2 after": w2}
        found |= {"b1 after": b1[None], "b2 after": b2[None]}
        found |= {"x": x, "y": y}
        yield found


def test_every_number_is_that_of_numpy(network, steps):
    per_update = len(steps) // UPDATES
    seen = set()
    for update, expected in enumerate(numpy_training(*network)):
        own = steps[update * per_update : (update + 1) * per_update]
        for step in own:
            assert step["title"].startswith(f"Update {update + 1}: ")
            assert step["time"] == update
            for name, values in matrices(step).items():
                np.testing.assert_allclose(
                    values,
                    expected[name],
                    rtol=1e-4,
                    atol=1e-6,
                    err_msg=f"{step['title']}, {name}",
                )
                seen.add(name)
        assert seen == expected.keys()


def test_steps_go_forward_then_backward_then_update(steps):
    titles = [step["title"].split(": ")[1] for step in steps[:9]]
    assert titles == [
        "weighted sums of layer 1",
        "activation of layer 1",
        "weighted sums of layer 2",
        "activation of layer 2",
        "loss",
        "gradient of layer 2",
        "gradient of layer 1",
        "new weights of layer 1",
        "new weights of layer 2",
    ]
    assert len(steps) == 9 * UPDATES


def test_the_numbers_below_the_equation_are_those_of_the_matrices(steps):
    values = matrices(steps[0])
    assert steps[0]["equation"] == "z1 = x W1 + b1"
    left, *terms, result = (
        (steps[0]["element"].replace("(", "").replace(")", ""))
        .replace(" + ", " = ")
        .split(" = ")
    )
    assert left == "z1[1, 1]"
    products = [
        float(a) * float(b)
        for a, b in (term.split(" · ") for term in terms[:-1])
    ]
    np.testing.assert_allclose(
        products, values["x"][0] * values["W1"][:, 0], rtol=2e-3
    )
    assert float(result) == pytest.approx(values["z1"][0, 0], rel=1e-3)
    assert sum(products) + float(terms[-1]) == pytest.approx(
        float(result), abs=2e-3
    )


def test_the_update_of_sgd_is_written_out(steps):
    step = steps[7]
    values = matrices(step)
    assert step["equation"] == "W1 ← W1 - η dL/dW1,  η = 0.5"
    assert step["element"].startswith("W1[1, 1] = ")
    assert f"= {values['W1 after'][0, 0]:.4g}" in step["element"]


def test_the_model_is_not_changed(network, tmp_path):
    model, x, y = network
    before = model.get_weights()
    optimizer = keras.optimizers.Adam(0.1)
    path = write_recorded_network(
        tmp_path / "adam.html",
        model,
        x,
        y,
        optimizer=optimizer,
        updates=1,
        loss=keras.losses.MeanSquaredError(),
    )
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert int(optimizer.iterations) == 0
    step = read_steps(path)[7]
    assert "by keras.optimizers.Adam" in step["equation"]
    # The first step of Adam is the learning rate times the sign.
    values = matrices(step)
    np.testing.assert_allclose(
        values["ΔW1"], -0.1 * np.sign(values["dL/dW1"]), rtol=1e-2
    )


def test_the_default_network_learns_xor(tmp_path):
    path = write_recorded_network(tmp_path / "network.html")
    steps = read_steps(path)
    losses = [
        matrices(step)["L"][0, 0]
        for step in steps
        if step["title"].endswith(": loss")
    ]
    assert len(losses) == 25 and losses[-1] < 0.7 * losses[0]
    assert path.stat().st_size < 500_000
    json.dumps(steps, allow_nan=False)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([keras.layers.Dropout(0.1)], r"Dense layers.*Received: Dropout"),
    ],
)
def test_other_networks_are_refused(layers, message, tmp_path):
    model = keras.Sequential([keras.Input((2,)), *layers])
    with pytest.raises(ValueError, match=message):
        write_recorded_network(
            tmp_path / "a.html", model, np.ones((2, 2)), np.ones((2, 1))
        )


def test_the_first_rows_and_columns_of_a_large_network_are_shown(tmp_path):
    keras.utils.set_random_seed(0)
    layers = [keras.Input((5, 4)), keras.layers.Flatten()]
    layers += [keras.layers.Dense(13), keras.layers.Dense(15, "softmax")]
    model = keras.Sequential(layers)
    x = np.random.default_rng(0).normal(size=(3, 5, 4)).astype("float32")
    path = write_recorded_network(
        tmp_path / "large.html",
        model,
        x,
        np.eye(15, dtype="float32")[:3],
        loss="categorical_crossentropy",
        updates=1,
    )
    assert "network 20-13-15" in path.read_text(encoding="utf-8")
    first, _, _, softmax, *_ = read_steps(path)
    kernel = model.get_weights()[0]
    values = matrices(first)
    shown = values["W1, 12 of 20 rows, 12 of 13 columns"]
    np.testing.assert_allclose(shown, kernel[:12, :12], rtol=1e-6)
    # The sum is that of all 20 products.
    z = x.reshape(3, 20) @ kernel
    z1 = values["z1, 12 of 13 columns"]
    np.testing.assert_allclose(z1, z[:, :12], rtol=1e-5, atol=1e-6)
    assert "... (8 more)" in first["element"]
    assert first["element"].endswith(f"= {z[0, 0]:.4g}")
    assert "... (3 more))[1]" in softmax["element"]


def test_a_model_without_data_is_refused(network, tmp_path):
    with pytest.raises(ValueError, match=r"together, or none.*1 of 3"):
        write_recorded_network(tmp_path / "a.html", network[0])
    model, x, y = network
    with pytest.raises(ValueError, match=r"1 to 12 examples.*Received: 15"):
        write_recorded_network(
            tmp_path / "a.html", model, np.tile(x, (3, 1)), np.tile(y, (3, 1))
        )
