"""Tokenization in a graph compared with that in Python."""

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from dlunits.data.text.vocabulary import TOKEN_TYPES, build_vocabulary
from dlunits.tasks.text.graph_tokenizer import GraphTokenizer

KNOWN = "The quick brown fox, naïve; 'jumps' over (the) lazy dög-dog.\n" * 2
VOCABULARIES = {
    token_type: build_vocabulary([KNOWN], token_type)
    for token_type in TOKEN_TYPES
}
TEXTS = st.lists(
    st.text("The quick brown,;'(ö-.\n\t€😀_", max_size=12),
    min_size=1,
    max_size=3,
)


@pytest.mark.parametrize("token_type", TOKEN_TYPES)
@settings(deadline=None, max_examples=60)
@given(texts=TEXTS)
def test_ids_match_the_vocabulary(token_type, texts):
    vocabulary = VOCABULARIES[token_type]
    tokenizer = GraphTokenizer(vocabulary)
    ids, lengths = tokenizer.encode(tf.constant(texts))
    for row, length, text in zip(ids, lengths, texts, strict=True):
        expected = vocabulary.encode(text).tolist()
        assert row[:length].numpy().tolist() == expected
        assert not row[length:].numpy().any()
        if all(expected):
            [decoded] = tokenizer.decode(row[None, :length]).numpy()
            assert decoded.decode() == text
