"""Gradient norms of scaled networks, and training with and without clipping."""

import numpy as np

from dlunits.tasks.gradient_flow.runs import compare_clipping, scaled_networks


def test_norms_of_linear_networks_are_powers_of_the_scale():
    norms = scaled_networks(length=6, units=4, seed=0)
    lags = np.arange(5, -1, -1)
    for scale in (0.8, 1.0, 1.2):
        linear = norms[f"linear, scale {scale}"]
        np.testing.assert_allclose(linear / linear[-1], scale**lags, rtol=1e-4)
        tanh = norms[f"tanh, scale {scale}"]  # its derivative is at most 1
        assert (tanh[:-1] < linear[:-1]).all()


def test_every_cell_is_trained_at_every_lag_with_clipping_and_without(
    tmp_path,
):
    results = list(
        compare_clipping(
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
    rows = [row for row, _, _ in results]
    assert [(r["cell"], r["lag"], r["clipnorm"]) for r in rows] == [
        (cell, 3, bound)
        for cell in ("rnn", "lstm", "gru")
        for bound in (0.5, None)
    ]
    for row, before, after in results:
        assert before[row["cell"]].shape == after[row["cell"]].shape == (3,)
        norms = after[row["cell"]]
        assert row["first_to_last_ratio"] == norms[0] / norms[-1]
        assert row["max_gradient_norm"] >= row["gradient_norm"] > 0
    # All training runs of a cell start from the same weights.
    assert (results[0][1]["rnn"] == results[1][1]["rnn"]).all()
    assert (tmp_path / "gru_lag_3_unclipped/history.csv").exists()
