"""Names in figures: any script, any length."""

import pytest
from matplotlib.figure import Figure

from dlunits.reporting.figure_text import (
    number_undrawable_names,
    shorten_names,
)


def test_shortened_names_fit_and_differ():
    names = [f"{'a' * 30} of {'b' * 30}", f"{'a' * 31} of {'b' * 31}", "c\nd"]
    short = shorten_names(names, 10)
    assert short == ["aaaaaa…(1)", "aaaaaa…(2)", "c d"]
    assert shorten_names(["x" * 10, "x" * 10], 10) == ["x" * 10] * 2


@pytest.mark.parametrize(
    ("name", "replaced"),
    [
        ("dog, Hund, собака, σκύλος, 1 % → 2", None),
        ("犬", "犬"),
        ("कुत्ता", "कुत्ता"),
        ("كلب", "كلب"),  # in the font, and written from right to left
        ("a\x01b", "a\x01b"),
        ("\udc80.png", "\udc80.png"),  # a file name that is not UTF-8
        ("東京 タワー", "東京 タワー"),
    ],
)
def test_a_name_is_drawn_or_numbered(name, replaced):
    figure = Figure()
    axes = figure.subplots()
    axes.set_yticks([0, 1], [name, "plain"])
    title = axes.set_title(f"{name}\n→ plain")
    numbered = number_undrawable_names(figure)
    assert numbered == ({"[1]": replaced} if replaced else {})
    shown = "[1]" if replaced else name
    assert title.get_text() == f"{shown}\n→ plain"
    assert [t.get_text() for t in axes.get_yticklabels()] == [shown, "plain"]
    figure.draw_without_rendering()  # a missing glyph would be a warning
