"""Page of a recorded computation: offline, escaped, keyboard controls."""

import json
import re

import numpy as np
import pytest

from dlunits.tasks.lab.recorded_run.page import (
    Chart,
    Matrix,
    Step,
    chart_svg,
    write_page,
)


def read_steps(path):
    """Steps of a page, from its JSON, with the values that are shown."""
    page = path.read_text(encoding="utf-8")
    [text] = re.findall(
        r'<script type="application/json" id="data">(.*?)</script>', page, re.S
    )
    data = json.loads(text)
    for step in data["steps"]:
        for matrix in step["matrices"]:
            values = data["arrays"][matrix["array"]]
            computed = matrix.get("computed", np.inf)
            matrix["values"] = [
                [
                    value if i * len(row) + j < computed else None
                    for j, value in enumerate(row)
                ]
                for i, row in enumerate(values)
            ]
    return data["steps"]


@pytest.fixture
def page(tmp_path):
    steps = [
        Step(
            "First </script><script>alert(1)</script>",
            "y = a & b",
            "1 < 2",
            [
                Matrix("<b>a</b>", [[1.5, -2.0], [np.nan, np.inf]], ["r", "s"]),
                Matrix("v", [1 / 3], window=(0, 0, 1, 1)),
            ],
            time=1,
        )
    ] * 3
    chart = Chart("Time <x>", {"<loss>": [1.0, 0.5]}, ["<a>", "b"])
    return write_page(
        tmp_path / "page.html",
        title="Title <i>",
        text="One <b>.\n\nTwo.",
        steps=steps,
        chart=chart,
    )


def test_the_page_makes_no_request(page):
    text = page.read_text(encoding="utf-8").lower()
    for part in ("http:", "https:", "//", "@import", "url(", "fetch(", "src="):
        assert part not in text, part
    assert "default-src 'none'" in text
    # The only link is the empty icon; without it browsers would request one.
    assert re.findall(r"href=\"(.*?)\"", text) == ["data:,"]


def test_the_script_of_the_page_is_the_one_that_is_allowed(page):
    import base64
    import hashlib

    text = page.read_text(encoding="utf-8")
    [allowed] = re.findall(r"script-src 'sha256-(.*?)'", text)
    [script] = re.findall(r"<script>(.*?)</script>", text, re.S)
    digest = hashlib.sha256(script.encode()).digest()
    assert base64.b64encode(digest).decode() == allowed


def test_texts_are_escaped(page):
    text = page.read_text(encoding="utf-8")
    assert "alert(1)</script>" not in text
    assert "<title>Title &lt;i&gt;</title>" in text
    assert "One &lt;b&gt;." in text
    assert "<loss>" not in text and "&lt;loss&gt;" in text
    assert ">&lt;a&gt;</text>" in text
    [step, _, _] = read_steps(page)
    assert step["title"] == "First </script><script>alert(1)</script>"
    assert step["element"] == "1 < 2"


def test_matrices_keep_their_numbers_and_gaps(page):
    [first, second] = read_steps(page)[0]["matrices"]
    assert first["values"] == [[1.5, -2.0], [None, "inf"]]
    assert first["rows"] == ["r", "s"] and "window" not in first
    assert second["values"] == [[pytest.approx(1 / 3, rel=1e-6)]]
    assert second["window"] == [0, 0, 1, 1]


def test_values_of_several_steps_are_in_the_page_once(page):
    text = page.read_text(encoding="utf-8")
    assert text.count("[[1.5,-2.0],[null,") == 1


def test_cells_that_are_not_computed_are_empty(tmp_path):
    steps = [
        Step("", "", "", [Matrix("y", [[1, 2], [3, 4]], computed=number)])
        for number in (1, 3)
    ]
    path = write_page(tmp_path / "a.html", title="", text="", steps=steps)
    shown = [step["matrices"][0]["values"] for step in read_steps(path)]
    assert shown == [[[1, None], [None, None]], [[1, 2], [3, None]]]


def test_the_slider_covers_all_steps_and_has_a_name(page):
    text = page.read_text(encoding="utf-8")
    [slider] = re.findall(r"<input .*?>", text)
    assert 'type="range"' in slider and 'max="2"' in slider
    assert 'aria-label="Step"' in slider
    assert len(re.findall(r"<button type=\"button\"", text)) == 2


def test_the_chart_scales_finite_values_to_its_frame():
    svg = chart_svg(Chart("t", {"a": [0.0, float("nan"), 2.0]}))
    [points] = re.findall(r'points="(.*?)"', svg)
    # Zero at the bottom, 200 - 56, and 2 at the top, 56; NaN is left out.
    assert points == "56.0,144.0 664.0,56.0"
