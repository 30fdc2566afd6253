"""Forecaster: properties of its equation, and training."""

import keras
import numpy as np
import pytest

from dlunits.diagnostics.naive_forecasts import (
    naive_forecast,
    seasonal_naive_forecast,
)
from dlunits.models import Forecaster


def windows(seed=0, size=(5, 8, 3)):
    return np.random.default_rng(seed).normal(size=size).astype("float32")


def forecast_of(model, x):
    return keras.ops.convert_to_numpy(model(x))


NETWORKS = [
    {"method": "linear"},
    {"method": "linear", "channel_mixing": True, "targets": [2, 0]},
    {"method": "gru", "units": 4, "segment_length": 4},
    {
        "method": "lstm",
        "units": 4,
        "segment_length": 3,
        "channel_mixing": True,
    },
]


@pytest.mark.parametrize("options", NETWORKS)
@pytest.mark.parametrize("normalization", ["last", "mean"])
def test_forecast_shifts_and_scales_with_the_series(options, normalization):
    """If x becomes a x + b, z is unchanged and forecast f becomes a f + b."""
    keras.utils.set_random_seed(0)
    model = Forecaster(8, 4, 3, normalization=normalization, **options)
    model.set_weights(
        [w + 0.1 if w.ndim == 2 else w for w in model.get_weights()]
    )
    x, a, b = windows(), np.array([2.0, 0.5, 3.0]), np.array([9.0, -40.0, 0.0])
    model.instance_normalization.channel_stddev.assign(np.ones(3))
    before = forecast_of(model, x)
    model.instance_normalization.channel_stddev.assign(a)
    after = forecast_of(model, (a * x + b).astype("float32"))
    targets = options.get("targets", [0, 1, 2])
    np.testing.assert_allclose(
        after, a[targets] * before + b[targets], rtol=1e-3, atol=1e-3
    )


def test_linear_forecast_is_the_product_of_the_equation():
    model = Forecaster(8, 4, 3, normalization="last", scale=False)
    kernel, bias = windows(1, (8, 4)), windows(2, (4,))
    model.get_layer("linear").set_weights([kernel, bias])
    x = windows()
    z = x - x[:, -1:]
    expected = np.einsum("bwc,wh->bhc", z, kernel) + bias[:, None] + x[:, -1:]
    np.testing.assert_allclose(
        forecast_of(model, x), expected, rtol=1e-4, atol=1e-5
    )


def test_before_training_the_linear_network_forecasts_the_mean():
    x = windows()
    expected = np.repeat(x.mean(axis=1, keepdims=True), 4, axis=1)
    model = Forecaster(8, 4, 3, normalization="mean")
    np.testing.assert_allclose(forecast_of(model, x), expected, rtol=1e-6)


def test_many_to_one_reads_all_channels():
    model = Forecaster(
        8, 2, 3, targets=[1], channel_mixing=True, method="gru", units=4
    )
    x = windows()
    other = x.copy()
    other[:, 3, 0] += 5.0
    assert forecast_of(model, x).shape == (5, 2, 1)
    assert not np.allclose(forecast_of(model, x), forecast_of(model, other))


def test_loss_is_in_units_of_the_standard_deviations():
    """Errors 2 and 30, deviations 2 and 10: (1 + 9) / 2."""
    model = Forecaster(4, 1, 2)
    model.compile("sgd", "mse")
    model.adapt([[0.0, 0.0], [4.0, 20.0]])
    x = np.tile([[3.0, 7.0]], (1, 4, 1)).astype("float32")
    loss = model.evaluate(x, x[:, :1] + [2.0, 30.0], verbose=0)
    assert loss == pytest.approx(5.0, rel=1e-5)


def test_learns_a_lag_and_saves_its_intervals(tmp_path):
    """x_t = x_{t-3} is known from the window. A loaded model has the
    intervals of the saved one.
    """
    keras.utils.set_random_seed(0)
    cycles = windows(3, (200, 3, 1))
    x = np.concatenate([cycles, cycles], axis=1)
    model = Forecaster(6, 3, 1, coverage=0.8)
    model.compile(keras.optimizers.Adam(0.03), "mse")
    model.fit(x, cycles, epochs=12, batch_size=50, verbose=0)
    model.calibrate(x[:20], cycles[:20])
    forecast = forecast_of(model, x)
    assert np.mean((forecast - cycles) ** 2) < 0.05 * cycles.var()
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    low, high = np.moveaxis(
        keras.ops.convert_to_numpy(again.prediction_intervals(forecast)), -1, 0
    )
    np.testing.assert_allclose(
        high - forecast,
        np.broadcast_to(again.interval.half_width, low.shape),
        atol=1e-5,
    )
    # k = ceil(21 * 0.8) = 17 of the 20 errors, at each step.
    errors = np.sort(np.abs(forecast - cycles)[:20], axis=0)
    np.testing.assert_allclose(again.interval.half_width, errors[16], atol=1e-5)


