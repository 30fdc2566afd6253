"""Gradient flow against matrix products and a layer split in two."""

import keras
import numpy as np
import pytest
from keras import ops

import dlunits
import dlunits.training
from dlunits.autodiff import vjp
from dlunits.diagnostics.gradient_flow import GradientFlow, gradient_flow

KINDS = ("SimpleRNN", "LSTM", "GRU")
LIBRARIES = {"dlunits": dlunits.layers, "keras": keras.layers}
BATCH, TIME, FEATURES, UNITS = 3, 4, 2, 5


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(0)


def sequences(batch=BATCH, time=TIME, features=FEATURES):
    return np.random.default_rng(1).normal(size=(batch, time, features))


def compiled(*layers, loss="mse"):
    model = keras.Sequential([keras.Input((None, FEATURES)), *layers])
    model.compile("sgd", loss)
    return model


def test_norms_of_a_linear_network_match_powers_of_its_kernel():
    layer = dlunits.layers.SimpleRNN(UNITS, activation="linear", name="rnn")
    model = compiled(layer)
    x, y = sequences(time=9), np.ones((BATCH, UNITS))
    norms = gradient_flow(model, x, y)["rnn"]

    # The loss of an example is mean((h_T - y)^2), and h_t = h_{t-1} U + ...
    U = ops.convert_to_numpy(layer.cell.recurrent_kernel)
    g = 2 * (model.predict(x, verbose=0) - y) / UNITS
    expected = [np.linalg.norm(g, axis=1).mean()]
    for _ in range(8):
        g = g @ U.T
        expected.insert(0, np.linalg.norm(g, axis=1).mean())
    np.testing.assert_allclose(norms, expected, rtol=1e-5)


def norm_by_cutting(layer, above, x, y, t):
    """dL/dh_t, with the layer split after time step t."""
    whole = type(layer)(UNITS, return_sequences=True, return_state=True)
    whole.build(x.shape)
    whole.set_weights(layer.get_weights())
    before, h, *others = whole(x[:, : t + 1])

    def loss(h):
        outputs = [before[:, :t], h[:, None]]
        if t + 1 < TIME:
            rest, *_ = whole(x[:, t + 1 :], initial_state=[h, *others])
            outputs.append(rest)
        outputs = ops.concatenate(outputs, axis=1)
        outputs = above(outputs if layer.return_sequences else outputs[:, -1])
        return ops.mean(ops.square(outputs - y))

    _, pullback = vjp(loss, h)
    gradient = ops.convert_to_numpy(pullback(ops.ones(())))
    return BATCH * np.linalg.norm(gradient, axis=1).mean()


@pytest.mark.parametrize("return_sequences", [True, False])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("library", LIBRARIES)
def test_norms_match_a_layer_that_is_split_in_two(
    library, kind, return_sequences
):
    layer = getattr(LIBRARIES[library], kind)(
        UNITS, return_sequences=return_sequences, name="layer"
    )
    dense = keras.layers.Dense(1)
    model = compiled(layer, dense)
    x = sequences().astype("float32")
    y = np.ones(model(x).shape, "float32")
    norms = gradient_flow(model, x, y)["layer"]
    expected = [norm_by_cutting(layer, dense, x, y, t) for t in range(TIME)]
    np.testing.assert_allclose(norms, expected, rtol=1e-4)


def test_norms_of_the_lower_layer_include_the_upper_layer():
    lower = dlunits.layers.GRU(UNITS, return_sequences=True, name="lower")
    upper = dlunits.layers.LSTM(UNITS, name="upper")
    model = compiled(lower, upper)
    x, y = sequences().astype("float32"), np.ones((BATCH, UNITS), "float32")
    norms = gradient_flow(model, x, y)
    assert list(norms) == ["lower", "upper"]
    expected = [norm_by_cutting(lower, upper, x, y, t) for t in range(TIME)]
    np.testing.assert_allclose(norms["lower"], expected, rtol=1e-4)


