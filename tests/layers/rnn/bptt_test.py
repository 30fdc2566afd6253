"""Recurrent layers against those of Keras and against autodiff."""

import functools

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.autodiff import vjp
from dlunits.layers import (
    GRU,
    LSTM,
    GRUCell,
    LSTMCell,
    SimpleRNN,
    SimpleRNNCell,
)
from dlunits.layers.rnn import bptt, bptt_scan

BATCH, TIME, FEATURES, UNITS = 3, 6, 5, 4

# Name -> our layer, our cell, and their arguments.
LAYERS = {
    "rnn": (SimpleRNN, SimpleRNNCell, {}),
    "rnn-relu": (SimpleRNN, SimpleRNNCell, {"activation": "relu"}),
    "lstm": (LSTM, LSTMCell, {}),
    "lstm-no-bias": (LSTM, LSTMCell, {"use_bias": False}),
    "lstm-hard": (LSTM, LSTMCell, {"recurrent_activation": "hard_sigmoid"}),
    "gru": (GRU, GRUCell, {}),
    "gru-published": (GRU, GRUCell, {"reset_after": False}),
}
every_layer = pytest.mark.parametrize("name", LAYERS)

MASKS = {
    "none": None,
    "ends": [[1] * 6, [1, 1, 1, 0, 0, 0], [1, 0, 0, 0, 0, 0]],
    "starts and holes": [[0, 1, 0, 1, 1, 1], [0, 0, 0, 0, 0, 1], [0] * 6],
}
every_type = pytest.mark.parametrize(
    "name", ["rnn", "lstm", "gru", "gru-published"]
)
on_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="XLA compiles the loops on TensorFlow only.",
)
every_mask = pytest.mark.parametrize("mask", MASKS)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def x(rng):
    return rng.normal(size=(BATCH, TIME, FEATURES)).astype("float32")


def mask_of(name):
    return None if MASKS[name] is None else np.array(MASKS[name], bool)


def comparable(options, mask):
    """Options with which Keras' layers return the same on every backend.

    Before the first unmasked step, their outputs are zeros on TensorFlow, as
    those of dlunits are on every backend, and the initial state on JAX.
    """
    jax = keras.backend.backend() == "jax"
    if jax and mask != "none" and "unroll" not in options:
        return {**options, "zero_output_for_mask": True}
    return options


def pair(name, x, **options):
    """Our layer and that of Keras with the same weights."""
    kind, _, more = LAYERS[name]
    stock = getattr(keras.layers, kind.__name__)
    layers = [each(UNITS, **more, **options) for each in (kind, stock)]
    for layer in layers:
        layer(x)
    rng = np.random.default_rng(1)
    weights = [rng.normal(size=w.shape) * 0.5 for w in layers[0].weights[:3]]
    for layer in layers:
        layer.set_weights(weights + layer.get_weights()[3:])
    return layers


def states_of(layer, rng):
    return [
        rng.normal(size=(BATCH, size)).astype("float32")
        for size in layer.state_size
    ]


def check_equal(ours, stock, **tolerance):
    ours, stock = map(keras.tree.flatten, (ours, stock))
    for found, expected in zip(ours, stock, strict=True):
        np.testing.assert_allclose(
            ops.convert_to_numpy(found),
            ops.convert_to_numpy(expected),
            **tolerance,
        )


@every_mask
@every_type
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"return_sequences": True, "return_state": True, "go_backwards": True},
        {"return_state": True, "unroll": True},
        {"return_sequences": True, "zero_output_for_mask": True},
    ],
    ids=lambda options: "+".join(options) or "last",
)
def test_results_are_those_of_keras(name, options, mask, x, rng):
    ours, stock = pair(name, x, **comparable(options, mask))
    states = states_of(ours, rng)
    mask = mask_of(mask)
    check_equal(
        ours(x, initial_state=states, mask=mask),
        stock(x, initial_state=states, mask=mask),
        atol=1e-6,
    )


@every_type
def test_states_are_kept_from_batch_to_batch(name, x):
    ours, stock = pair(name, x, stateful=True)
    for layer in (ours, stock):
        layer.reset_state()
        layer(x)
    check_equal(ours(x[::-1]), stock(x[::-1]), atol=1e-6)


