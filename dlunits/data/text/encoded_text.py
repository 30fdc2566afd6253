"""A text as numbers on the disk, so that memory does not grow with it."""

import numpy as np

from dlunits.atomic_files import atomic_write


def encode_text(text, vocabulary, path):
    """Writes the numbers of a text's tokens and opens them as a memory map.

    Args:
        text: `dlunits.data.text.corpora.Text`.
        vocabulary: `dlunits.data.text.vocabulary.Vocabulary`.
        path: `pathlib.Path` of the file to make.

    Returns:
        Array `(num_tokens,)`, read from the disk as needed.

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
        for piece in whole_words(text.chunks(), vocabulary.level):
            file.write(vocabulary.encode(piece).tobytes())
    if not path.stat().st_size:
        return np.zeros(0, vocabulary.dtype)
    return np.memmap(path, vocabulary.dtype, "r")


def whole_words(pieces, level):
    r"""Moves what follows the last newline of a piece to the next one.

    Example:

    >>> list(whole_words(["one t", "wo\nthr", "ee"], "word"))
    ['one two\n', 'three']
    """
    if level != "word":
        yield from pieces
        return
    rest = ""
    for piece in pieces:
        whole, newline, rest_of_piece = (rest + piece).rpartition("\n")
        if newline:
            yield whole + newline
        rest = rest_of_piece
    if rest:
        yield rest