def test_penalties_on_activations_are_part_of_the_loss():
    layer = dlunits.layers.GRU(UNITS, name="gru")
    penalty = keras.layers.ActivityRegularization(l2=1.0)
    model = compiled(layer, penalty, loss=lambda y, h: 0 * h)
    x = sequences().astype("float32")
    norms = gradient_flow(model, x, np.ones((BATCH, UNITS)))["gru"]
    h = model.predict(x, verbose=0)  # Keras' penalty is |h|^2 per sequence
    expected = np.linalg.norm(2 * h, axis=1).mean()
    assert norms[-1] == pytest.approx(expected, rel=1e-5)


def test_norms_do_not_depend_on_the_batch_size():
    model = compiled(dlunits.layers.GRU(UNITS, name="gru"))
    x, y = sequences(), np.ones((BATCH, UNITS))
    once = gradient_flow(model, x, y)["gru"]
    twice = gradient_flow(model, np.tile(x, (2, 1, 1)), np.tile(y, (2, 1)))
    np.testing.assert_allclose(twice["gru"], once, rtol=1e-5)


def test_a_backward_layer_ends_at_the_first_step():
    x, y = sequences(), np.ones((BATCH, UNITS))
    forward = dlunits.layers.LSTM(UNITS, name="lstm")
    backward = dlunits.layers.LSTM(UNITS, name="lstm", go_backwards=True)
    models = compiled(forward), compiled(backward)
    backward.set_weights(forward.get_weights())
    norms = [
        gradient_flow(model, inputs, y)["lstm"]
        for model, inputs in zip(models, (x, x[:, ::-1]), strict=True)
    ]
    np.testing.assert_allclose(norms[1], norms[0][::-1], rtol=1e-5)


def test_finds_both_layers_of_a_bidirectional_layer_in_nested_models():
    both = dlunits.layers.Bidirectional(dlunits.layers.GRU(UNITS, name="gru"))
    model = compiled(keras.Sequential([both]), keras.layers.Dense(1))
    norms = gradient_flow(model, sequences(), np.ones((BATCH, 1)))
    assert list(norms) == ["forward_gru", "backward_gru"]
    assert norms["forward_gru"].argmax() == TIME - 1  # read last
    assert norms["backward_gru"].argmax() == 0


@pytest.mark.parametrize("num_layers", [1, 2])
def test_finds_the_layers_of_a_language_model(num_layers):
    model = dlunits.models.RecurrentLanguageModel(
        7, "gru", UNITS, num_layers=num_layers
    )
    trained = dlunits.training.TruncatedBPTT(model, num_streams=BATCH)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    trained.compile("sgd", loss)
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 7, (2, BATCH, TIME))
    found = gradient_flow(trained, x, y)
    assert len(found) == num_layers

    # The same network of an embedding and layers that take vectors.
    embedding, *others = (layer for layer in model.layers if layer.weights)
    stack = [embedding.embedding, embedding.recurrent, *others]
    stack = [
        type(layer).from_config({**layer.get_config(), "return_state": False})
        if isinstance(layer, keras.layers.RNN)
        else layer
        for layer in stack
    ]
    plain = keras.Sequential([keras.Input((TIME,)), *stack])
    plain.set_weights(model.get_weights())
    plain.compile("sgd", loss)
    expected = gradient_flow(plain, x, y)
    for norms, right in zip(found.values(), expected.values(), strict=True):
        np.testing.assert_allclose(norms, right, rtol=1e-5)
        assert (norms > 0).all()


class Encoder(keras.Layer):
    """Custom layer with recurrent layers in attributes of any name."""

    def __init__(self):
        super().__init__()
        self.encoders = {"gru": [dlunits.layers.GRU(UNITS, name="gru")]}

    def call(self, x):
        return self.encoders["gru"][0](x)


def test_finds_recurrent_layers_of_custom_layers():
    model = compiled(Encoder())
    x, y = sequences(), np.ones((BATCH, UNITS))
    assert list(gradient_flow(model, x, y)) == ["gru"]


