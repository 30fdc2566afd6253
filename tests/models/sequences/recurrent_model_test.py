"""The four topologies against a loop in NumPy and each other."""

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.layers import LSTM, SimpleRNN
from dlunits.models import RecurrentModel
from dlunits.models.sequences.recurrent_model import CELLS

FEATURES, TIME, OUTPUTS = 3, 5, 2
SEQUENCE = (TIME, FEATURES)


def example(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def result(model, x):
    return ops.convert_to_numpy(model(x))


def with_weights_of(model, other):
    model.set_weights(other.get_weights())
    return model


def softmax_np(a):
    exponentials = np.exp(a - a.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def recurrence_np(x, W_xh, W_hh, b_h, W_hy, b_y):
    """h_t = tanh(W_xh x_t + W_hh h_{t-1} + b_h), y_t = softmax(W_hy h_t + b_y)

    One example after the other, one step after the other.
    """
    outputs = np.zeros((*x.shape[:2], len(b_y)))
    for example, y in zip(x, outputs, strict=True):
        h = np.zeros(len(b_h))
        for t, x_t in enumerate(example):
            h = np.tanh(x_t @ W_xh + h @ W_hh + b_h)
            y[t] = softmax_np(h @ W_hy + b_y)
    return outputs


def test_many_to_many_is_the_recurrence_written_out():
    model = RecurrentModel(
        *("many_to_many", SEQUENCE, OUTPUTS),
        cell="rnn",
        units=(4,),
        output_activation="softmax",
    )
    weights = [example(*w.shape) for w in model.get_weights()]
    model.set_weights(weights)
    x = example(2, *SEQUENCE)
    np.testing.assert_allclose(
        result(model, x), recurrence_np(x, *weights), rtol=1e-4, atol=1e-6
    )


def test_one_to_one_is_a_sequence_of_a_single_step():
    """h_0 = 0, so that W_hh has no effect."""
    one = RecurrentModel("one_to_one", (FEATURES,), OUTPUTS, units=(4, 6))
    many = RecurrentModel(
        "many_to_one", (1, FEATURES), OUTPUTS, cell="rnn", units=(4, 6)
    )
    kernel_1, bias_1, kernel_2, bias_2, *output = one.get_weights()
    many.set_weights(
        [
            *(kernel_1, example(4, 4), bias_1),
            *(kernel_2, example(6, 6), bias_2),
            *output,
        ]
    )
    x = example(2, FEATURES)
    np.testing.assert_allclose(
        result(one, x), result(many, x[:, None]), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("cell", CELLS)
def test_one_to_many_reads_the_same_input_at_every_step(cell):
    options = {"cell": cell, "units": (4, 6)}
    one = RecurrentModel(
        "one_to_many", (FEATURES,), OUTPUTS, num_steps=TIME, **options
    )
    many = with_weights_of(
        RecurrentModel("many_to_many", SEQUENCE, OUTPUTS, **options), one
    )
    x = example(2, FEATURES)
    again = np.repeat(x[:, None], TIME, axis=1)
    np.testing.assert_allclose(
        result(one, x), result(many, again), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("cell", CELLS)
def test_many_to_one_equals_the_last_output_of_many_to_many(cell):
    options = {"cell": cell, "units": (4, 6)}
    one = RecurrentModel("many_to_one", SEQUENCE, OUTPUTS, **options)
    many = with_weights_of(
        RecurrentModel("many_to_many", SEQUENCE, OUTPUTS, **options), one
    )
    x = example(2, *SEQUENCE)
    np.testing.assert_allclose(
        result(one, x), result(many, x)[:, -1], rtol=1e-5, atol=1e-6
    )


def test_a_decoder_reads_only_the_last_state_of_the_encoder():
    model = RecurrentModel(
        "many_to_many", SEQUENCE, OUTPUTS, units=(3, 4), num_steps=7
    )
    stock = keras.Sequential(
        [
            keras.Input(SEQUENCE),
            keras.layers.LSTM(3, return_sequences=True),
            keras.layers.LSTM(4),
            keras.layers.RepeatVector(7),
            keras.layers.LSTM(4, return_sequences=True),
            keras.layers.LSTM(3, return_sequences=True),
            keras.layers.Dense(OUTPUTS),
        ]
    )
    x = example(2, *SEQUENCE)
    np.testing.assert_allclose(
        result(model, x),
        result(with_weights_of(stock, model), x),
        rtol=1e-4,
        atol=1e-6,
    )


def test_a_bidirectional_model_is_invariant_to_reversal():
    """If the weights of the two directions are swapped."""
    model = RecurrentModel(
        "many_to_one", SEQUENCE, OUTPUTS, units=(4,), bidirectional=True
    )
    other = keras.models.clone_model(model)
    *layers, kernel, bias = model.get_weights()
    other.set_weights(
        [*layers[3:], *layers[:3], np.roll(kernel, 4, axis=0), bias]
    )
    x = example(2, *SEQUENCE)
    np.testing.assert_allclose(
        result(model, x), result(other, x[:, ::-1]), rtol=1e-5, atol=1e-6
    )
    assert not np.allclose(result(model, x), result(model, x[:, ::-1]))


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("topology", ["many_to_one", "many_to_many"])
def test_masked_steps_are_not_read(topology, bidirectional):
    model = RecurrentModel(
        topology,
        (None, FEATURES),
        OUTPUTS,
        units=(4, 3),
        bidirectional=bidirectional,
        dropout=0.5,
    )
    masked = keras.Sequential([keras.layers.Masking(-1.0), model])
    x = example(2, *SEQUENCE)
    longer = np.pad(x, [(0, 0), (0, 2), (0, 0)], constant_values=-1)
    outputs = result(masked, longer)
    if topology == "many_to_many":
        outputs = outputs[:, :TIME]
    np.testing.assert_allclose(outputs, result(model, x), rtol=1e-5, atol=1e-6)


def test_the_mask_is_passed_on_for_every_output_step():
    model = RecurrentModel("many_to_many", (None, FEATURES), OUTPUTS)
    mean = (
        keras.layers.GlobalAveragePooling1D()
    )  # of the steps that are not masked
    masked = keras.Sequential([keras.layers.Masking(-1.0), model, mean])
    x = example(2, *SEQUENCE)
    longer = np.pad(x, [(0, 0), (0, 2), (0, 0)], constant_values=-1)
    np.testing.assert_allclose(
        result(masked, longer),
        result(model, x).mean(axis=1),
        rtol=1e-4,
        atol=1e-6,
    )


@pytest.mark.parametrize("num_steps", [None, TIME])
def test_no_mask_is_passed_on_after_the_last_step(num_steps):
    topology = "many_to_many" if num_steps else "many_to_one"
    model = RecurrentModel(
        topology, SEQUENCE, OUTPUTS, num_steps=num_steps, units=(4,)
    )
    masked = keras.Sequential([keras.layers.Masking(-1.0), model])
    masked.compile(loss="mse")
    x = example(2, *SEQUENCE)
    x[:, 3:] = -1
    y = np.zeros_like(model.predict(x, verbose=0))
    expected = np.mean(masked.predict(x, verbose=0) ** 2)
    assert masked.evaluate(x, y, verbose=0) == pytest.approx(expected, rel=1e-4)


def test_sequences_may_have_any_length():
    model = RecurrentModel("many_to_many", (None, FEATURES), OUTPUTS)
    x = example(2, 9, FEATURES)
    np.testing.assert_allclose(
        result(model, x)[:, :4], result(model, x[:, :4]), rtol=1e-5, atol=1e-6
    )


def test_hidden_layers_are_named_layers_of_dlunits():
    model = RecurrentModel("many_to_one", SEQUENCE, OUTPUTS, units=(4, 6))
    assert type(model.get_layer("hidden_1")) is LSTM
    assert model.get_layer("hidden_2").units == 6
    two = RecurrentModel(
        *("many_to_one", SEQUENCE, OUTPUTS),
        cell="rnn",
        units=(4,),
        bidirectional=True,
    )
    assert type(two.get_layer("hidden_1").backward_layer) is SimpleRNN


def test_dropout_follows_every_hidden_layer_in_training_only():
    model = RecurrentModel(
        "many_to_one", SEQUENCE, OUTPUTS, units=(64, 64), dropout=0.9
    )
    rates = [
        layer.rate
        for layer in model.layers
        if isinstance(layer, keras.layers.Dropout)
    ]
    assert rates == [0.9, 0.9]
    x = example(2, *SEQUENCE)
    still = result(model, x)
    np.testing.assert_array_equal(still, result(model, x))
    moving = ops.convert_to_numpy(model(x, training=True))
    assert not np.allclose(still, moving)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("many_to_few", SEQUENCE, 1),
            "one of 'one_to_one', .* Received: topology='many_to_few'",
        ),
        (
            ("many_to_one", (3,), 1),
            r"must be \(time, features\) for 'many_to_one'.*input_shape=\(3,\)",
        ),
        (
            ("one_to_one", SEQUENCE, 1),
            r"must be \(features,\) for 'one_to_one'. .*input_shape=\(5, 3\)",
        ),
        (("many_to_one", (5, None), 1), r"input_shape=\(5, None\)"),
        (("many_to_one", (0, 3), 1), r"at least 1.*input_shape=\(0, 3\)"),
        (("many_to_one", SEQUENCE, 0), "output_dim=0"),
    ],
)
def test_rejects_unknown_names_and_shapes(arguments, message):
    with pytest.raises(ValueError, match=message):
        RecurrentModel(*arguments)


@pytest.mark.parametrize(
    ("topology", "options", "message"),
    [
        ("many_to_one", {"cell": "elman"}, "'rnn', 'lstm', 'gru'.*'elman'"),
        (
            "many_to_one",
            {"units": ()},
            r"`units` must not be empty.*units=\(\)",
        ),
        ("many_to_one", {"units": (4, 0)}, r"units=\(4, 0\)"),
        ("many_to_one", {"dropout": 1.0}, "dropout=1.0"),
        ("many_to_one", {"num_steps": 4}, "leave out `num_steps`.*=4"),
        ("many_to_many", {"num_steps": 0}, "num_steps=0"),
        ("one_to_many", {}, "needs `num_steps`.*num_steps=None"),
        ("one_to_one", {"num_steps": 4}, "leave out `num_steps`.*=4"),
        ("one_to_one", {"bidirectional": True}, "leave out `bidirectional`"),
    ],
)
def test_rejects_arguments_against_the_topology(topology, options, message):
    shape = SEQUENCE if topology.startswith("many") else (FEATURES,)
    with pytest.raises(ValueError, match=message):
        RecurrentModel(topology, shape, OUTPUTS, **options)
