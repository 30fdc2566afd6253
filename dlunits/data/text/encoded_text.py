"""Tokenized text: token ids in a memory-mapped file."""

import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from dlunits.atomic_files import atomic_write
from dlunits.data.text.corpora import Text
from dlunits.data.text.vocabulary import SEPARATOR_CHARACTERS, Vocabulary
from dlunits.typing import Array


def encode_text(
    text: Text, vocabulary: Vocabulary, path: pathlib.Path
) -> Array:
    """Writes the token ids of a text to a file and opens it as a memory map.

    Memory use does not grow with the length of the text.

    Args:
        text: `dlunits.data.text.corpora.Text`.
        vocabulary: `dlunits.data.text.vocabulary.Vocabulary`.
        path: `pathlib.Path` of the file to write.

    Returns:
        Array `(num_tokens,)`, a `numpy.memmap`.

    Raises:
        OSError: If the file cannot be written.

    Example:

    >>> import pathlib, tempfile
    >>> from dlunits.data.text.corpora import Text
    >>> from dlunits.data.text.vocabulary import build_vocabulary
    >>> text = Text(b"abba", 0, 4)
    >>> vocabulary = build_vocabulary(text.chunks())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "train.tokens")
    ...     encode_text(text, vocabulary, path).tolist()
    [1, 2, 2, 1]
    """
    with atomic_write(path) as file:
        for chunk in align_to_words(text.chunks(), vocabulary.token_type):
            file.write(vocabulary.encode(chunk).tobytes())
    if not path.stat().st_size:
        return np.zeros(0, vocabulary.dtype)
    return np.memmap(path, vocabulary.dtype, "r")


def align_to_words(chunks: Iterable[Any], token_type: str) -> Iterator[Any]:
    """Aligns chunks of text to words, so that no word is split.

    The unfinished word at the end of a chunk is moved to the next chunk.

    Args:
        chunks: Iterable of texts, or of bytes.
        token_type: "character", "byte" or "word". Only chunks of words are
            changed.

    Yields:
        Chunks whose concatenation is that of `chunks`.

    Example:

    >>> list(align_to_words(["one t", "wo, thr", "ee"], "word"))
    ['one ', 'two, ', 'three']
    """
    if token_type != "word":
        yield from chunks
        return
    unfinished: list[str] = []
    for chunk in chunks:
        end = 1 + max(map(chunk.rfind, SEPARATOR_CHARACTERS))
        unfinished.append(chunk[:end] if end else chunk)
        if end:
            yield "".join(unfinished)
            unfinished = [chunk[end:]]
    if rest := "".join(unfinished):
        yield rest
