"""Token ids in memory-mapped files."""

import numpy as np
import pytest

from dlunits.data.text import corpora
from dlunits.data.text.corpora import Text
from dlunits.data.text.encoded_text import align_to_words, encode_text
from dlunits.data.text.vocabulary import TOKEN_TYPES, build_vocabulary


@pytest.mark.parametrize("token_type", TOKEN_TYPES)
def test_the_file_holds_the_ids_of_the_whole_text(
    token_type, tmp_path, monkeypatch
):
    monkeypatch.setattr(corpora, "CHUNK_SIZE", 7)
    whole = "Ein Wort, zwei Wörter:\nviele Wörter.\n" * 5
    text = Text(whole.encode(), 0, len(whole.encode()))
    vocabulary = build_vocabulary(
        align_to_words(text.chunks(), token_type), token_type
    )
    ids = encode_text(text, vocabulary, tmp_path / "text.tokens")
    assert isinstance(ids, np.memmap)
    np.testing.assert_array_equal(ids, vocabulary.encode(whole))


def test_words_are_not_split_between_chunks():
    chunks = list(align_to_words(["ab", "cd", "ef\ngh", "ij"], "word"))
    assert chunks == ["abcdef\n", "ghij"]
    # A text without line breaks is cut too, so that memory use is bounded.
    chunks = list(align_to_words(["ab c", "d, e", "f"], "word"))
    assert chunks == ["ab ", "cd, ", "ef"]
    assert list(align_to_words(["ab", "cd"], "character")) == ["ab", "cd"]


def test_an_empty_text_has_no_ids(tmp_path):
    vocabulary = build_vocabulary(["a"])
    text = Text(b"", 0, 0)
    assert encode_text(text, vocabulary, tmp_path / "none").shape == (0,)