def linear_data(mixing):
    """Random windows, and futures that are a product with them."""
    x, kernel = windows(4, (80, 6, 2)), windows(5, (6, 2, 3, 2))
    if not mixing:
        kernel = kernel[:, :1, :, :1] * np.eye(2)[:, None]
    y = np.einsum("bwc,wcht->bht", x - x[:, -1:], kernel) + x[:, -1:]
    return x, y.astype("float32")


@pytest.mark.parametrize("mixing", [False, True])
def test_the_closed_form_finds_a_linear_forecast(mixing):
    """Without noise the smallest penalty is the best, and the error is 0."""
    x, y = linear_data(mixing)
    model = Forecaster(6, 3, 2, channel_mixing=mixing, scale=False)
    model.adapt(x.reshape(-1, 2))
    fits = model.fit_linear([(x[:60], y[:60])], [(x[60:], y[60:])], [1e-9, 1.0])
    assert [fit["penalty"] for fit in fits] == [1e-9] * (1 + mixing)
    assert all(fit["validation_mse"] < 1e-6 for fit in fits)
    np.testing.assert_allclose(forecast_of(model, x), y, rtol=1e-3, atol=1e-3)


def test_the_closed_form_has_the_least_penalized_loss():
    """At the closed-form solution, the gradient of the loss of `fit` plus the
    penalty is 0. The validation error is that of the forecast.
    """
    x, y = linear_data(mixing=True)
    model = Forecaster(6, 3, 2)
    model.adapt(x.reshape(-1, 2))
    [fit] = model.fit_linear([(x, y)], [(x[:9], y[:9])], [0.1])
    kernel, bias = model.get_layer("linear").get_weights()
    z, center, stddev = (
        keras.ops.convert_to_numpy(part)
        for part in model.instance_normalization(x)
    )
    unit = np.std(x.reshape(-1, 2), axis=0)
    a = np.swapaxes(z, 1, 2) * (stddev / unit)[:, 0, :, None]
    a = np.concatenate([a, (stddev / unit)[:, 0, :, None]], axis=2)
    a = a.reshape(-1, 7)
    b = np.swapaxes((y - center) / unit, 1, 2).reshape(-1, 3)
    weights = np.r_[kernel, bias[None]]
    gradient = a.T @ (a @ weights - b) + 0.1 * np.sum(a**2) / 7 * weights
    np.testing.assert_allclose(gradient, 0, atol=1e-3 * np.abs(a.T @ b).max())
    errors = (forecast_of(model, x[:9]) - y[:9]) / unit
    assert fit["validation_mse"] == pytest.approx(np.mean(errors**2), rel=1e-3)


def test_only_linear_weights_have_a_closed_form():
    with pytest.raises(ValueError, match="needs the method 'linear'"):
        Forecaster(6, 3, 2, method="theta").fit_linear([], [])


def test_the_naive_forecasts_are_those_of_numpy():
    x = windows()
    model = Forecaster(8, 5, 3, targets=[2], method="naive", season=3)
    expected = naive_forecast(x[:, :, 2:], 5)
    np.testing.assert_array_equal(forecast_of(model, x), expected)
    model = Forecaster(8, 5, 3, method="seasonal_naive", season=3)
    expected = seasonal_naive_forecast(x, 5, 3)
    np.testing.assert_array_equal(forecast_of(model, x), expected)


def test_a_combination_is_the_mean_of_linear_and_theta():
    x = windows() + 10
    options = {"season": 4, "normalization": "mean"}
    model = Forecaster(8, 5, 3, method="combination", **options)
    theta = forecast_of(Forecaster(8, 5, 3, method="theta", season=4), x)
    mean = x.mean(axis=1, keepdims=True)  # the linear forecast before training
    np.testing.assert_allclose(
        forecast_of(model, x), (theta + mean) / 2, rtol=1e-5
    )


def test_no_forecast_and_no_interval_is_below_the_minimum():
    """Forecasts -1 and 2 with intervals of half-width 1.5."""
    model = Forecaster(2, 1, 1, method="naive", minimum=0.0)
    model.interval.half_width.assign([[1.5]])
    forecast = forecast_of(model, np.array([[[5.0], [-1.0]], [[0.0], [2.0]]]))
    assert forecast.ravel().tolist() == [0.0, 2.0]
    interval = keras.ops.convert_to_numpy(model.prediction_intervals(forecast))
    assert interval.reshape(2, 2).tolist() == [[0.0, 1.5], [0.5, 3.5]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"season": 9}, "from 1 to the window, 8"),
        ({"window": 1}, "at least 2"),
        ({"horizon": 0}, "at least"),
        ({"targets": [3]}, "from 0 to 2"),
        ({"targets": [1, 1]}, "different"),
        ({"targets": []}, "different"),
        ({"method": "rnn"}, "one of"),
        ({"coverage": 1.0}, r"in \(0, 1\)"),
    ],
)
def test_rejects_arguments_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        Forecaster(**{"window": 8, "horizon": 4, "num_channels": 3, **options})
