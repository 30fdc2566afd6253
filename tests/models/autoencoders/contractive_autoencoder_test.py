"""Loss and training of the contractive autoencoder."""

import functools

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.layers import MovingMeanSparsity
from dlunits.losses import contractive_penalty
from dlunits.models import (
    Autoencoder,
    ContractiveAutoencoder,
    dense_autoencoder,
)
from dlunits.regularizers import KLSparsity


@pytest.fixture
def x():
    return np.random.default_rng(0).uniform(size=(32, 3, 2)).astype("float32")


def parts(units=()):
    keras.utils.set_random_seed(0)
    return dense_autoencoder(
        (3, 2),
        4,
        units,
        activation="tanh",
        tied=True,
        code_activation="sigmoid",
    )


def contractive(weight=0.5, units=(), optimizer=None, jit="auto", **more):
    plain = parts(units)
    model = ContractiveAutoencoder(plain.encoder, plain.decoder, weight, **more)
    model.compile(
        optimizer or keras.optimizers.SGD(0.1),
        "mse",
        jit_compile=jit,
    )
    return model


def evaluated(model, *data):
    return model.evaluate(*data, verbose=0, return_dict=True)


@pytest.mark.parametrize("target", [(), ("clean",)])
def test_loss_is_reconstruction_plus_weighted_norm(x, target):
    """The norm is that at the input, also with other targets."""
    clean = x if not target else x[::-1].copy()
    plain = parts()
    plain.compile(loss="mse")
    reconstruction = plain.evaluate(x, clean, verbose=0)
    norm = float(contractive_penalty(plain.encoder, x, "exact"))

    logs = evaluated(contractive(weight=0.5), x, *([clean] if target else []))

    assert logs["squared_jacobian_norm"] == pytest.approx(norm, rel=1e-5)
    assert logs["loss"] == pytest.approx(reconstruction + 0.5 * norm, rel=1e-5)


@pytest.mark.parametrize("units", [(), (5,)])
@pytest.mark.parametrize("jit", ["auto", True])
def test_training_contracts_the_code(x, units, jit):
    """One layer by the closed form, two by random projection."""
    norms = {}
    for weight in (1e-9, 1.0):
        model = contractive(weight, units, jit=jit, seed=0)
        model.fit(x, batch_size=8, epochs=20, verbose=0)
        norms[weight] = float(contractive_penalty(model.encoder, x, "exact"))
    assert norms[1.0] < 0.5 * norms[1e-9]


def test_one_step_follows_the_gradient_of_the_whole_loss(x):
    """SGD moves each bias b of the code by -0.1 dloss / db."""
    step = 1e-2

    def loss(index, move):
        model = contractive(weight=2.0)
        bias = model.encoder.get_layer("code").bias
        values = ops.convert_to_numpy(bias).copy()
        values[index] += move
        bias.assign(values)
        return evaluated(model, x)["loss"]

    slopes = [
        (loss(index, step) - loss(index, -step)) / (2 * step)
        for index in range(4)
    ]
    model = contractive(weight=2.0)
    model.fit(x, batch_size=32, epochs=1, verbose=0)
    np.testing.assert_allclose(
        ops.convert_to_numpy(model.encoder.get_layer("code").bias),
        -0.1 * np.array(slopes),  # they start at 0
        rtol=2e-2,
        atol=1e-6,
    )


def test_projections_differ_per_step_and_are_reproducible(x):
    def history(seed):
        model = contractive(
            units=(5,),
            optimizer=keras.optimizers.SGD(0.0),
            seed=seed,
        )
        logs = model.fit(x, batch_size=32, epochs=4, verbose=0).history
        return logs["squared_jacobian_norm"]

    norms = history(seed=1)
    assert len(set(norms)) == 4  # the weights are constant
    assert history(seed=1) == norms
    assert history(seed=2) != norms


def test_training_continues_from_a_file(x, tmp_path):
    model = contractive(weight=0.3, method="closed_form", seed=5)
    model.fit(x, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)

    assert type(again) is ContractiveAutoencoder
    assert (again.weight, again.method, again.seed) == (0.3, "closed_form", 5)
    assert evaluated(again, x) == evaluated(model, x)
    for each in (model, again):
        each.fit(x, shuffle=False, verbose=0)
    np.testing.assert_array_equal(again.encode(x), model.encode(x))


def test_reconstructs_as_an_autoencoder_of_the_same_parts(x):
    plain = parts()
    model = ContractiveAutoencoder(plain.encoder, plain.decoder, 1.0)
    same = Autoencoder(plain.encoder, plain.decoder)
    np.testing.assert_array_equal(model.reconstruct(x), same.reconstruct(x))


@pytest.mark.parametrize("weight", [0, -0.1, float("nan"), float("inf")])
def test_rejects_a_weight_that_is_not_positive(weight):
    with pytest.raises(ValueError, match=r"positive.*Received: weight="):
        contractive(weight)


def test_rejects_a_closed_form_that_does_not_exist():
    message = "use method='hutchinson' for this one. Received: 2 dense layers"
    with pytest.raises(ValueError, match=message):
        contractive(units=(5,), method="closed_form")


def test_rejects_an_unknown_method():
    with pytest.raises(ValueError, match="Received: method='jacobian'"):
        contractive(method="jacobian")


def test_rejects_shapes_that_do_not_match():
    plain = parts()
    with pytest.raises(ValueError, match=r"\(None, 4\).*\(None, 4\)"):
        ContractiveAutoencoder(plain.encoder, plain.encoder, 1.0)


def test_the_code_of_another_call_is_not_used(x):
    """For other outputs than those of `call` the norm is that at `x`."""
    model = contractive(weight=1.0)
    outputs = model(x)
    expected = model.compute_loss(x, x, outputs)
    model(10 * x)  # its code is saturated
    np.testing.assert_allclose(
        ops.convert_to_numpy(model.compute_loss(x, x, outputs)),
        ops.convert_to_numpy(expected),
        rtol=1e-6,
    )


def test_dropout_does_not_affect_the_norm(x):
    """Weights are constant: the norm is the same with and without dropout."""
    norms = []
    for rate in (0.0, 0.9):
        keras.utils.set_random_seed(0)
        plain = dense_autoencoder(
            (3, 2), 4, code_activation="tanh", tied=True, dropout=rate
        )
        model = ContractiveAutoencoder(plain.encoder, plain.decoder, 1.0)
        model.compile(keras.optimizers.SGD(0.0), "mse")
        logs = model.fit(x, batch_size=32, verbose=0).history
        norms.append(logs["squared_jacobian_norm"][0])
    assert norms[1] == pytest.approx(norms[0], rel=1e-5)


def test_activity_penalties_in_training_are_kept():
    """With weight 1e-9 a step equals that of a plain autoencoder."""
    codes = []
    for make in (
        Autoencoder,
        functools.partial(ContractiveAutoencoder, weight=1e-9),
    ):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((4,))
        hidden = keras.layers.Dense(3, "tanh")(inputs)
        code = keras.layers.Dense(3, "sigmoid", name="code")(hidden)
        sparse = MovingMeanSparsity(KLSparsity(0.05), ema_momentum=0.9)(code)
        encoder = keras.Model(inputs, sparse)
        decoder = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
        model = make(encoder, decoder)
        model.compile(keras.optimizers.SGD(0.1), "mse")
        model.fit(np.ones((8, 4)), epochs=2, verbose=0)
        codes.append(encoder.get_layer("code").get_weights()[1])

    assert (codes[0] < -0.02).all()  # decreased, towards 0.05
    np.testing.assert_allclose(codes[1], codes[0], rtol=1e-4)
