"""Docstrings and their equations as the documentation site shows them."""

import pathlib
import sys

import pytest

FOLDER = pathlib.Path(__file__).parents[2] / "docs/_extensions"


@pytest.fixture
def extensions(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    import docstring_markup
    import equations

    yield docstring_markup, equations
    for name in ("docstring_markup", "equations"):
        del sys.modules[name]


@pytest.mark.parametrize(
    ("equation", "html"),
    [
        (
            "h_{t-1} * W_xh",
            "<i>h</i><sub><i>t</i>-1</sub> &middot; <i>W</i><sub>xh</sub>",
        ),
        # A name with an underscore is one word.
        ("exp(log_variance / 2)", "exp(log_variance / 2)"),
        ("sigma <= pi", "&sigma; &le; &pi;"),
        ("sum_j C^1/2", "&sum;<sub><i>j</i></sub> <i>C</i><sup>1/2</sup>"),
        ("a < b & c", "<i>a</i> &lt; <i>b</i> &amp; <i>c</i>"),
    ],
)
def test_an_equation_is_typeset(extensions, equation, html):
    assert extensions[1].typeset(equation) == html


def test_columns_of_equations_stay_aligned(extensions):
    table = extensions[1].equation_table(
        ["y  = 1     in training", "xy = 2", "   + 3"]
    )
    assert table == (
        '<table class="equation">'
        '<tr><td colspan="1"><i>y</i></td><td colspan="1">= 1</td>'
        '<td colspan="1">in training</td></tr>'
        '<tr><td colspan="3">xy = 2</td></tr>'
        '<tr><td></td><td colspan="2">+ 3</td></tr>'
        "</table>"
    )


def test_a_docstring_becomes_restructured_text(extensions):
    docstring = """Sum of `x`s.

    y = x_1 + x_2

Input shape: `(batch,
    features)`.

Args:
    *args: Arguments of `dlunits.layers.LSTM`, |x| and h_.

Example:

>>> print("`a`")
`a`
"""
    lines = extensions[0].convert(docstring.splitlines())
    text = "\n".join(lines)
    assert text.startswith("Sum of ``x``\\ s.\n\n.. raw:: html\n\n   <table")
    assert "\n**Input shape:** ``(batch,\nfeatures)``.\n" in text
    assert (
        "    \\*args: Arguments of :py:obj:`dlunits.layers.LSTM`, "
        "\\|x\\| and h\\_."
    ) in text
    assert text.endswith('>>> print("`a`")\n`a`')
