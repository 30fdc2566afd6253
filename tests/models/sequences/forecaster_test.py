"""The forecaster: what follows from its equation, and what it learns."""

import keras
import numpy as np
import pytest

from dlunits.models import Forecaster


def windows(seed=0, size=(5, 8, 3)):
    return np.random.default_rng(seed).normal(size=size).astype("float32")


def said(model, x):
    return keras.ops.convert_to_numpy(model(x))


KINDS = [
    {"kind": "linear"},
    {"kind": "linear", "together": True, "targets": [2, 0]},
    {"kind": "gru", "units": 4, "segment": 4},
    {"kind": "lstm", "units": 4, "segment": 3, "together": True},
]


@pytest.mark.parametrize("options", KINDS)
@pytest.mark.parametrize("level", ["last", "mean"])
def test_forecast_moves_and_grows_with_the_series(options, level):
    """Where x becomes a x + b, z stays, and the forecast goes along."""
    keras.utils.set_random_seed(0)
    model = Forecaster(8, 4, 3, level=level, **options)
    model.set_weights(
        [w + 0.1 if w.ndim == 2 else w for w in model.get_weights()]
    )
    x, a, b = windows(), np.array([2.0, 0.5, 3.0]), np.array([9.0, -40.0, 0.0])
    model.normalization.scale.assign(np.ones(3))
    before = said(model, x)
    model.normalization.scale.assign(a)
    after = said(model, (a * x + b).astype("float32"))
    targets = options.get("targets", [0, 1, 2])
    np.testing.assert_allclose(
        after, a[targets] * before + b[targets], rtol=1e-3, atol=1e-3
    )


def test_linear_forecast_is_the_product_of_the_equation():
    model = Forecaster(8, 4, 3, level="last", divide=False)
    kernel, bias = windows(1, (8, 4)), windows(2, (4,))
    model.get_layer("linear").set_weights([kernel, bias])
    x = windows()
    z = x - x[:, -1:]
    expected = np.einsum("bwc,wh->bhc", z, kernel) + bias[:, None] + x[:, -1:]
    np.testing.assert_allclose(said(model, x), expected, rtol=1e-4, atol=1e-5)


def test_before_training_the_linear_kind_says_the_level():
    x = windows()
    expected = np.repeat(x.mean(axis=1, keepdims=True), 4, axis=1)
    model = Forecaster(8, 4, 3, level="mean")
    np.testing.assert_allclose(said(model, x), expected, rtol=1e-6)


def test_many_to_one_reads_all_channels():
    model = Forecaster(8, 2, 3, targets=[1], together=True, kind="gru", units=4)
    x = windows()
    other = x.copy()
    other[:, 3, 0] += 5.0
    assert said(model, x).shape == (5, 2, 1)
    assert not np.allclose(said(model, x), said(model, other))


def test_loss_counts_channels_in_their_spreads():
    """Off by 2 where the spread is 2 and by 30 where it is 10: (1 + 9) / 2."""
    model = Forecaster(4, 1, 2)
    model.compile("sgd", "mse")
    model.adapt([[0.0, 0.0], [4.0, 20.0]])
    x = np.tile([[3.0, 7.0]], (1, 4, 1)).astype("float32")
    loss = model.evaluate(x, x[:, :1] + [2.0, 30.0], verbose=0)
    assert loss == pytest.approx(5.0, rel=1e-5)


def test_learns_a_lag_and_keeps_its_intervals(tmp_path):
    """x_t = x_{t-3}: known to the last digit from the window. The intervals
    of a file are those of the model.
    """
    keras.utils.set_random_seed(0)
    cycles = windows(3, (200, 3, 1))
    x = np.concatenate([cycles, cycles], axis=1)
    model = Forecaster(6, 3, 1, coverage=0.8)
    model.compile(keras.optimizers.Adam(0.03), "mse")
    model.fit(x, cycles, epochs=12, batch_size=50, verbose=0)
    model.calibrate(x[:20], cycles[:20])
    forecast = said(model, x)
    assert np.mean((forecast - cycles) ** 2) < 0.05 * cycles.var()
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    low, high = np.moveaxis(
        keras.ops.convert_to_numpy(again.intervals(forecast)), -1, 0
    )
    np.testing.assert_allclose(
        high - forecast,
        np.broadcast_to(again.interval.half_width, low.shape),
        atol=1e-5,
    )
    # k = ceil(21 * 0.8) = 17 of the 20 errors, at each step.
    errors = np.sort(np.abs(forecast - cycles)[:20], axis=0)
    np.testing.assert_allclose(again.interval.half_width, errors[16], atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 1}, "at least 2"),
        ({"horizon": 0}, "at least"),
        ({"targets": [3]}, "from 0 to 2"),
        ({"targets": [1, 1]}, "different"),
        ({"targets": []}, "different"),
        ({"kind": "rnn"}, "one of"),
        ({"coverage": 1.0}, r"in \(0, 1\)"),
    ],
)
def test_arguments_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Forecaster(**{"window": 8, "horizon": 4, "channels": 3, **options})
