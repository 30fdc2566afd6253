"""Content and labels of the figures of forecasts."""

import numpy as np

from dlunits.tasks.forecasting.figures import (
    error_by_step,
    forecast_ahead,
    forecast_examples,
)


def test_examples_have_a_panel_for_each_channel_and_origin():
    rng = np.random.default_rng(0)
    observed, forecast = rng.normal(size=(2, 3, 4, 6))
    figure = forecast_examples(
        rng.normal(size=(3, 9, 6)),
        observed,
        forecast,
        forecast - 9,
        forecast + 9,
        names=list("abcdef"),
    )
    assert len(figure.axes) == 3 * 4  # four of six channels are plotted
    assert "interval coverage 100 %" in figure.get_label()
    past, truth, prediction = figure.axes[0].lines[:3]
    assert len(past.get_xdata()) == 8  # two horizons
    np.testing.assert_array_equal(truth.get_ydata(), observed[0, :, 0])
    np.testing.assert_array_equal(prediction.get_ydata(), forecast[0, :, 0])


def test_errors_and_coverage_are_plotted_by_step():
    steps = {"mse": np.array([1.0, 2.0]), "coverage": np.array([0.9, 0.8])}
    figure = error_by_step({"naive": steps, "gru": steps}, coverage=0.9)
    errors, coverage = figure.axes
    assert [line.get_label() for line in errors.lines] == ["naive", "gru"]
    np.testing.assert_array_equal(coverage.lines[0].get_ydata(), [90, 80])
    assert "gru from 1 to 2" in figure.get_label()


def test_the_forecast_is_plotted_after_the_last_rows():
    columns = {"t": ["3"], "x": [1.0], "x low": [0.0], "x high": [2.0]}
    figure = forecast_ahead(
        np.array([1.0, 2.0]) * 86_400,
        np.ones((2, 1)),
        [3 * 86_400.0],
        columns,
        ["x"],
        dates=True,
    )
    known, ahead = figure.axes[0].lines
    assert known.get_xdata().max() < ahead.get_xdata().min()
