"""EmbeddingRNN against an embedding followed by a recurrent layer."""

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.layers import GRU, LSTM, EmbeddingRNN, SimpleRNN

VOCABULARY, SIZE, UNITS, BATCH, TIME = 6, 3, 4, 3, 5
LAYERS = {"rnn": SimpleRNN, "lstm": LSTM, "gru": GRU}

every_type = pytest.mark.parametrize("name", LAYERS)
# The options do not depend on the type of the layer.
types_and_options = pytest.mark.parametrize(
    ("name", "options"),
    [
        ("rnn", {}),
        ("lstm", {}),
        ("gru", {}),
        ("rnn", {"return_sequences": True}),
        ("lstm", {"return_sequences": True, "return_state": True}),
        ("gru", {"go_backwards": True}),
        ("rnn", {"unroll": True}),
        ("lstm", {"recurrent_dropout": 0.5, "seed": 0}),
        ("gru", {"recurrent_dropout": 0.5, "seed": 0}),
    ],
    ids=str,
)


@pytest.fixture
def tokens():
    rng = np.random.default_rng(0)
    return rng.integers(0, VOCABULARY, (BATCH, TIME), "int32")


def parts(name, mask_zero=False, **options):
    keras.utils.set_random_seed(0)
    embedding = keras.layers.Embedding(VOCABULARY, SIZE, mask_zero=mask_zero)
    return embedding, LAYERS[name](UNITS, **options)


def trained(model, tokens):
    """Outputs before, and weights after a training step."""
    before = model(tokens)
    targets = keras.tree.map_structure(ops.ones_like, before)
    model.compile(keras.optimizers.SGD(0.5), "mse")
    model.train_on_batch(tokens, targets)
    return keras.tree.flatten(before), model.get_weights()


def both(name, mask_zero=False, **options):
    """An EmbeddingRNN, its model, and a model of two layers."""
    tokens = keras.Input((TIME,), dtype="int32")
    layer = EmbeddingRNN(*parts(name, mask_zero, **options))
    embedding, recurrent = parts(name, mask_zero, **options)
    models = [
        keras.Model(tokens, layer(tokens)),
        keras.Model(tokens, recurrent(embedding(tokens))),
    ]
    models[0].set_weights(models[1].get_weights())
    return layer, *models


def assert_same(models, tokens):
    (outputs, weights), (others, expected) = (
        trained(model, tokens) for model in models
    )
    for one, other in zip(outputs + weights, others + expected, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-6)


@types_and_options
def test_outputs_and_training_equal_those_of_the_two_layers(
    name, options, tokens
):
    layer, *models = both(name, **options)

    assert layer.projects_embeddings
    assert_same(models, tokens)


@every_type
def test_uses_the_mask_of_the_embedding(name, tokens):
    tokens[0, 2:] = 0
    layer, *models = both(name, mask_zero=True)

    assert_same(models, tokens)
    shorter = layer(tokens[:1, :2])
    np.testing.assert_allclose(layer(tokens[:1]), shorter, atol=1e-6)


def test_passes_the_mask_on(tokens):
    layer, _, _ = both("gru", mask_zero=True, return_sequences=True)
    tokens[0, 2:] = 0

    mask = layer.compute_mask(ops.convert_to_tensor(tokens))

    np.testing.assert_array_equal(mask, tokens != 0)


def test_uses_the_initial_state(tokens):
    layer = EmbeddingRNN(*parts("lstm", return_state=True))

    _, *states = layer(tokens)
    again, *_ = layer(tokens, initial_state=states)
    expected, *_ = layer.recurrent(
        layer.embedding(tokens), initial_state=states
    )

    np.testing.assert_allclose(again, expected, atol=1e-6)


def test_stateful_layers_keep_their_state(tokens):
    layer = EmbeddingRNN(*parts("gru", stateful=True))
    whole = EmbeddingRNN(*parts("gru"))
    layer(tokens), whole(tokens)
    layer.set_weights(whole.get_weights()[:1] + layer.get_weights()[1:])
    layer.recurrent.cell.set_weights(whole.recurrent.cell.get_weights())
    layer.recurrent.reset_states()

    layer(tokens[:, :2])

    np.testing.assert_allclose(layer(tokens[:, 2:]), whole(tokens), atol=1e-6)


@pytest.mark.parametrize(
    "recurrent",
    [
        lambda: keras.layers.LSTM(UNITS),
        lambda: LSTM(UNITS, dropout=0.1),
        lambda: LSTM(UNITS, activation="elu"),
    ],
    ids=["layer of Keras", "dropout of the inputs", "no known derivative"],
)
def test_embeds_tokens_first_if_the_embedding_cannot_be_projected(
    recurrent, tokens
):
    layer = EmbeddingRNN(parts("rnn")[0], recurrent())

    found = layer(tokens)

    assert not layer.projects_embeddings
    np.testing.assert_allclose(
        found, layer.recurrent(layer.embedding(tokens)), atol=1e-6
    )


def test_embeds_a_large_vocabulary_first():
    embedding = keras.layers.Embedding(1025, SIZE)

    assert not EmbeddingRNN(embedding, LSTM(UNITS)).projects_embeddings


def test_the_recurrent_layer_still_takes_vectors_afterwards(tokens):
    layer = EmbeddingRNN(*parts("lstm"))
    expected = layer(tokens)

    found = layer.recurrent(layer.embedding(tokens))

    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_an_error_in_a_call_restores_the_recurrent_layer(tokens):
    layer = EmbeddingRNN(*parts("gru"))
    layer(tokens)
    wrong = [np.zeros((BATCH, UNITS + 1), "float32")]

    with pytest.raises(ValueError, match=r"\(batch, 4\)\. Received: 1, of"):
        layer(tokens, initial_state=wrong)

    assert layer.recurrent.token_projections is None


@pytest.mark.parametrize("token", [-1, VOCABULARY])
def test_token_ids_out_of_range_are_refused_in_eager_mode(token, tokens):
    layer = EmbeddingRNN(*parts("gru"))
    tokens[1, 2] = token
    with pytest.raises(ValueError, match=r"from 0 to 5, .*Received: ids from"):
        layer(tokens)


def test_wrong_arguments_are_refused(tokens):
    layer = EmbeddingRNN(*parts("lstm"))
    with pytest.raises(ValueError, match="must have 2 tensors"):
        layer(keras.Input((TIME,)), initial_state=[keras.Input((UNITS,))])
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with pytest.raises(ValueError, match="ragged tensor"):
            layer(tf.RaggedTensor.from_tensor(tokens))
