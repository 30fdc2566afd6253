"""Bidirectional layers against their two layers run one by one."""

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.layers import GRU, LSTM, Bidirectional, SimpleRNN

BATCH, TIME, FEATURES = 3, 6, 5
LENGTHS = np.array([6, 3, 1])
MASK = np.arange(TIME) < LENGTHS[:, None]

MERGED = {
    "concat": lambda a, b: np.concatenate([a, b], axis=-1),
    "sum": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "ave": lambda a, b: (a + b) / 2,
}


@pytest.fixture
def x():
    rng = np.random.default_rng(0)
    return rng.normal(size=(BATCH, TIME, FEATURES)).astype("float32")


def run(layer, sequence, states=None):
    """Outputs and last states of the layer for one sequence."""
    again = type(layer).from_config(
        {
            **layer.get_config(),
            "return_sequences": True,
            "return_state": True,
            "go_backwards": False,
        }
    )
    again(sequence[None])
    again.set_weights(layer.get_weights())
    if states is not None:
        states = [state[None] for state in states]
    output, *states = again(sequence[None], initial_state=states)
    return ops.convert_to_numpy(output[0]), [
        ops.convert_to_numpy(state[0]) for state in states
    ]


def lstm_and_gru(mode="concat", **options):
    backward = GRU(4, go_backwards=True, **options)
    return Bidirectional(LSTM(4, **options), mode, backward_layer=backward)


@pytest.mark.parametrize("mode", MERGED)
@pytest.mark.parametrize("masked", [False, True])
def test_each_sequence_is_read_in_both_directions(mode, masked, x):
    both = lstm_and_gru(mode, return_sequences=True)
    found = ops.convert_to_numpy(both(x, mask=MASK if masked else None))
    for row, length in enumerate(LENGTHS if masked else [TIME] * BATCH):
        forward, _ = run(both.forward_layer, x[row, :length])
        backward, _ = run(both.backward_layer, x[row, :length][::-1])
        expected = MERGED[mode](forward, backward[::-1])
        np.testing.assert_allclose(found[row, :length], expected, atol=1e-6)
        assert not found[row, length:].any()


@pytest.mark.parametrize("mode", [*MERGED, None])
def test_the_last_outputs_depend_on_the_whole_sequence(mode, x):
    both = lstm_and_gru(mode)
    found = both(x, mask=MASK)
    for row, length in enumerate(LENGTHS):
        forward, _ = run(both.forward_layer, x[row, :length])
        backward, _ = run(both.backward_layer, x[row, :length][::-1])
        last = forward[-1], backward[-1]
        if mode is None:
            parts = [part[row] for part in found]
            np.testing.assert_allclose(parts, last, atol=1e-6)
        else:
            expected = MERGED[mode](*last)
            np.testing.assert_allclose(found[row], expected, atol=1e-6)


@pytest.mark.parametrize("mode", ["concat", None])
def test_states_are_ordered_by_layer(mode, x):
    both = lstm_and_gru(mode, return_sequences=True, return_state=True)
    rng = np.random.default_rng(1)
    # h and c of the LSTM, h of the GRU
    states = rng.normal(size=(3, BATCH, 4)).astype("float32")
    results = both(x, initial_state=list(states))
    num_outputs = 2 if mode is None else 1
    assert len(results) == num_outputs + 3
    shapes = both.compute_output_shape(x.shape)
    assert [tuple(r.shape) for r in results] == [tuple(s) for s in shapes]
    for row in range(BATCH):
        _, (h, c) = run(both.forward_layer, x[row], states[:2, row])
        _, (g,) = run(both.backward_layer, x[row][::-1], states[2:, row])
        last = [ops.convert_to_numpy(r[row]) for r in results[num_outputs:]]
        np.testing.assert_allclose(last, [h, c, g], atol=1e-6)


@pytest.mark.parametrize("second", [None, GRU(2, go_backwards=True)])
def test_a_saved_model_holds_both_layers(second, x, tmp_path):
    inputs = keras.Input((TIME, FEATURES))
    outputs = Bidirectional(LSTM(3), backward_layer=second)(inputs)
    model = keras.Model(inputs, outputs)
    model.save(tmp_path / "both.keras")
    again = keras.saving.load_model(tmp_path / "both.keras")
    np.testing.assert_array_equal(again(x), model(x))
    kinds = [type(layer) for layer in again.layers[1].directions()]
    assert kinds == [LSTM, GRU if second else LSTM]


