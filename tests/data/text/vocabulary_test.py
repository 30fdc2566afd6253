"""Vocabularies of texts in any script."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlunits.data.text.vocabulary import (
    TOKEN_TYPES,
    Vocabulary,
    build_vocabulary,
    split_tokens,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@pytest.mark.parametrize("token_type", TOKEN_TYPES)
@settings(deadline=None, max_examples=100)
@given(text=TEXTS)
def test_decoding_restores_the_text(token_type, text):
    vocabulary = build_vocabulary([text], token_type)
    ids = vocabulary.encode(text)
    assert ids.min() > 0
    assert vocabulary.decode(ids) == text
    assert b"".join(split_tokens(text, token_type)) == text.encode()


def test_words_spaces_and_punctuation_are_separate_tokens():
    tokens = split_tokens("Don't stop, naïve Zoë!\n(x_1)", "word")
    assert [token.decode() for token in tokens] == [
        *("Don't", " ", "stop", ",", " ", "naïve", " ", "Zoë", "!", "\n"),
        *("(", "x_1", ")"),
    ]


def test_rare_tokens_are_unknown():
    vocabulary = build_vocabulary(["a a a b b c"], "word", max_tokens=3)
    assert vocabulary.tokens == (b" ", b"a", b"b")
    assert vocabulary.size == 4
    assert vocabulary.encode("a c").tolist() == [2, 1, 0]
    assert vocabulary.decode([2, 1, 0]) == "a �"
    assert vocabulary.unknown_tokens("d c a c") == ["d", "c"]


def test_ids_are_bytes_if_they_fit():
    few = Vocabulary("byte", tuple(bytes([i]) for i in range(255)))
    many = Vocabulary("byte", tuple(bytes([i]) for i in range(256)))
    assert few.encode(b"\xfe").dtype == np.uint8
    assert many.encode(b"\xff").tolist() == [256]


def test_invalid_arguments_are_refused():
    with pytest.raises(ValueError, match="one of character, byte, word"):
        build_vocabulary(["a"], "letter")
    with pytest.raises(ValueError, match="without a character"):
        build_vocabulary(["", ""])
