"""Sliders in reports: points, escaping, the policy of the page."""

import base64
import hashlib
import json
import re

import numpy as np
import pytest
from matplotlib.figure import Figure

from dlunits.reporting.html_report import Section, write_report
from dlunits.reporting.step_slider import step_slider


def background():
    """Axes from 0 to 10 that fill a figure of 200 x 100 CSS pixels."""
    figure = Figure(figsize=(200 / 96, 100 / 96))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 10), ylim=(0, 10))
    return figure, axes


def paths_of(slider):
    text = re.search(r'<script type="application/json">(.*?)</script>', slider)
    return json.loads(text[1])


def test_points_are_pixels_from_the_upper_left_corner():
    slider = step_slider(
        *background(), {"sgd": [[0, 0], [5, 10]]}, {"sgd": [3.0, 1.25]}
    )
    [path] = paths_of(slider.html)
    assert path["points"] == [[0, 100], [100, 0]]
    assert path["values"] == ["3", "1.25"]
    # Without JavaScript the whole path is shown.
    assert 'points="0.0,100.0 100.0,0.0"' in slider.html
    assert 'max="1" value="1"' in slider.html


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_path_ends_where_it_is_not_finite(bad):
    points = [[0, 0], [1, 1e30], [bad, 1], [2, 2]]
    slider = step_slider(*background(), {"sgd": points}, {"sgd": [1.0] * 4})
    [path] = paths_of(slider.html)
    assert len(path["points"]) == 2
    assert np.isfinite(path["points"]).all()


@pytest.fixture
def write(tmp_path):
    def write(*figures):
        path = write_report(
            tmp_path / "report.html",
            title="A run",
            summary={},
            sections=[Section("Paths", figures=figures)],
            command="",
            dataset="",
        )
        return path.read_text(encoding="utf-8")

    return write


def test_the_page_runs_its_own_script_and_no_other(write):
    name = "</script><script>alert(1)</script>"
    slider = step_slider(*background(), {name: [[0, 0]]}, {name: [1.0]})
    page = write((slider, "Caption."))
    scripts = re.findall(r"<script>(.*?)</script>", page, re.S)
    assert len(scripts) == 1
    digest = hashlib.sha256(scripts[0].encode()).digest()
    policy = re.search(r'Content-Security-Policy" content="(.*?)"', page)[1]
    expected = f"script-src 'sha256-{base64.b64encode(digest).decode()}'"
    assert policy.endswith(expected)
    assert "alert(1)" in page  # escaped


def test_a_page_without_a_slider_has_no_script(write):
    page = write((background()[0], "Caption."))
    assert "<script" not in page
    assert "script-src" not in page
