"""Tokenization inside a TensorFlow graph."""

from typing import Any

import numpy as np
import tensorflow as tf

from dlunits.data.text.vocabulary import UNKNOWN, WORD, Vocabulary

# Hash buckets: two of a million tokens collide with a probability of 1e-7.
NUM_BUCKETS = 2**62


class GraphTokenizer:
    """Encodes and decodes texts with TensorFlow operations.

    Same as `dlunits.data.text.vocabulary.Vocabulary`, inside a graph. A token
    is looked up by its hash in a sorted table of hashes, so a SavedModel needs
    tensors only and no lookup tables.

    Args:
        vocabulary: `Vocabulary`.

    Raises:
        ValueError: If two tokens have the same hash.

    Example:

    >>> from dlunits.data.text.vocabulary import build_vocabulary
    >>> tokenizer = GraphTokenizer(build_vocabulary(["hello"]))
    >>> ids, lengths = tokenizer.encode(tf.constant(["hole", "oh!"]))
    >>> ids.numpy().tolist(), lengths.numpy().tolist()
    ([[2, 4, 3, 1], [4, 2, 0, 0]], [4, 3])
    >>> tokenizer.decode(ids).numpy()[0]
    b'hole'
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.token_type = vocabulary.token_type
        table = np.array([UNKNOWN.encode(), *vocabulary.tokens], object)
        hashes = tf.strings.to_hash_bucket_fast(table[1:], NUM_BUCKETS).numpy()
        order = np.argsort(hashes)
        if len(np.unique(hashes)) < len(hashes):
            raise ValueError(
                "Two tokens of the vocabulary have the same hash. Use a "
                "smaller vocabulary, without rare tokens"
            )
        self.table = tf.constant(table)
        self.hashes = tf.constant(hashes[order])
        self.ids = tf.constant(order.astype("int32") + 1)

    def split(self, texts: Any) -> Any:
        """Splits strings `(batch,)` into tokens, ragged `(batch, tokens)`."""
        if self.token_type == "byte":
            return tf.strings.bytes_split(texts)
        if self.token_type == "character":
            return tf.strings.unicode_split(texts, "UTF-8")
        separated = tf.strings.regex_replace(texts, f"({WORD})", "\\1\0")
        tokens = tf.strings.split(separated, "\0")
        return tf.ragged.boolean_mask(tokens, tokens != "")

    def encode(self, texts: Any) -> tuple[Any, Any]:
        """Token ids of strings.

        Args:
            texts: Strings `(batch,)`.

        Returns:
            `(ids, lengths)`: int32 `(batch, longest)`, padded with 0, and
            int64 `(batch,)`.
        """
        tokens = self.split(texts)
        hashes = tf.strings.to_hash_bucket_fast(tokens.flat_values, NUM_BUCKETS)
        index = tf.searchsorted(self.hashes, hashes)
        index = tf.minimum(index, tf.shape(self.hashes)[0] - 1)
        known = tf.gather(self.hashes, index) == hashes
        ids = tf.where(known, tf.gather(self.ids, index), 0)
        return tokens.with_flat_values(ids).to_tensor(), tokens.row_lengths()

    def decode(self, ids: Any) -> Any:
        """Strings `(batch,)` of token ids `(batch, tokens)`."""
        return tf.strings.reduce_join(tf.gather(self.table, ids), axis=-1)
