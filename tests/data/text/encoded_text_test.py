"""Texts as numbers on the disk."""

import numpy as np
import pytest

from dlunits.data.text import corpora
from dlunits.data.text.corpora import Text
from dlunits.data.text.encoded_text import encode_text, whole_words
from dlunits.data.text.vocabulary import TOKEN_TYPES, build_vocabulary


@pytest.mark.parametrize("level", TOKEN_TYPES)
def test_the_file_holds_the_numbers_of_the_whole_text(
    level, tmp_path, monkeypatch
):
    monkeypatch.setattr(corpora, "PIECE", 7)
    whole = "Ein Wort, zwei Wörter:\nviele Wörter.\n" * 5
    text = Text(whole.encode(), 0, len(whole.encode()))
    vocabulary = build_vocabulary(whole_words(text.chunks(), level), level)
    numbers = encode_text(text, vocabulary, tmp_path / "text.tokens")
    assert isinstance(numbers, np.memmap)
    np.testing.assert_array_equal(numbers, vocabulary.encode(whole))


def test_words_are_whole_where_a_line_is_longer_than_a_piece():
    pieces = list(whole_words(["ab", "cd", "ef\ngh", "ij"], "word"))
    assert pieces == ["abcdef\n", "ghij"]
    assert list(whole_words(["ab", "cd"], "character")) == ["ab", "cd"]


def test_an_empty_text_has_no_numbers(tmp_path):
    vocabulary = build_vocabulary(["a"])
    text = Text(b"", 0, 0)
    assert encode_text(text, vocabulary, tmp_path / "none").shape == (0,)
