"""Text corpora of any size, read in chunks."""

import codecs
import dataclasses
import io
import pathlib
import pydoc_data.topics
from collections.abc import Iterator
from typing import Any, BinaryIO

from dlunits.data.tfds_store import check_host, download, find_prepared
from dlunits.paths import check_regular, expand_user
from dlunits.typing import Path

CHUNK_SIZE = 1 << 20  # bytes

TINY_SHAKESPEARE = "tiny_shakespeare"

# What TFDS downloads; its host is contacted before a download starts.
PROBE = (
    "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/"
    "tinyshakespeare/input.txt"
)


@dataclasses.dataclass(frozen=True)
class Text:
    r"""Part of a text file, or of bytes in memory, read in chunks.

    Args:
        data: `pathlib.Path`, or bytes.
        start, stop: Integers, the range of bytes.
        as_bytes: Whether chunks are bytes. If not, they are decoded as UTF-8,
            and all line ends become "\n".

    Example:

    >>> list(Text(b"one\r\ntwo", 0, 8).chunks())
    ['one\ntwo']
    """

    data: pathlib.Path | bytes
    start: int
    stop: int
    as_bytes: bool = False

    def chunks(self) -> Iterator[Any]:
        """Reads the text in chunks of about a million characters.

        Yields:
            Texts, or bytes if `as_bytes`.
        """
        decoder = codecs.getincrementaldecoder("utf-8")()
        newlines = io.IncrementalNewlineDecoder(decoder, translate=True)
        with open_stream(self.data) as stream:
            stream.seek(self.start)
            remaining = self.stop - self.start
            while remaining:
                data = stream.read(min(CHUNK_SIZE, remaining))
                remaining -= len(data)
                if not data:
                    return
                if self.as_bytes:
                    yield data
                elif text := newlines.decode(data, final=not remaining):
                    yield text


@dataclasses.dataclass(frozen=True)
class Corpus:
    """A training text and a validation text.

    Args:
        name: Name of the corpus.
        source: One sentence for the log and the report about the data.
        train, validation: `Text`.
    """

    name: str
    source: str
    train: Text
    validation: Text


def load_corpus(
    name: Path = "auto",
    *,
    data_dir: Path | None = None,
    validation_fraction: float = 0.1,
    as_bytes: bool = False,
) -> Corpus:
    """Loads a text corpus and splits off its end for validation.

    - A path: a UTF-8 text file of any size.
    - `"tiny_shakespeare"`: prepared by TFDS, or downloaded with it. Its
      validation and test splits, a tenth of the text, are used for validation.
    - `"auto"`: tiny Shakespeare if it is prepared or can be downloaded, else
      the text of Python's own documentation, `pydoc_data.topics`.

    Args:
        name: As above.
        data_dir: Folder of prepared TFDS data sets.
        validation_fraction: Float in (0, 1), share of a file that is used for
            validation.
        as_bytes: Whether the text is read as bytes, which allows any file.

    Returns:
        `Corpus`.

    Raises:
        OSError: If there is no such file, it cannot be read, or a named data
            set is not available.
        ValueError: If a file is empty, or is not UTF-8 text.

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
            return load_tiny_shakespeare(data_dir, as_bytes)
        except OSError as error:
            text = "\n\n".join(pydoc_data.topics.topics.values()).encode()
            source = (
                "the text of Python's own documentation (pydoc_data), since "
                f"tiny Shakespeare is not available: {error}"
            )
            return split_corpus(
                "pydoc", source, text, validation_fraction, as_bytes
            )
    if name == TINY_SHAKESPEARE:
        return load_tiny_shakespeare(data_dir, as_bytes)
    path = expand_user(name)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder. Expected a text file")
    if not path.exists():
        raise FileNotFoundError(
            f"{path}: no such file. Expected a text file, {TINY_SHAKESPEARE} "
            "or auto"
        )
    try:
        check_regular(path)
    except ValueError as error:
        raise ValueError(f"{path} {error}") from None
    if not as_bytes:
        check_text(path)
    source = f"{path}, {path.stat().st_size:,} bytes"
    return split_corpus(path.stem, source, path, validation_fraction, as_bytes)


def load_tiny_shakespeare(data_dir: Path | None, as_bytes: bool) -> Corpus:
    """Tiny Shakespeare, prepared by TFDS or downloaded with it."""
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
    train, validation = parts["train"], parts["validation"] + parts["test"]
    return Corpus(
        TINY_SHAKESPEARE,
        f"tiny Shakespeare, prepared by TFDS in {folder}",
        Text(train, 0, len(train), as_bytes),
        Text(validation, 0, len(validation), as_bytes),
    )


def split_corpus(
    name: str,
    source: str,
    data: pathlib.Path | bytes,
    validation_fraction: float,
    as_bytes: bool,
) -> Corpus:
    """Split off the end for validation, between two characters."""
    size = len(data) if isinstance(data, bytes) else data.stat().st_size
    middle = size - int(size * validation_fraction)
    with open_stream(data) as stream:
        stream.seek(middle)
        following = stream.read(4)
    for byte in following:  # continuation bytes of a UTF-8 character
        if as_bytes or byte & 0b1100_0000 != 0b1000_0000:
            break
        middle += 1
    if not 0 < middle < size:
        raise ValueError(
            f"{name}: the text is too short: {size} bytes, of which "
            f"{validation_fraction:.0%} are used for validation"
        )
    return Corpus(
        name,
        source,
        Text(data, 0, middle, as_bytes),
        Text(data, middle, size, as_bytes),
    )


def check_text(path: pathlib.Path) -> None:
    """Checks that a whole file is UTF-8 text.

    Args:
        path: `pathlib.Path`.

    Raises:
        ValueError: If the file is empty or not UTF-8; the message names the
            line.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    if not path.stat().st_size:
        raise ValueError(f"{path} is empty. Expected a text file")
    lines = 1
    with path.open("rb") as stream:
        while True:
            chunk = stream.read(CHUNK_SIZE)
            if b"\0" in chunk:
                raise ValueError(
                    f"{path} holds zero bytes and is not UTF-8 text, but may "
                    "be UTF-16 or a binary file. Save it as UTF-8, or use "
                    "bytes as tokens"
                )
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                line = lines + error.object[: error.start].count(b"\n")
                raise ValueError(
                    f"{path}, line {line}: is not UTF-8 (byte "
                    f"0x{error.object[error.start]:X}). Save it as UTF-8, or "
                    "use bytes as tokens"
                ) from error
            if not chunk:
                break
            lines += chunk.count(b"\n")


def open_stream(data: pathlib.Path | bytes) -> BinaryIO:
    """Opens a file, or bytes in memory, as a binary stream."""
    return io.BytesIO(data) if isinstance(data, bytes) else data.open("rb")
