"""Vocabularies of characters, bytes or words, and their encoding as ids."""

import collections
import dataclasses
import re
from collections.abc import Iterable, Sequence

import numpy as np

from dlunits.typing import Array

TOKEN_TYPES = ("character", "byte", "word")

# A run of characters other than spaces and ASCII punctuation, or one of these.
# The expression has the same meaning in Python and in RE2, the syntax of
# TensorFlow.
SEPARATORS = r"\t\n\f\r !-&(-/:-@\[-\^`{-~"
WORD = rf"[^{SEPARATORS}]+|[{SEPARATORS}]"
SEPARATOR_CHARACTERS = re.findall(f"[{SEPARATORS}]", bytes(range(128)).decode())

UNKNOWN = "\N{REPLACEMENT CHARACTER}"  # the token with the id 0


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """Mapping between tokens and integer ids.

    The ids of the tokens of the vocabulary start at 1; 0 is the id of all other
    tokens.

    Args:
        token_type: "character" (a Unicode character), "byte", or "word" (a
            word, a space or a punctuation mark).
        tokens: Tuple of tokens as UTF-8 bytes, in the order of their ids.

    Example:

    >>> vocabulary = build_vocabulary(["hello"])
    >>> vocabulary.encode("hello").tolist()  # e, h, l, o are 1, 2, 3, 4
    [2, 1, 3, 3, 4]
    >>> vocabulary.decode([2, 4, 0])
    'ho�'
    """

    token_type: str
    tokens: tuple[bytes, ...]

    @property
    def size(self) -> int:
        """Number of ids, including that of unknown tokens."""
        return len(self.tokens) + 1

    @property
    def dtype(self) -> str:
        """Data type of the ids: "uint8" if they fit, else "int32"."""
        return "uint8" if self.size <= 256 else "int32"

    def encode(self, text: str | bytes) -> Array:
        """Token ids `(num_tokens,)` of a text, or of its UTF-8 bytes."""
        ids = {token: i + 1 for i, token in enumerate(self.tokens)}
        tokens = split_tokens(text, self.token_type)
        return np.fromiter((ids.get(token, 0) for token in tokens), self.dtype)

    def decode(self, ids: Iterable[int]) -> str:
        """Text of token ids; unknown tokens and invalid UTF-8 become U+FFFD."""
        table = (UNKNOWN.encode(), *self.tokens)
        return b"".join(table[n] for n in ids).decode(errors="replace")

    def unknown_tokens(self, text: str | bytes) -> list[str]:
        """Tokens of a text that are not in the vocabulary, without repeats."""
        known = set(self.tokens)
        tokens = dict.fromkeys(split_tokens(text, self.token_type))
        return [
            token.decode(errors="replace")
            for token in tokens
            if token not in known
        ]


def build_vocabulary(
    texts: Iterable[str | bytes],
    token_type: str = "character",
    max_tokens: int | None = None,
) -> Vocabulary:
    """Builds the vocabulary of a text.

    Args:
        texts: Iterable of texts or of bytes, chunks of one long text.
        token_type: "character", "byte" or "word", see `Vocabulary`.
        max_tokens: Maximum number of tokens, without the unknown token; the
            most frequent ones are kept. `None` keeps all.

    Returns:
        `Vocabulary`, whose tokens are sorted by their bytes.

    Raises:
        ValueError: If the token type is unknown, or the text is empty.

    Example:

    >>> build_vocabulary(["to be, or not to be"], "word").tokens
    (b' ', b',', b'be', b'not', b'or', b'to')
    """
    if token_type not in TOKEN_TYPES:
        raise ValueError(
            f"`token_type` must be one of {', '.join(TOKEN_TYPES)}. Received: "
            f"{token_type=}"
        )
    counts: collections.Counter[bytes] = collections.Counter()
    for text in texts:
        counts.update(split_tokens(text, token_type))
    if not counts:
        raise ValueError(
            "The text of a vocabulary must not be empty. Received: a text "
            "without a character"
        )
    tokens = sorted(token for token, _ in counts.most_common(max_tokens))
    return Vocabulary(token_type, tuple(tokens))


def split_tokens(text: str | bytes, token_type: str) -> Sequence[bytes]:
    """Splits a text into tokens.

    Args:
        text: Text, or its UTF-8 bytes.
        token_type: "character", "byte" or "word", see `Vocabulary`.

    Returns:
        List of tokens as UTF-8 bytes.

    Example:

    >>> token_types = ("character", "byte", "word")
    >>> [len(split_tokens("né", token_type)) for token_type in token_types]
    [2, 3, 1]
    """
    if token_type == "byte":
        data = text.encode() if isinstance(text, str) else text
        return [data[i : i + 1] for i in range(len(data))]
    if isinstance(text, bytes):
        text = text.decode()
    tokens = text if token_type == "character" else re.findall(WORD, text)
    return [token.encode() for token in tokens]