@pytest.mark.parametrize("zero", [True, False])
@pytest.mark.parametrize("return_sequences", [True, False])
def test_masked_steps_have_no_gradient_and_pass_it_on(zero, return_sequences):
    x = sequences()
    x[:, 2] = 0  # masked: step 3 of 4
    layer = dlunits.layers.GRU(
        UNITS,
        name="gru",
        return_sequences=return_sequences,
        zero_output_for_mask=zero,
    )
    masked = compiled(keras.layers.Masking(), layer)
    y = masked.predict(x, verbose=0) + 1
    norms = gradient_flow(masked, x, y)["gru"]
    assert norms[2] == 0
    if not return_sequences:
        short = compiled(layer)
        expected = gradient_flow(short, x[:, [0, 1, 3]], y)["gru"]
        np.testing.assert_allclose(norms[[0, 1, 3]], expected, rtol=1e-5)
    else:
        assert (norms[[0, 1, 3]] > 0).all()


def test_a_layer_that_is_called_twice_has_two_entries():
    layer = dlunits.layers.GRU(UNITS, name="gru")
    inputs = [keras.Input((TIME, FEATURES)) for _ in range(2)]
    model = keras.Model(inputs, layer(inputs[0]) - layer(inputs[1]))
    model.compile("sgd", "mse")
    norms = gradient_flow(
        model, [sequences(), 0 * sequences()], np.ones((BATCH, UNITS))
    )
    assert list(norms) == ["gru", "gru (2)"]


def test_the_model_does_not_change():
    layer = dlunits.layers.LSTM(UNITS, stateful=True)
    model = keras.Sequential(
        [keras.Input(batch_shape=(BATCH, TIME, FEATURES)), layer]
    )
    model.compile("sgd", "mse", metrics=["mae"])
    x, y = sequences(), np.ones((BATCH, UNITS))
    model.train_on_batch(x, y)
    before = [*model.get_weights(), *map(ops.convert_to_numpy, layer.states)]
    metrics = model.get_metrics_result()
    gradient_flow(model, x, y)
    after = [*model.get_weights(), *map(ops.convert_to_numpy, layer.states)]
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)
    assert model.get_metrics_result() == metrics
    assert "inner_loop" not in vars(layer)


def test_the_callback_uses_the_weights_of_the_current_step():
    model = compiled(dlunits.layers.SimpleRNN(UNITS, name="rnn"))
    x, y = sequences(batch=8), np.ones((8, UNITS))
    untrained = gradient_flow(model, x, y)["rnn"]
    each_epoch, each_third = (
        GradientFlow(x, y),
        GradientFlow(x, y, every_n_steps=3),
    )
    model.fit(
        x,
        y,
        batch_size=2,
        epochs=2,
        verbose=0,
        callbacks=[each_epoch, each_third],
    )
    trained = gradient_flow(model, x, y)["rnn"]
    assert each_epoch.steps == [0, 4, 8]
    assert each_third.steps == [3, 6]
    first, middle, last = each_epoch.norms["rnn"]
    np.testing.assert_allclose(first, untrained, rtol=1e-6)
    np.testing.assert_allclose(last, trained, rtol=1e-6)
    assert not np.allclose(middle, last, rtol=1e-3)
    assert not np.allclose(each_third.norms["rnn"][1], last, rtol=1e-6)

    row = each_epoch.table()[-1]
    assert (row["step"], row["layer"]) == (8, "rnn")
    assert row["first_by_last"] == pytest.approx(trained[0] / trained[-1])


def test_rejects_models_without_gradient_over_time():
    x, y = sequences(), np.ones((BATCH, UNITS))
    with pytest.raises(
        ValueError, match=r"call `model\.compile\(loss=\.\.\.\)"
    ):
        gradient_flow(keras.Sequential([dlunits.layers.GRU(UNITS)]), x, y)
    with pytest.raises(ValueError, match="must have a recurrent layer"):
        gradient_flow(compiled(keras.layers.Dense(UNITS)), x, y[:, None])
    cells = [keras.layers.LSTMCell(UNITS), keras.layers.LSTMCell(UNITS)]
    with pytest.raises(ValueError, match="stack layers, not cells"):
        gradient_flow(compiled(keras.layers.RNN(cells)), x, y)
    with pytest.raises(ValueError, match="every_n_steps=0"):
        GradientFlow(x, y, every_n_steps=0)
