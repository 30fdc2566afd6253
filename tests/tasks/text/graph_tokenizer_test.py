"""Tokens in TensorFlow's graphs against those in Python."""

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from dlunits.data.text.vocabulary import TOKEN_TYPES, build_vocabulary
from dlunits.tasks.text.graph_tokenizer import GraphTokenizer

KNOWN = "The quick brown fox, naïve; 'jumps' over (the) lazy dög-dog.\n" * 2
VOCABULARIES = {
    level: build_vocabulary([KNOWN], level) for level in TOKEN_TYPES
}
TEXTS = st.lists(
    st.text("The quick brown,;'(ö-.\n\t€😀_", max_size=12),
    min_size=1,
    max_size=3,
)


@pytest.mark.parametrize("level", TOKEN_TYPES)
@settings(deadline=None, max_examples=60)
@given(texts=TEXTS)
def test_numbers_are_those_of_the_vocabulary(level, texts):
    vocabulary = VOCABULARIES[level]
    tokens = GraphTokenizer(vocabulary)
    numbers, lengths = tokens.encode(tf.constant(texts))
    for row, length, text in zip(numbers, lengths, texts, strict=True):
        expected = vocabulary.encode(text).tolist()
        assert row[:length].numpy().tolist() == expected
        assert not row[length:].numpy().any()
        if all(expected):
            [again] = tokens.decode(row[None, :length]).numpy()
            assert again.decode() == text
