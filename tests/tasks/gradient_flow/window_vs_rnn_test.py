"""A window and a recurrence on a text that needs a known window."""

import numpy as np
import pytest

from dlunits.tasks.gradient_flow.window_vs_rnn import reader, train_reader
from dlunits.training import RunDirectory

TOKENS = 5


@pytest.mark.parametrize("window", [1, 3])
def test_a_window_sees_so_many_tokens_and_none_that_come(window):
    model = reader(TOKENS, window=window)
    text = np.ones((1, 8), "int32")
    before = model.predict(text, verbose=0)[0]
    text[0, 2] = 3
    changed = np.abs(model.predict(text, verbose=0)[0] - before).max(axis=1)
    seen = np.flatnonzero(changed > 1e-7)
    assert seen.tolist() == list(range(2, 2 + window))


def test_a_recurrence_sees_all_that_was_before():
    model = reader(TOKENS, cell="gru")
    text = np.ones((1, 8), "int32")
    before = model.predict(text, verbose=0)[0]
    text[0, 2] = 3
    changed = np.abs(model.predict(text, verbose=0)[0] - before).max(axis=1)
    assert (changed[:2] == 0).all()
    assert (changed[2:] > 0).all()


def test_a_text_of_period_3_needs_a_window_of_2(tmp_path):
    # Of a b b a b b ... the token after b is a or b, after two tokens certain.
    text = np.tile(np.array([1, 2, 2], "uint8"), 2000)
    nats = {
        window: train_reader(
            reader(3, window=window, units=8),
            text,
            text,
            RunDirectory(tmp_path / str(window), {}),
            epochs=1,
            steps_per_epoch=300,
        )
        for window in (1, 2)
    }
    # After each b, two of three tokens, a coin is tossed: 2/3 ln 2 nats.
    assert nats[1] == pytest.approx(2 / 3 * np.log(2), abs=0.03)
    assert nats[2] < 0.1


@pytest.mark.parametrize("kind", [{}, {"window": 2, "cell": "gru"}])
def test_neither_and_both_are_refused(kind):
    with pytest.raises(ValueError, match="Either `window` or `cell`"):
        reader(TOKENS, **kind)