@every_type
@pytest.mark.parametrize("rates", [(0.5, 0.0), (0.4, 0.5)])
def test_dropout_is_that_of_keras(name, rates, x):
    ours, stock = pair(
        name, x, dropout=rates[0], recurrent_dropout=rates[1], seed=7
    )
    check_equal(ours(x, training=True), stock(x, training=True), atol=1e-6)
    check_equal(ours(x), stock(x), atol=1e-6)


# Gradients


def gradients(layer, x, states, mask, training):
    """Gradient of a scalar function of all outputs, for all arguments."""
    variables = layer.trainable_variables
    arguments = [x, *states, *(v.value for v in variables)]
    sizes = [int(np.prod(a.shape)) for a in arguments]
    flat = np.concatenate(
        [np.ravel(ops.convert_to_numpy(a)) for a in arguments]
    )

    def number(flat):
        parts = ops.split(flat, np.cumsum(sizes)[:-1].tolist())
        parts = [
            ops.reshape(p, a.shape)
            for p, a in zip(parts, arguments, strict=True)
        ]
        x, states = parts[0], parts[1 : 1 + len(layer.state_size)]
        mapping = zip(variables, parts[1 + len(states) :], strict=True)
        with keras.StatelessScope(state_mapping=list(mapping)):
            outputs = layer(
                x, initial_state=states, mask=mask, training=training
            )
        # Each output has its own weight, so that none cancels out.
        return sum(
            ops.sum(ops.sin((i + 1) * output))
            for i, output in enumerate(outputs)
        )

    _, pullback = vjp(number, ops.convert_to_tensor(flat, layer.compute_dtype))
    return ops.convert_to_numpy(pullback(ops.ones((), layer.compute_dtype)))


def compare_gradients(name, mask, x, rng, dtype, **options):
    """Relative difference of the gradients of our layer and of our cell."""
    kind, cell, more = LAYERS[name]
    options = {**more, **options, "seed": 5, "dtype": dtype}
    returns = {"return_sequences": True, "return_state": True}
    returns = comparable(returns, mask)
    ours = kind(UNITS, **options, **returns)
    looped = keras.layers.RNN(cell(UNITS, **options), **returns, dtype=dtype)
    ours(x), looped(x)
    looped.set_weights(ours.get_weights())
    states = states_of(ours, rng)
    dropout = "dropout" in options
    found, expected = (
        gradients(layer, x.astype(dtype), states, mask_of(mask), dropout)
        for layer in (ours, looped)
    )
    assert np.abs(expected).max() > 0.1
    return np.abs(found - expected).max() / np.abs(expected).max()


@every_layer
@pytest.mark.parametrize("mask", ["none", "starts and holes"])
def test_gradients_are_those_of_autodiff(name, mask, x, rng):
    assert compare_gradients(name, mask, x, rng, "float32") < 1e-5


@pytest.mark.skipif(
    keras.backend.backend() == "jax",
    reason="Keras computes in single precision on JAX.",
)
@every_layer
@pytest.mark.parametrize("mask", ["starts and holes"])
def test_gradients_are_exact_in_double_precision(name, mask, x, rng):
    assert compare_gradients(name, mask, x, rng, "float64") < 1e-10


@every_type
@pytest.mark.parametrize("rates", [(0.5, 0.0), (0.4, 0.5)])
def test_gradients_go_through_dropout(name, rates, x, rng):
    dropout, recurrent_dropout = rates
    difference = compare_gradients(
        name,
        "ends",
        x,
        rng,
        "float32",
        dropout=dropout,
        recurrent_dropout=recurrent_dropout,
    )
    assert difference < 1e-5


def test_masked_inputs_may_be_nan(x, rng):
    mask = mask_of("ends")
    broken = np.where(mask[..., None], x, np.nan)
    ours, _ = pair("lstm", x, return_sequences=True, return_state=True)
    states = states_of(ours, rng)
    found = gradients(ours, broken, states, mask, False)
    np.testing.assert_array_equal(
        found, gradients(ours, x, states, mask, False)
    )


# In models