def test_equals_the_wrapper_of_keras_for_layers_of_one_type(x):
    ours = Bidirectional(LSTM(3, return_sequences=True))
    stock = keras.layers.Bidirectional(
        keras.layers.LSTM(3, return_sequences=True)
    )
    ours(x), stock(x)
    stock.set_weights(ours.get_weights())
    np.testing.assert_allclose(ours(x), stock(x), atol=1e-6)
    np.testing.assert_allclose(
        ours(x, mask=MASK), stock(x, mask=MASK), atol=1e-6
    )


@keras.saving.register_keras_serializable(package="tests")
class Sum(keras.layers.Layer):
    """Cell without `output_size` that adds up its inputs."""

    state_size = FEATURES

    def call(self, x, states):
        return states[0] + x, [states[0] + x]


def test_wraps_a_cell_without_output_size(x):
    both = Bidirectional(keras.layers.RNN(Sum()), "sum")
    np.testing.assert_allclose(both(x), 2 * x.sum(axis=1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("mode", ["concat", "ave", None])
def test_wraps_convolutional_layers(mode):
    images = np.random.default_rng(0).normal(size=(2, 3, 5, 5, 1))
    options = {"return_sequences": True, "return_state": True}
    layer = keras.layers.ConvLSTM2D(2, 3, **options)
    ours = Bidirectional(layer, mode)
    stock = keras.layers.Bidirectional(layer, mode)
    ours(images), stock(images)
    stock.set_weights(ours.get_weights())
    states = ours(images)[-4:]
    for found, expected in zip(
        ours(images, initial_state=list(states)),
        stock(images, initial_state=list(states)),
        strict=True,
    ):
        np.testing.assert_allclose(found, expected, atol=1e-6)
    shapes = ours.compute_output_shape(images.shape)
    assert [tuple(y.shape) for y in ours(images)] == list(map(tuple, shapes))


def test_outputs_have_its_own_compute_dtype(x):
    both = Bidirectional(LSTM(3), dtype="mixed_float16")
    assert keras.backend.standardize_dtype(both(x).dtype) == "float16"


def test_a_stateful_layer_that_returns_states_passes_a_mask_on(x):
    options = {"return_sequences": True, "return_state": True, "stateful": True}
    both = Bidirectional(LSTM(3, **options))
    expected = both(x, mask=MASK)
    both.reset_state()
    masked = keras.layers.Masking()(x * MASK[..., None])
    for found, right in zip(both(masked), expected, strict=True):
        np.testing.assert_allclose(found, right, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((LSTM(3), "max"), "`merge_mode` must be one of 'concat'"),
        ((LSTM(3), GRU(3)), "pass a second layer as `backward_layer`"),
        ((keras.layers.Dense(3),), "Expected a recurrent layer"),
        (
            (LSTM(3), "concat", None, SimpleRNN(3)),
            "different `go_backwards` value",
        ),
    ],
)
def test_rejects_layers_that_cannot_be_merged(arguments, message):
    with pytest.raises(ValueError, match=message):
        Bidirectional(*arguments)


def test_rejects_outputs_that_cannot_be_merged(x):
    both = Bidirectional(
        LSTM(3), "sum", backward_layer=GRU(2, go_backwards=True)
    )
    with pytest.raises(
        ValueError, match=r"Received: shapes \(3, 3\) and \(3, 2"
    ):
        both(x)


@pytest.mark.parametrize("states", [np.zeros((3, 4)), [np.zeros((3, 4))] * 2])
def test_rejects_a_wrong_number_of_initial_states(states, x):
    both = lstm_and_gru()
    with pytest.raises(ValueError, match=r"2 \+ 1 tensors\. Received"):
        both(x, initial_state=states)
    symbols = keras.tree.map_structure(
        lambda s: keras.Input(s.shape[1:]), states
    )
    with pytest.raises(ValueError, match=r"2 \+ 1 tensors\. Received"):
        both(keras.Input((TIME, FEATURES)), initial_state=symbols)
