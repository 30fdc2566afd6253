"""Training and evaluation on a text of known entropy."""

import numpy as np
import pytest
from keras import ops

from dlunits.data.text.corpora import Corpus, Text
from dlunits.models import RecurrentLanguageModel
from dlunits.tasks.text.train import (
    encode_corpus,
    evaluate_text_model,
    train_text_model,
)
from dlunits.training import RunDirectory


def corpus(train, validation):
    texts = (
        Text(text.encode(), 0, len(text.encode()))
        for text in (train, validation)
    )
    return Corpus("letters", "letters", *texts)


def coins(count, seed):
    """Pairs "aa" or "bb": every second letter is determined by the first."""
    rng = np.random.default_rng(seed)
    return "".join(letter * 2 for letter in rng.choice(["a", "b"], count))


def test_the_cross_entropy_reaches_the_entropy_of_the_text(tmp_path):
    """Half a bit per letter, log(2) / 2 nats; the state encodes the phase."""
    data = encode_corpus(
        corpus(coins(3000, 0), coins(500, 1)), tmp_path, "character"
    )
    model, history = train_text_model(
        data,
        RunDirectory(tmp_path / "run", {}),
        cell="gru",
        units=16,
        num_layers=1,
        dropout=0.0,
        num_streams=10,
        bptt_steps=20,
        epochs=6,
        learning_rate=0.03,
        clipnorm=1.0,
        patience=6,
        seed=0,
        verbose=0,
    )
    half_a_bit = np.log(2) / 2
    scores = evaluate_text_model(model, data.validation)
    assert scores["nats"] == pytest.approx(half_a_bit, abs=0.03)
    assert scores["bits_per_character"] == pytest.approx(0.5, abs=0.05)
    assert history["val_nats"][-1] == pytest.approx(scores["nats"], abs=0.02)
    assert history["val_nats"][0] > history["val_nats"][-1]
    # Four preceding letters do not determine the phase.
    assert data.n_gram_nats > scores["nats"] + 0.03


def test_the_evaluation_is_the_mean_over_the_whole_text():
    tokens = np.random.default_rng(0).integers(1, 6, 600)
    model = RecurrentLanguageModel(6, units=5)

    def nats(tokens):
        x = ops.convert_to_tensor(tokens[None, :-1])
        logits = ops.convert_to_numpy(
            model([x, *model.get_initial_state(1)])[0]
        )
        p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
        return -np.log(p[0, np.arange(len(tokens) - 1), tokens[1:]])

    scores = evaluate_text_model(model, tokens)
    assert scores["nats"] == pytest.approx(nats(tokens).mean(), rel=1e-5)
    # 600 tokens hold two windows of 256 with a next token.
    windows = np.concatenate([nats(tokens[:257]), nats(tokens[256:513])])
    assert scores["window_nats"] == pytest.approx(windows.mean(), rel=1e-5)


def test_unknown_validation_tokens_are_dropped_and_counted(tmp_path):
    data = encode_corpus(corpus("abcabc", "a?b!c"), tmp_path, "character")
    assert data.validation.tolist() == [1, 2, 3]
    assert data.num_unknown == 2
    with pytest.raises(ValueError, match="no token in common"):
        encode_corpus(corpus("abc", "xyz"), tmp_path, "character")


def test_the_fingerprint_changes_with_the_text(tmp_path):
    texts = [("abcabc", "abc"), ("abcabd", "abc"), ("abcabc", "abb")]
    prints = {
        encode_corpus(corpus(*text), tmp_path, "character").fingerprint
        for text in texts
    }
    assert len(prints) == 3
