"""Texts to tokens and back, in TensorFlow's graphs."""

import numpy as np
import tensorflow as tf

from dlunits.data.text.vocabulary import UNKNOWN, WORD

BUCKETS = 2**62  # of hashes: two of a million words share one in 10 ** 7 cases


class GraphTokenizer:
    """What `dlunits.data.text.vocabulary.Vocabulary` does, without Python.

    A token is found by its hash among sorted hashes, so that nothing but
    tensors is in the graph.

    Args:
        vocabulary: `Vocabulary`.

    Raises:
        ValueError: If two tokens have the same hash.

    Example:

    >>> from dlunits.data.text.vocabulary import build_vocabulary
    >>> tokens = GraphTokenizer(build_vocabulary(["hello"]))
    >>> numbers, lengths = tokens.encode(tf.constant(["hole", "oh!"]))
    >>> numbers.numpy().tolist(), lengths.numpy().tolist()
    ([[2, 4, 3, 1], [4, 2, 0, 0]], [4, 3])
    >>> tokens.decode(numbers).numpy()[0]
    b'hole'
    """

    def __init__(self, vocabulary):
        self.level = vocabulary.level
        table = np.array([UNKNOWN.encode(), *vocabulary.tokens], object)
        hashes = tf.strings.to_hash_bucket_fast(table[1:], BUCKETS).numpy()
        order = np.argsort(hashes)
        if len(np.unique(hashes)) < len(hashes):
            raise ValueError(
                "Two tokens of the vocabulary have the same hash: leave out "
                "rare ones by a smaller vocabulary"
            )
        self.table = tf.constant(table)
        self.hashes = tf.constant(hashes[order])
        self.numbers = tf.constant(order.astype("int32") + 1)

    def split(self, texts):
        """Strings `(batch,)` -> ragged strings `(batch, tokens)`"""
        if self.level == "byte":
            return tf.strings.bytes_split(texts)
        if self.level == "character":
            return tf.strings.unicode_split(texts, "UTF-8")
        apart = tf.strings.regex_replace(texts, f"({WORD})", "\\1\0")
        pieces = tf.strings.split(apart, "\0")
        return tf.ragged.boolean_mask(pieces, pieces != "")

    def encode(self, texts):
        """Strings `(batch,)` -> numbers `(batch, longest)`, lengths"""
        pieces = self.split(texts)
        hashes = tf.strings.to_hash_bucket_fast(pieces.flat_values, BUCKETS)
        place = tf.searchsorted(self.hashes, hashes)
        place = tf.minimum(place, tf.shape(self.hashes)[0] - 1)
        known = tf.gather(self.hashes, place) == hashes
        numbers = tf.where(known, tf.gather(self.numbers, place), 0)
        return pieces.with_flat_values(
            numbers
        ).to_tensor(), pieces.row_lengths()

    def decode(self, numbers):
        """Numbers `(batch, tokens)` -> strings `(batch,)`"""
        return tf.strings.reduce_join(tf.gather(self.table, numbers), axis=-1)
