"""Figures of forecasts: what is drawn, and what it is called."""

import numpy as np

from dlunits.tasks.forecasting.figures import (
    error_by_step,
    forecast_ahead,
    forecast_examples,
)


def test_examples_have_a_panel_a_channel_and_an_origin():
    rng = np.random.default_rng(0)
    futures, forecast = rng.normal(size=(2, 3, 4, 6))
    figure = forecast_examples(
        rng.normal(size=(3, 9, 6)),
        futures,
        forecast,
        forecast - 9,
        forecast + 9,
        names=list("abcdef"),
    )
    assert len(figure.axes) == 3 * 4  # of six channels four are drawn
    assert "100 % of what came is inside" in figure.get_label()
    past, came, said = figure.axes[0].lines[:3]
    assert len(past.get_xdata()) == 8  # two horizons
    np.testing.assert_array_equal(came.get_ydata(), futures[0, :, 0])
    np.testing.assert_array_equal(said.get_ydata(), forecast[0, :, 0])


def test_errors_are_drawn_from_step_to_step():
    steps = {"mse": np.array([1.0, 2.0]), "coverage": np.array([0.9, 0.8])}
    figure = error_by_step({"naive": steps, "gru": steps}, coverage=0.9)
    errors, inside = figure.axes
    assert [line.get_label() for line in errors.lines] == ["naive", "gru"]
    np.testing.assert_array_equal(inside.lines[0].get_ydata(), [90, 80])
    assert "gru from 1 to 2" in figure.get_label()


def test_what_comes_is_drawn_after_what_is_known():
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
