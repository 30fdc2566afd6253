"""Texts to numbers and back: characters, bytes or words."""

import collections
import dataclasses
import re

import numpy as np

TOKEN_TYPES = ("character", "byte", "word")

# A run of anything but spaces and ASCII punctuation, or one of these. The
# same expression is read by Python and by RE2, which TensorFlow has.
APART = r"\t\n\f\r !-&(-/:-@\[-\^`{-~"
WORD = rf"[^{APART}]+|[{APART}]"

UNKNOWN = "\N{REPLACEMENT CHARACTER}"  # the token 0


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """The tokens that a model knows, numbered from 1; 0 is any other.

    Args:
        level: "character" (a Unicode character), "byte" or "word": a word, a
            space or a punctuation mark.
        tokens: Tuple of bytes, UTF-8, the token of the number 1 first.

    Example:

    >>> vocabulary = build_vocabulary(["hello"])
    >>> vocabulary.encode("hello").tolist()  # e, h, l, o are 1, 2, 3, 4
    [2, 1, 3, 3, 4]
    >>> vocabulary.decode([2, 4, 0])
    'ho�'
    """

    level: str
    tokens: tuple

    @property
    def size(self):
        """Tokens and the unknown one."""
        return len(self.tokens) + 1

    def encode(self, text):
        """Text, or bytes of a text, to an array of integers."""
        numbers = {token: i + 1 for i, token in enumerate(self.tokens)}
        pieces = split(text, self.level)
        return np.fromiter(
            (numbers.get(piece, 0) for piece in pieces), self.dtype
        )

    def decode(self, numbers):
        """Numbers to text; what is unknown, or no UTF-8, is U+FFFD."""
        table = (UNKNOWN.encode(), *self.tokens)
        return b"".join(table[n] for n in numbers).decode(errors="replace")

    def unknown(self, text):
        """The pieces of a text that are not among the tokens, in order."""
        known = set(self.tokens)
        pieces = dict.fromkeys(split(text, self.level))
        return [
            piece.decode(errors="replace")
            for piece in pieces
            if piece not in known
        ]

    @property
    def dtype(self):
        return "uint8" if self.size <= 256 else "int32"


def build_vocabulary(texts, level="character", max_size=None):
    """Finds the tokens of a text.

    Args:
        texts: Iterable of texts, or of bytes: the pieces of one long text.
        level: As above.
        max_size: Positive integer, most tokens; the most frequent are kept.
            `None` keeps all.

    Returns:
        `Vocabulary`, its tokens in the order of their bytes.

    Raises:
        ValueError: If the level is not known, or there is no text.

    Example:

    >>> build_vocabulary(["to be, or not to be"], "word").tokens
    (b' ', b',', b'be', b'not', b'or', b'to')
    """
    if level not in TOKEN_TYPES:
        raise ValueError(
            f"`level` must be one of {TOKEN_TYPES}. Received: {level=}"
        )
    counts = collections.Counter()
    for text in texts:
        counts.update(split(text, level))
    if not counts:
        raise ValueError(
            "A text is expected. Received: one without a character"
        )
    return Vocabulary(
        level, tuple(sorted(token for token, _ in counts.most_common(max_size)))
    )


def split(text, level):
    """Text to the list of its tokens, as bytes of UTF-8.

    Example:

    >>> [len(split("né", level)) for level in ("character", "byte", "word")]
    [2, 3, 1]
    """
    if level == "byte":
        data = text.encode() if isinstance(text, str) else text
        return [data[i : i + 1] for i in range(len(data))]
    if isinstance(text, bytes):
        text = text.decode()
    pieces = text if level == "character" else re.findall(WORD, text)
    return [piece.encode() for piece in pieces]
