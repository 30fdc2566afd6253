"""Texts to learn from, in pieces, however long they are."""

import codecs
import dataclasses
import io
import pathlib
import pydoc_data.topics

from dlunits.data.tfds_store import check_host, download, find_prepared

PIECE = 1 << 20  # bytes read at a time

TINY_SHAKESPEARE = "tiny_shakespeare"

# What TFDS downloads, asked for before it starts.
PROBE = (
    "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/"
    "tinyshakespeare/input.txt"
)


@dataclasses.dataclass(frozen=True)
class Text:
    r"""A part of a file, or of bytes in memory, read in pieces.

    Args:
        data: `pathlib.Path`, or bytes.
        start, stop: Integers, the bytes that are meant.
        as_bytes: Whether the pieces are bytes as they are, or texts whose
            lines all end in a newline.

    Example:

    >>> list(Text(b"one\r\ntwo", 0, 8).chunks())
    ['one\ntwo']
    """

    data: pathlib.Path | bytes
    start: int
    stop: int
    as_bytes: bool = False

    def chunks(self):
        """Yields the text, about a million characters at a time."""
        decoder = codecs.getincrementaldecoder("utf-8")()
        newlines = io.IncrementalNewlineDecoder(decoder, translate=True)
        with opened(self.data) as stream:
            stream.seek(self.start)
            left = self.stop - self.start
            while left:
                piece = stream.read(min(PIECE, left))
                left -= len(piece)
                if not piece:
                    return
                if not self.as_bytes:
                    piece = newlines.decode(piece, final=not left)
                if piece:
                    yield piece


@dataclasses.dataclass(frozen=True)
class Corpus:
    """A text to learn from and one to judge by.

    Args:
        name: Text.
        source: One sentence for the log and the report: what was used.
        train, validation: `Text`.
    """

    name: str
    source: str
    train: Text
    validation: Text


def load_corpus(
    name="auto", *, data_dir=None, validation_fraction=0.1, as_bytes=False
):
    """Finds a text and cuts off its end for validation.

    - a path: a file of UTF-8 text, of any size.
    - `"tiny_shakespeare"`: prepared by TFDS, or downloaded through it. Its
      validation and test splits are what is judged by, a tenth of the whole.
    - `"auto"`: tiny Shakespeare if it is prepared or can be downloaded, else
      the text inside Python's own documentation, `pydoc_data.topics`.

    Args:
        name: As above.
        data_dir: Folder of prepared TFDS data sets.
        validation_fraction: Float in (0, 1), share at the end of a file.
        as_bytes: Whether any file will do, read byte by byte.

    Returns:
        `Corpus`.

    Raises:
        OSError: If there is no such file, it cannot be read, or a named data
            set cannot be had.
        ValueError: If a file is empty, or is no text.

    Example:

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "letters.txt")
    ...     _ = path.write_text("abcdefghij")
    ...     corpus = load_corpus(path, validation_fraction=0.2)
    ...     print(*corpus.train.chunks(), *corpus.validation.chunks())
    abcdefgh ij
    """
    if name == "auto":
        try:
            return tiny_shakespeare(data_dir, as_bytes)
        except OSError as error:
            text = "\n\n".join(pydoc_data.topics.topics.values()).encode()
            source = (
                "the text inside Python's own documentation (pydoc_data), "
                f"since tiny Shakespeare is not at hand: {error}"
            )
            return cut("pydoc", source, text, validation_fraction, as_bytes)
    if name == TINY_SHAKESPEARE:
        return tiny_shakespeare(data_dir, as_bytes)
    path = pathlib.Path(name).expanduser()
    if path.is_dir():
        raise IsADirectoryError(
            f"{path} is a folder: a file of text is expected"
        )
    if not path.exists():
        raise FileNotFoundError(
            f"{path}: no such file. Expected a file of text, "
            f"{TINY_SHAKESPEARE} or auto"
        )
    if not as_bytes:
        check_text(path)
    source = f"{path}, {path.stat().st_size:,} bytes"
    return cut(path.stem, source, path, validation_fraction, as_bytes)


def tiny_shakespeare(data_dir, as_bytes):
    folder = find_prepared(TINY_SHAKESPEARE, data_dir)
    if folder is None:
        check_host(PROBE)
        folder = download(TINY_SHAKESPEARE, data_dir)
    import tensorflow_datasets as tfds

    splits = tfds.builder_from_directory(folder).as_dataset()
    parts = {
        split: b"".join(row["text"] for row in rows.as_numpy_iterator())
        for split, rows in splits.items()
    }
    train, rest = parts["train"], parts["validation"] + parts["test"]
    return Corpus(
        TINY_SHAKESPEARE,
        f"tiny Shakespeare, prepared by TFDS in {folder}",
        Text(train, 0, len(train), as_bytes),
        Text(rest, 0, len(rest), as_bytes),
    )


def cut(name, source, data, validation_fraction, as_bytes):
    """The last part of it is for validation; no character is cut in two."""
    size = len(data) if isinstance(data, bytes) else data.stat().st_size
    middle = size - int(size * validation_fraction)
    with opened(data) as stream:
        stream.seek(middle)
        beginning = stream.read(4)
    for byte in beginning:  # the rest of a character in UTF-8
        if as_bytes or byte & 0b1100_0000 != 0b1000_0000:
            break
        middle += 1
    if not 0 < middle < size:
        raise ValueError(
            f"{name}: {size} bytes are too short a text, of which "
            f"{validation_fraction:.0%} is kept for validation"
        )
    return Corpus(
        name,
        source,
        Text(data, 0, middle, as_bytes),
        Text(data, middle, size, as_bytes),
    )


def check_text(path):
    """Refuses, from the first to the last byte, what is not UTF-8 text."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    if not path.stat().st_size:
        raise ValueError(f"{path} is empty: a text to learn from is expected")
    lines = 1
    with path.open("rb") as stream:
        while True:
            piece = stream.read(PIECE)
            if b"\0" in piece:
                raise ValueError(
                    f"{path} holds bytes of 0 and so is no text, but perhaps "
                    "UTF-16 or a program: save it as UTF-8, or read it byte "
                    "by byte"
                )
            try:
                decoder.decode(piece, final=not piece)
            except UnicodeDecodeError as error:
                line = lines + error.object[: error.start].count(b"\n")
                raise ValueError(
                    f"{path}, line {line}: is not UTF-8 (byte "
                    f"0x{error.object[error.start]:X}): save it as UTF-8, or "
                    "read it byte by byte"
                ) from error
            if not piece:
                break
            lines += piece.count(b"\n")


def opened(data):
    """A stream of a file, or of bytes."""
    return io.BytesIO(data) if isinstance(data, bytes) else data.open("rb")
