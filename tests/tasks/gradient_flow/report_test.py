"""Content of the figures, table and report of gradient norms."""

import base64
import re

import keras
import numpy as np
import pytest

from dlunits.diagnostics.unfolded_graph import unfolded_graph
from dlunits.tasks.gradient_flow.report import (
    norms_by_lag,
    norms_table,
    write_gradient_report,
)

NORMS = {"rnn": np.array([0.0, 0.01, 0.1]), "lstm": np.array([0.2, 0.3, 0.4])}


def test_the_last_time_step_has_lag_0():
    figure = norms_by_lag(NORMS)
    [axes] = figure.axes
    rnn, lstm = axes.lines
    np.testing.assert_allclose(
        lstm.get_xydata(), [[0, 0.4], [1, 0.3], [2, 0.2]]
    )
    np.testing.assert_allclose(rnn.get_ydata(), [0.1, 0.01, np.nan])
    assert axes.get_yscale() == "log"
    assert "rnn: 0.1 at lag 0, 0 at lag 2" in figure.get_label()
    with pytest.raises(ValueError, match="at least one layer"):
        norms_by_lag({})


def test_the_table_has_the_lags_of_all_layers():
    header, rows = norms_table({**NORMS, "gru": np.ones(9)}, lags=(0, 2, 3))
    assert header == ["Layer", "Lag 0", "Lag 2"]
    assert rows[:2] == [["rnn", 0.1, 0.0], ["lstm", 0.4, 0.2]]


def test_the_report_has_tables_figures_and_the_unfolded_graph(tmp_path):
    graph = unfolded_graph(keras.layers.GRU(2), num_steps=3)
    runs = [
        {"cell": "rnn", "lag": 10, "clipnorm": 1.0, "rmse": 0.4},
        {"cell": "gru", "lag": 100, "clipnorm": None, "rmse": 0.0123},
    ]
    path = write_gradient_report(
        tmp_path / "report.html",
        scaled=NORMS,
        untrained=NORMS,
        trained=NORMS,
        runs=runs,
        text_models=[{"model": "window of 4", "nats_per_character": 2.5}],
        graph=graph,
        command="python app.py",
        dataset="a text",
        seconds=1.0,
    )
    page = path.read_text()
    assert "0.012 (gru)" in page
    assert "Nats per character" in page
    assert "lstm, untrained" in page
    assert "lstm, trained" in page
    assert base64.b64encode(graph.svg.encode()).decode() in page
    assert 'alt="Recurrence unfolded over 3 time step(s)."' in page
    assert len(re.findall("<img", page)) == 4
