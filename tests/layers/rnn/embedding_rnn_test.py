"""A reader of tokens against its two layers, one after the other."""

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.layers import GRU, LSTM, EmbeddingRNN, SimpleRNN

VOCABULARY, SIZE, UNITS, BATCH, TIME = 6, 3, 4, 3, 5
KINDS = {"rnn": SimpleRNN, "lstm": LSTM, "gru": GRU}

every_kind = pytest.mark.parametrize("kind", KINDS)
every_option = pytest.mark.parametrize(
    "options",
    [
        {},
        {"return_sequences": True},
        {"return_sequences": True, "return_state": True},
        {"go_backwards": True},
        {"unroll": True},
        {"recurrent_dropout": 0.5, "seed": 0},
    ],
    ids=str,
)


@pytest.fixture
def tokens():
    rng = np.random.default_rng(0)
    return rng.integers(0, VOCABULARY, (BATCH, TIME), "int32")


def parts(kind, mask_zero=False, **options):
    keras.utils.set_random_seed(0)
    embedding = keras.layers.Embedding(VOCABULARY, SIZE, mask_zero=mask_zero)
    return embedding, KINDS[kind](UNITS, **options)


def trained(model, tokens):
    """Outputs before and weights after a step down the gradient."""
    before = model(tokens)
    targets = keras.tree.map_structure(ops.ones_like, before)
    model.compile(keras.optimizers.SGD(0.5), "mse")
    model.train_on_batch(tokens, targets)
    return keras.tree.flatten(before), model.get_weights()


def both(kind, mask_zero=False, **options):
    """Models with the same weights: of a reader, and of two layers."""
    tokens = keras.Input((TIME,), dtype="int32")
    reader = EmbeddingRNN(*parts(kind, mask_zero, **options))
    embedding, recurrent = parts(kind, mask_zero, **options)
    models = [
        keras.Model(tokens, reader(tokens)),
        keras.Model(tokens, recurrent(embedding(tokens))),
    ]
    models[0].set_weights(models[1].get_weights())
    return reader, *models


def assert_same(models, tokens):
    (outputs, weights), (others, expected) = (
        trained(model, tokens) for model in models
    )
    for one, other in zip(outputs + weights, others + expected, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-6)


@every_kind
@every_option
def test_outputs_and_training_equal_those_of_the_two_layers(
    kind, options, tokens
):
    reader, *models = both(kind, **options)

    assert reader.projects_embeddings
    assert_same(models, tokens)


@every_kind
def test_uses_the_mask_of_the_embedding(kind, tokens):
    tokens[0, 2:] = 0
    reader, *models = both(kind, mask_zero=True)

    assert_same(models, tokens)
    shorter = reader(tokens[:1, :2])
    np.testing.assert_allclose(reader(tokens[:1]), shorter, atol=1e-6)


def test_passes_the_mask_on(tokens):
    reader, _, _ = both("gru", mask_zero=True, return_sequences=True)
    tokens[0, 2:] = 0

    mask = reader.compute_mask(ops.convert_to_tensor(tokens))

    np.testing.assert_array_equal(mask, tokens != 0)


def test_uses_the_initial_state(tokens):
    reader = EmbeddingRNN(*parts("lstm", return_state=True))

    _, *states = reader(tokens)
    again, *_ = reader(tokens, initial_state=states)
    expected, *_ = reader.recurrent(
        reader.embedding(tokens), initial_state=states
    )

    np.testing.assert_allclose(again, expected, atol=1e-6)


def test_stateful_layers_keep_their_state(tokens):
    reader = EmbeddingRNN(*parts("gru", stateful=True))
    whole = EmbeddingRNN(*parts("gru"))
    reader(tokens), whole(tokens)
    reader.set_weights(whole.get_weights()[:1] + reader.get_weights()[1:])
    reader.recurrent.cell.set_weights(whole.recurrent.cell.get_weights())
    reader.recurrent.reset_states()

    reader(tokens[:, :2])

    np.testing.assert_allclose(reader(tokens[:, 2:]), whole(tokens), atol=1e-6)


@pytest.mark.parametrize(
    "recurrent",
    [
        lambda: keras.layers.LSTM(UNITS),
        lambda: LSTM(UNITS, dropout=0.1),
        lambda: LSTM(UNITS, activation="elu"),
    ],
    ids=["Keras' layer", "dropout of the inputs", "no adjoint"],
)
def test_embeds_tokens_first_if_the_embedding_cannot_be_projected(
    recurrent, tokens
):
    reader = EmbeddingRNN(parts("rnn")[0], recurrent())

    found = reader(tokens)

    assert not reader.projects_embeddings
    np.testing.assert_allclose(
        found, reader.recurrent(reader.embedding(tokens)), atol=1e-6
    )


def test_embeds_a_large_vocabulary_first():
    embedding = keras.layers.Embedding(1025, SIZE)

    assert not EmbeddingRNN(embedding, LSTM(UNITS)).projects_embeddings


def test_the_recurrent_layer_still_takes_vectors_afterwards(tokens):
    reader = EmbeddingRNN(*parts("lstm"))
    expected = reader(tokens)

    found = reader.recurrent(reader.embedding(tokens))

    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_an_error_in_a_call_restores_the_recurrent_layer(tokens):
    reader = EmbeddingRNN(*parts("gru"))
    reader(tokens)
    wrong = [np.zeros((BATCH, UNITS + 1), "float32")]

    with pytest.raises(Exception, match=r"\S"):
        reader(tokens, initial_state=wrong)

    assert reader.recurrent.embeddings is None
