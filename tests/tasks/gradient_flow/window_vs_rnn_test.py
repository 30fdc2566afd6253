"""Windows and recurrent networks on a text that requires a known window."""

import numpy as np
import pytest

from dlunits.tasks.gradient_flow.window_vs_rnn import (
    next_token_model,
    train_next_token_model,
)
from dlunits.training import RunDirectory

NUM_TOKENS = 5


@pytest.mark.parametrize("window", [1, 3])
def test_a_window_model_depends_on_the_tokens_of_its_window(window):
    model = next_token_model(NUM_TOKENS, window=window)
    text = np.ones((1, 8), "int32")
    before = model.predict(text, verbose=0)[0]
    text[0, 2] = 3
    changed = np.abs(model.predict(text, verbose=0)[0] - before).max(axis=1)
    affected = np.flatnonzero(changed > 1e-7)
    assert affected.tolist() == list(range(2, 2 + window))


def test_a_recurrent_model_depends_on_all_preceding_tokens():
    model = next_token_model(NUM_TOKENS, cell="gru")
    text = np.ones((1, 8), "int32")
    before = model.predict(text, verbose=0)[0]
    text[0, 2] = 3
    changed = np.abs(model.predict(text, verbose=0)[0] - before).max(axis=1)
    assert (changed[:2] == 0).all()
    assert (changed[2:] > 0).all()


def test_a_text_of_period_3_requires_a_window_of_2(tmp_path):
    # In a b b a b b ... the token after b is a or b; two tokens determine it.
    text = np.tile(np.array([1, 2, 2], "uint8"), 2000)
    nats = {
        window: train_next_token_model(
            next_token_model(3, window=window, units=8),
            text,
            text,
            RunDirectory(tmp_path / str(window), {}),
            epochs=1,
            steps_per_epoch=300,
        )
        for window in (1, 2)
    }
    # After each b, two of three tokens, a and b are equally likely: 2/3 ln 2.
    assert nats[1] == pytest.approx(2 / 3 * np.log(2), abs=0.03)
    assert nats[2] < 0.1


@pytest.mark.parametrize("options", [{}, {"window": 2, "cell": "gru"}])
def test_neither_or_both_options_are_refused(options):
    with pytest.raises(ValueError, match="Exactly one of `window` and"):
        next_token_model(NUM_TOKENS, **options)