def trained(layers, x, y, *, time=TIME, batch_size=2, **compiling):
    inputs = keras.Input((time, FEATURES))
    outputs = inputs
    for layer in layers:
        outputs = layer(outputs)
    model = keras.Model(inputs, keras.layers.Dense(1)(outputs))
    model.layers[-1].set_weights([np.full((UNITS, 1), 0.5), np.zeros(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse", **compiling)
    model.fit(x, y, batch_size=batch_size, epochs=3, shuffle=False, verbose=0)
    return [ops.convert_to_numpy(w) for w in model.trainable_weights]


@every_type
@pytest.mark.parametrize(("jit_compile", "time"), [(False, None), (True, TIME)])
def test_training_is_that_of_keras(name, jit_compile, time, x, rng):
    y = rng.normal(size=(BATCH, 1)).astype("float32")
    ours, stock = (
        trained([layer], x, y, jit_compile=jit_compile, time=time)
        for layer in pair(name, x)
    )
    check_equal(ours, stock, rtol=1e-4, atol=1e-6)


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="Mini-batches are split on TensorFlow only.",
)
@every_type
@pytest.mark.parametrize("batch_size", [2, 3])
def test_training_in_shards_equals_training_on_the_whole_batch(
    name, batch_size, x, rng, monkeypatch
):
    y = rng.normal(size=(BATCH, 1)).astype("float32")
    options = {"dropout": 0.3, "recurrent_dropout": 0.4, "seed": 1}
    sharded, whole = [], []
    for weights, count in ((sharded, 2), (whole, 1)):
        monkeypatch.setattr(bptt, "num_shards", lambda _, count=count: count)
        layer, _ = pair(name, x, **options)
        masked = keras.layers.Masking()
        weights += trained([masked, layer], x, y, batch_size=batch_size)
    check_equal(sharded, whole, rtol=1e-4, atol=1e-6)


def test_the_number_of_shards_depends_on_batch_size_and_threads(monkeypatch):
    if keras.backend.backend() != "tensorflow":
        assert bptt.num_shards(64) == 1
        return
    import tensorflow as tf

    monkeypatch.setattr(
        tf.config.threading, "get_intra_op_parallelism_threads", lambda: 8
    )
    with tf.Graph().as_default():
        sizes = {
            size: bptt.num_shards(size) for size in (None, 1, 31, 32, 100, 1000)
        }
    assert sizes == {None: 4, 1: 1, 31: 1, 32: 2, 100: 6, 1000: 8}
    assert bptt.num_shards(64) == 1  # in eager mode


@every_type
def test_a_layer_used_twice_gets_the_gradients_of_both_uses(name, x, rng):
    y = rng.normal(size=(BATCH, 1)).astype("float32")
    weights = []
    for layer in pair(name, x, return_sequences=True):
        to_features = keras.layers.Dense(FEATURES)
        to_features.build((None, None, UNITS))
        to_features.set_weights(
            [np.eye(UNITS, FEATURES), np.zeros((FEATURES,))]
        )
        last = keras.layers.Lambda(lambda h: h[:, -1])
        weights.append(trained([layer, to_features, layer, last], x, y))
    check_equal(*weights, rtol=1e-4, atol=1e-6)


@every_type
def test_training_in_half_precision_is_close_to_single(name, x, rng):
    y = rng.normal(size=(BATCH, 1)).astype("float32")
    single, _ = pair(name, x)
    half, _ = pair(name, x, dtype="mixed_bfloat16")
    check_equal(
        trained([half], x, y), trained([single], x, y), rtol=0.1, atol=0.03
    )


def two_gradients(layer, x, persistent=False):
    """Gradients of two numbers by two tapes or by a persistent one."""
    import tensorflow as tf

    variables = layer.trainable_variables
    with (
        tf.GradientTape(persistent) as tape,
        tf.GradientTape() as other,
    ):
        h = layer(x, training=True)
        first, second = tf.reduce_sum(h**2), tf.reduce_sum(tf.sin(h))
    other = tape if persistent else other
    return [
        *tape.gradient(first, variables),
        *other.gradient(second, variables),
    ]


def gradient_of_penalty(layer, x):
    """Gradient of a gradient penalty, as in a WGAN-GP."""
    import tensorflow as tf

    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            inner.watch(x)
            h = layer(x, training=True)
        penalty = tf.reduce_sum(inner.gradient(h, x) ** 2)
    return outer.gradient(penalty, layer.trainable_variables)


@on_tensorflow
@every_type
def test_compiled_loops_can_be_differentiated_as_those_of_keras(name, x):
    import tensorflow as tf

    @tf.function
    def derivatives(layer, x):
        return (
            two_gradients(layer, x),
            two_gradients(layer, x, persistent=True),
            gradient_of_penalty(layer, x),
        )

    ours, stock = (
        derivatives(layer, tf.constant(x)) for layer in pair(name, x)
    )
    check_equal(ours, stock, rtol=1e-4, atol=1e-5)


@on_tensorflow
def test_forward_mode_through_a_compiled_loop_is_refused(x):
    import tensorflow as tf

    layer, _ = pair("rnn", x)

    @tf.function
    def tangent(x):
        with tf.autodiff.ForwardAccumulator(x, x) as accumulator:
            h = layer(x, training=True)
        return accumulator.jvp(h)

    with pytest.raises(Exception, match="use reverse mode"):
        tangent(tf.constant(x))


@on_tensorflow
def test_no_loop_is_compiled_for_sequences_of_unknown_length(x, monkeypatch):
    import tensorflow as tf

    def compile_by_xla(function):
        raise AssertionError("compiled")

    monkeypatch.setattr(bptt_scan, "compile_by_xla", compile_by_xla)
    layer, _ = pair("lstm", x)

    def function_of(length):
        spec = tf.TensorSpec((None, length, FEATURES))
        return tf.function(lambda x: layer(x, training=True), [spec])

    check_equal(function_of(None)(x), layer(x), atol=1e-6)
    with pytest.raises(AssertionError, match="compiled"):
        function_of(TIME)(x)


# Batches of a static size and of an unknown one


def batches(x, y, batch_size):
    """Dataset whose static batch size is unknown."""
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((x, y)).batch(batch_size)


def two_threads(monkeypatch):
    import tensorflow as tf

    monkeypatch.setattr(
        tf.config.threading, "get_intra_op_parallelism_threads", lambda: 2
    )


@on_tensorflow
@pytest.mark.filterwarnings("ignore:`shuffle=True`")
@pytest.mark.parametrize(("batch_size", "masked"), [(1, False), (2, True)])
def test_stateful_layers_train_on_small_batches_of_a_dataset(
    batch_size, masked, x, rng, monkeypatch
):
    two_threads(monkeypatch)
    x, y = np.tile(x, (2, 1, 1)), rng.normal(size=(2 * BATCH, 1))
    weights = []
    options = {"stateful": True, "dropout": 0.3, "recurrent_dropout": 0.3}
    for data in ({"x": batches(x, y, batch_size)}, {"x": x, "y": y}):
        layer, _ = pair("lstm", x[:batch_size], seed=1, **options)
        inputs = keras.Input(batch_shape=(batch_size, TIME, FEATURES))
        hidden = keras.layers.Masking()(inputs) if masked else inputs
        model = keras.Model(inputs, keras.layers.Dense(1)(layer(hidden)))
        model.layers[-1].set_weights([np.full((UNITS, 1), 0.5), np.zeros(1)])
        layer.reset_state()
        model.compile("sgd", "mse")
        model.fit(
            **data,
            batch_size=batch_size if "y" in data else None,
            shuffle=False,
            verbose=0,
        )
        weights.append(model.get_weights()[:3])
    check_equal(*weights, rtol=1e-5, atol=1e-6)


@on_tensorflow
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("size", [1, 2, BATCH])
def test_initial_states_may_have_a_static_size_and_sequences_not(
    size, training, x, rng, monkeypatch
):
    import tensorflow as tf

    two_threads(monkeypatch)
    ours, stock = pair("gru", x)
    states = [tf.constant(s[:size]) for s in states_of(ours, rng)]

    @tf.function(input_signature=[tf.TensorSpec((None, TIME, FEATURES))])
    def outputs(x):
        return ours(x, initial_state=states, training=training)

    found = outputs(x[:size])
    assert found.shape == (size, UNITS)
    check_equal(found, stock(x[:size], initial_state=states), atol=1e-6)
    if size < BATCH:
        with pytest.raises(
            tf.errors.InvalidArgumentError,
            match=rf"\[3,6,5\] is not compatible .*\[{size},6,5\]",
        ):
            outputs(x)


# Arguments as those of Keras


@every_type
@pytest.mark.parametrize("dtype", ["int32", "bool"])
def test_integers_are_cast_as_in_keras(name, dtype, x):
    ours, stock = pair(name, x)
    _, cell, options = LAYERS[name]
    looped = keras.layers.RNN(cell(UNITS, **options))
    integers = (x > 0).astype(dtype)
    expected = stock(integers.astype("float32"))
    looped(x)
    looped.set_weights(ours.get_weights())
    for layer in (ours, stock, looped):
        check_equal(layer(integers), expected, atol=1e-6)
    dropped = kind_of(name)(UNITS, dropout=0.5, seed=0)
    assert np.isfinite(dropped(integers, training=True)).all()


def kind_of(name):
    kind, _, options = LAYERS[name]
    return functools.partial(kind, **options)


def test_arguments_are_those_of_keras(x):
    for kind in (LSTM, GRU):
        layer = kind(UNITS, "relu", "hard_sigmoid", False, use_cudnn="auto")
        config = layer.get_config()
        assert config["activation"] == "relu"
        assert config["recurrent_activation"] == "hard_sigmoid"
        assert not config["use_bias"]
        assert layer.supports_jit
        assert kind(UNITS, use_cudnn=False).use_cudnn is False
        # With this argument the loop of Keras runs, which raises an error
        # without cuDNN.
        assert kind(UNITS, use_cudnn=True).equations() is None
    assert SimpleRNN(UNITS, "relu").get_config()["activation"] == "relu"


def test_a_mask_may_have_a_last_axis_as_in_keras(x):
    ours, stock = pair("lstm", x)
    mask = mask_of("ends")
    check_equal(ours(x, mask=mask[..., None]), stock(x, mask=mask), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "shapes", "received"),
    [
        ("lstm", [(3, 4)], r"2 tensors, .*\(batch, 4\), .*1, of shapes \(3, 4"),
        ("lstm", [(3, 4), (3, 5)], r"2, of shapes \(3, 4\), \(3, 5\)"),
        ("gru", [(3, 4), (3, 4)], r"1 tensor, .*2, of shapes"),
        ("rnn", [(3, 1, 4)], r"1 tensor, .*1, of shapes \(3, 1, 4\)"),
        ("gru", [(2, 4)], r"same batch size.*\(3, 6, 5\), \(2, 4\)"),
    ],
)
def test_wrong_initial_states_are_refused(name, shapes, received, x):
    layer, _ = pair(name, x)
    states = [np.zeros(shape, "float32") for shape in shapes]
    with pytest.raises(ValueError, match=received):
        layer(x, initial_state=states)
    if "batch size" not in received:
        inputs = [keras.Input(shape[1:]) for shape in shapes]
        with pytest.raises(ValueError, match="of shapes"):
            layer(keras.Input((TIME, FEATURES)), initial_state=inputs)


@on_tensorflow
def test_ragged_and_sparse_sequences_are_refused(x):
    import tensorflow as tf

    with pytest.raises(ValueError, match=r"ragged tensor\. Pad it with"):
        LSTM(UNITS)(tf.RaggedTensor.from_tensor(x, lengths=[6, 3, 1]))
    with pytest.raises(ValueError, match=r"sparse tensor\. Convert it with"):
        LSTM(UNITS)(tf.sparse.from_dense(x))


def test_other_activations_run_in_the_loop_of_keras(x):
    kind = {"activation": "softsign", "recurrent_activation": "sigmoid"}
    for ours, stock in ((LSTM, keras.layers.LSTM), (GRU, keras.layers.GRU)):
        layers = ours(UNITS, **kind), stock(UNITS, **kind)
        assert layers[0].equations() is None
        layers[0](x), layers[1](x)
        layers[1].set_weights(layers[0].get_weights())
        check_equal(layers[0](x), layers[1](x), atol=1e-6)
    assert SimpleRNN(UNITS, activation="softsign").equations() is None
