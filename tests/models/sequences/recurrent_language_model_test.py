"""The language model: segments, single steps, saving."""

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.models import RecurrentLanguageModel

SIZE, UNITS = 7, 6


def make(cell, **options):
    keras.utils.set_random_seed(0)
    return RecurrentLanguageModel(SIZE, cell, UNITS, num_layers=2, **options)


def tokens(batch=3, time=9):
    numbers = np.random.default_rng(0).integers(0, SIZE, (batch, time))
    return ops.convert_to_tensor(numbers, "int32")


every_cell = pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])


@every_cell
def test_a_text_can_be_split_into_segments(cell):
    model, x = make(cell), tokens()
    whole, *last = model([x, *model.get_initial_state(3)])
    states, pieces = model.get_initial_state(3), []
    for piece in ops.split(x, [1, 5, 6], axis=1):
        logits, *states = model([piece, *states])
        pieces.append(ops.convert_to_numpy(logits))
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), whole, atol=1e-6)
    for state, expected in zip(states, last, strict=True):
        np.testing.assert_allclose(state, expected, atol=1e-6)


@every_cell
def test_single_steps_equal_the_loop(cell):
    model, x = make(cell), tokens()
    whole, *_ = model([x, *model.get_initial_state(3)])
    step, states = model.step_model(), model.get_initial_state(3)
    for t in range(x.shape[1]):
        logits, *states = step([x[:, t], *states])
        np.testing.assert_allclose(logits, whole[:, t], atol=1e-6)


def test_parameters_are_those_of_the_layers():
    """Embedding 7 * 5, LSTMs 4 * (5 + 6 + 1) * 6 and 4 * (6 + 6 + 1) * 6."""
    model = RecurrentLanguageModel(7, "lstm", 6, num_layers=2, embedding_dim=5)
    assert model.count_params() == 35 + 288 + 312 + (6 + 1) * 7
    assert model.state_sizes == (6, 6, 6, 6)


def test_dropout_is_active_in_training_only():
    model, x = (
        make("gru", dropout=0.5),
        [tokens(), *make("gru").get_initial_state(3)],
    )
    first, second = (model(x, training=True)[0] for _ in range(2))
    assert not np.allclose(first, second)
    np.testing.assert_array_equal(model(x)[0], model(x)[0])


@every_cell
def test_a_saved_model_is_the_same_model(cell, tmp_path):
    model = make(cell, dropout=0.3, embedding_dim=4)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.get_config() == model.get_config()
    x = [tokens(), *model.get_initial_state(3)]
    np.testing.assert_array_equal(again(x)[0], model(x)[0])


@every_cell
def test_learns_the_next_token_of_a_cycle(cell):
    """0 1 2 3 4 5 6 0 1 ...: each token determines the next."""
    cycle = np.arange(8 * 14).reshape(8, 14) % SIZE
    model = make(cell)
    x = [cycle[:, :-1], *map(ops.convert_to_numpy, model.get_initial_state(8))]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    num_states = len(model.state_sizes)
    model.compile(keras.optimizers.Adam(0.05), [loss, *[None] * num_states])
    targets = [cycle[:, 1:], *x[1:]]
    model.fit(x, targets, epochs=30, verbose=0)
    found = ops.convert_to_numpy(model(x)[0]).argmax(axis=-1)
    np.testing.assert_array_equal(found, cycle[:, 1:])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"vocabulary_size": 1}, "`vocabulary_size` must be at least 2"),
        ({"cell": "qrnn"}, "one of rnn, lstm, gru"),
        ({"units": 0}, "`units` must be at least 1"),
        ({"num_layers": 0}, "`num_layers` must be at least 1"),
        ({"dropout": 1.0}, "`dropout` must be in"),
    ],
)
def test_rejects_arguments_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        RecurrentLanguageModel(**{"vocabulary_size": 5, **options})
