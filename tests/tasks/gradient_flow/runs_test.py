"""Runs that show the gradient: powers of a scale, and a row a training."""

import numpy as np

from dlunits.tasks.gradient_flow.runs import clipped_and_not, scaled_networks


def test_norms_of_linear_networks_are_powers_of_the_scale():
    norms = scaled_networks(length=6, units=4, seed=0)
    lags = np.arange(5, -1, -1)
    for scale in (0.8, 1.0, 1.2):
        linear = norms[f"linear, times {scale}"]
        np.testing.assert_allclose(linear / linear[-1], scale**lags, rtol=1e-4)
        tanh = norms[f"tanh, times {scale}"]  # its slope is at most 1
        assert (tanh[:-1] < linear[:-1]).all()


def test_every_cell_is_trained_at_every_lag_with_clipping_and_without(
    tmp_path,
):
    found = list(
        clipped_and_not(
            tmp_path,
            {},
            lags=[3],
            clipnorm=0.5,
            units=2,
            seed=0,
            epochs=1,
            steps_per_epoch=2,
            batch_size=4,
        )
    )
    rows = [row for row, _, _ in found]
    assert [(r["cell"], r["lag"], r["clipped_at"]) for r in rows] == [
        (cell, 3, bound)
        for cell in ("rnn", "lstm", "gru")
        for bound in (0.5, None)
    ]
    for row, before, after in found:
        assert before[row["cell"]].shape == after[row["cell"]].shape == (3,)
        norms = after[row["cell"]]
        assert row["first_by_last"] == norms[0] / norms[-1]
        assert row["largest"] >= row["gradient_norm"] > 0
    # Clipping or not, a training starts from the same weights.
    assert (found[0][1]["rnn"] == found[1][1]["rnn"]).all()
    assert (tmp_path / "gru_lag_3_unclipped/history.csv").exists()
