"""Forecaster: properties of its equation, and training."""

import keras
import numpy as np
import pytest

from dlunits.models import Forecaster


def windows(seed=0, size=(5, 8, 3)):
    return np.random.default_rng(seed).normal(size=size).astype("float32")


def forecast_of(model, x):
    return keras.ops.convert_to_numpy(model(x))


NETWORKS = [
    {"network": "linear"},
    {"network": "linear", "channel_mixing": True, "targets": [2, 0]},
    {"network": "gru", "units": 4, "segment_length": 4},
    {
        "network": "lstm",
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
        8, 2, 3, targets=[1], channel_mixing=True, network="gru", units=4
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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 1}, "at least 2"),
        ({"horizon": 0}, "at least"),
        ({"targets": [3]}, "from 0 to 2"),
        ({"targets": [1, 1]}, "different"),
        ({"targets": []}, "different"),
        ({"network": "rnn"}, "one of"),
        ({"coverage": 1.0}, r"in \(0, 1\)"),
    ],
)
def test_rejects_arguments_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        Forecaster(**{"window": 8, "horizon": 4, "num_channels": 3, **options})
