"""Text in figures: user-defined names, in any script and of any length."""

import functools
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter

# Bidirectional classes of right-to-left scripts, which Matplotlib before 3.11
# does not support.
RIGHT_TO_LEFT = ("R", "AL")


def shorten_names(names: Sequence[str], max_length: int) -> list[str]:
    """Shortens long names to their first and last characters.

    Args:
        names: Names, such as those of classes or columns.
        max_length: Maximum number of characters, at least 7. Different names
            that would become equal end in a number.

    Returns:
        List of names without line breaks, one for each of `names`.

    Example:

    >>> shorten_names(["cat", "Norwegian forest cat"], 9)
    ['cat', 'Norw… cat']
    >>> shorten_names(["a" * 20, "a" * 21], 9)
    ['aaaaa…(1)', 'aaaaa…(2)']
    """
    half = (max_length - 1) // 2
    single = [" ".join(name.split()) for name in names]
    short = [
        name
        if len(name) <= max_length
        else f"{name[: max_length - 1 - half]}…{name[-half:]}"
        for name in single
    ]
    return [
        f"{whole[: max_length - 4]}…({short[: index + 1].count(name)})"
        if short.count(name) > 1 and name != whole
        else name
        for index, (name, whole) in enumerate(zip(short, single, strict=True))
    ]


def number_undrawable_names(figure: Any) -> dict[str, str]:
    """Replaces words that Matplotlib's font cannot draw with numbers.

    For example, the font has no Chinese, Japanese, Korean or Indian characters:
    boxes would be drawn, with a warning for each. Hebrew and Arabic words are
    replaced too, as their order would be wrong.

    Args:
        figure: A `matplotlib.figure.Figure`. Its texts, and the tick labels
            that are names, are changed.

    Returns:
        Dict from number, such as `"[1]"`, to the words that it replaces.

    Example:

    >>> from matplotlib.figure import Figure
    >>> figure = Figure()
    >>> title = figure.subplots().set_title("猫 → dog")
    >>> number_undrawable_names(figure), title.get_text()
    ({'[1]': '猫'}, '[1] → dog')
    """
    numbers: dict[str, str] = {}

    def number(match: re.Match[str]) -> str:
        return numbers.setdefault(match[0], f"[{len(numbers) + 1}]")

    def replace(text: str) -> str:
        pattern = undrawable_words(text)
        return re.sub(pattern, number, text) if pattern else text

    for axes in figure.findobj(Axes):
        for axis in (axes.xaxis, axes.yaxis):
            # The names of `set_xticks` and `set_yticks` are in a dict.
            formatter = axis.get_major_formatter()
            if isinstance(formatter, FuncFormatter):
                places = axis.get_majorticklocs()
                labels = map(replace, formatter.format_ticks(places))
                axis.set_ticks(places, list(labels))
    for text in figure.findobj(Text):
        text.set_text(replace(text.get_text()))
    return {short: name for name, short in numbers.items()}


def undrawable_words(text: str) -> str:
    """Regular expression for the words of a text that cannot be drawn.

    It is empty if there are none. Neighboring words on a line are one match.
    """
    words = {word for word in text.split() if not all(map(is_drawable, word))}
    if not words:
        return ""
    longest_first = sorted(words, key=len, reverse=True)
    word = "|".join(map(re.escape, longest_first))
    return rf"(?:{word})(?: (?:{word}))*"


@functools.cache
def is_drawable(character: str) -> bool:
    """Whether Matplotlib can draw a character: in its font, left to right."""
    return (
        ord(character) in glyphs()
        and unicodedata.bidirectional(character) not in RIGHT_TO_LEFT
    )


@functools.cache
def glyphs() -> frozenset[int]:
    """Code points of the font of figures."""
    path = font_manager.findfont(font_manager.FontProperties())
    return frozenset(font_manager.get_font(path).get_charmap())
