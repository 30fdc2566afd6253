"""Vocabularies on texts of any script."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlunits.data.text.vocabulary import (
    TOKEN_TYPES,
    Vocabulary,
    build_vocabulary,
    split,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@pytest.mark.parametrize("level", TOKEN_TYPES)
@settings(deadline=None, max_examples=100)
@given(text=TEXTS)
def test_a_text_comes_back(level, text):
    vocabulary = build_vocabulary([text], level)
    numbers = vocabulary.encode(text)
    assert numbers.min() > 0
    assert vocabulary.decode(numbers) == text
    assert b"".join(split(text, level)) == text.encode()


def test_words_spaces_and_marks_are_apart():
    pieces = split("Don't stop, naïve Zoë!\n(x_1)", "word")
    assert [piece.decode() for piece in pieces] == [
        *("Don't", " ", "stop", ",", " ", "naïve", " ", "Zoë", "!", "\n"),
        *("(", "x_1", ")"),
    ]


def test_what_is_rare_is_unknown():
    vocabulary = build_vocabulary(["a a a b b c"], "word", max_size=3)
    assert vocabulary.tokens == (b" ", b"a", b"b")
    assert vocabulary.size == 4
    assert vocabulary.encode("a c").tolist() == [2, 1, 0]
    assert vocabulary.decode([2, 1, 0]) == "a �"
    assert vocabulary.unknown("d c a c") == ["d", "c"]


def test_numbers_take_a_byte_while_they_fit():
    few = Vocabulary("byte", tuple(bytes([i]) for i in range(255)))
    many = Vocabulary("byte", tuple(bytes([i]) for i in range(256)))
    assert few.encode(b"\xfe").dtype == np.uint8
    assert many.encode(b"\xff").tolist() == [256]


def test_bad_arguments_are_told():
    with pytest.raises(ValueError, match="one of character, byte, word"):
        build_vocabulary(["a"], "letter")
    with pytest.raises(ValueError, match="without a character"):
        build_vocabulary(["", ""])
