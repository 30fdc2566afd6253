"""Text corpora of any size, read in chunks."""

import codecs
import dataclasses
import io
import itertools
import os
import pathlib
import pydoc_data.topics
import select
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from dlunits.data.tfds_store import check_host, download, find_prepared
from dlunits.paths import expand_user
from dlunits.typing import Array, Path

CHUNK_SIZE = 1 << 20  # bytes
PIPE_TIMEOUT = 30  # seconds

TINY_SHAKESPEARE = "tiny_shakespeare"

MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"  # byte-order mark at the start of a text

# The file that TFDS downloads; its host is contacted before a download starts.
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
            and all line ends become "\n". See `read_text` for others.

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
        if self.as_bytes:
            yield from self.raw_chunks()
            return
        decoder = codecs.getincrementaldecoder("utf-8")()
        newlines = io.IncrementalNewlineDecoder(decoder, translate=True)
        for data in itertools.chain(self.raw_chunks(), [b""]):
            if text := newlines.decode(data, final=not data):
                yield text

    def raw_chunks(self) -> Iterator[bytes]:
        """Reads the bytes of the text in chunks of about a million."""
        with open_stream(self.data) as stream:
            stream.seek(self.start)
            remaining = self.stop - self.start
            while remaining:
                data = stream.read(min(CHUNK_SIZE, remaining))
                remaining -= len(data)
                if not data:
                    return
                yield data


@dataclasses.dataclass(frozen=True)
class Corpus:
    """Text corpus with a training part and a validation part.

    Args:
        name: Name of the corpus.
        source: Description of the data for the log and the report.
        train, validation: `Text`.

    Example:

    >>> text = b"to be or not"
    >>> parts = Text(text, 0, 9), Text(text, 9, 12)
    >>> list(Corpus("hamlet", "a quotation", *parts).validation.chunks())
    ['not']
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
    encoding: str | None = None,
) -> Corpus:
    """Loads a text corpus and splits off its end for validation.

    - A path: a text file or a pipe, see `read_text`.
    - `"tiny_shakespeare"`: prepared by TFDS, or downloaded with it. Its
      validation and test splits, a tenth of the text, are used for validation.
    - `"auto"`: tiny Shakespeare if it is prepared or can be downloaded, else
      the text of Python's own documentation, `pydoc_data.topics`.

    Args:
        name: As above.
        data_dir: Folder of prepared TFDS data sets.
        validation_fraction: Float in (0, 1), fraction of a file that is used
            for validation.
        as_bytes: Whether the text is read as bytes, which allows any file.
        encoding: Encoding of a file, as in `read_text`.

    Returns:
        `Corpus`.

    Raises:
        OSError: If there is no such file, it cannot be read, or a named data
            set is not available.
        ValueError: If a file is empty or too short, or is not text of this
            encoding.

    Example:

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "letters.txt")
    ...     _ = path.write_text("abcdefghij")
    ...     corpus = load_corpus(path, validation_fraction=0.2)
    ...     print(*corpus.train.chunks(), *corpus.validation.chunks())
    abcdefgh ij
    """
    if encoding is not None and name in ("auto", TINY_SHAKESPEARE):
        raise ValueError(
            f"The encoding of {name} is known. Expected: none. Received: "
            f"{encoding!r}"
        )
    if name == "auto":
        try:
            return load_tiny_shakespeare(data_dir, as_bytes)
        except OSError as error:
            text = "\n\n".join(pydoc_data.topics.topics.values()).encode()
            source = (
                "the text of Python's own documentation (pydoc_data), since "
                f"tiny Shakespeare is not available: {error}"
            )
            whole = Text(text, 0, len(text), as_bytes)
            return split_corpus("pydoc", source, whole, validation_fraction)
    if name == TINY_SHAKESPEARE:
        return load_tiny_shakespeare(data_dir, as_bytes)
    path = expand_user(name)
    if not path.exists():
        raise FileNotFoundError(
            f"{path}: no such file. Expected a text file, {TINY_SHAKESPEARE} "
            "or auto"
        )
    whole = read_text(path, encoding, as_bytes=as_bytes)
    source = f"{path}, {whole.stop - whole.start:,} bytes"
    return split_corpus(path.stem, source, whole, validation_fraction)


def load_tiny_shakespeare(data_dir: Path | None, as_bytes: bool) -> Corpus:
    """Loads tiny Shakespeare, prepared by TFDS or downloaded with it."""
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
    name: str, source: str, text: Text, validation_fraction: float
) -> Corpus:
    """Splits off the end of a text for validation, between two characters."""
    size = text.stop - text.start
    if text.as_bytes:
        middle = text.stop - int(size * validation_fraction)
    else:
        middle = split_position(text, validation_fraction)
    if not text.start < middle < text.stop:
        raise ValueError(
            f"{name}: the text is too short: {size} bytes, of which "
            f"{validation_fraction:.0%} are used for validation"
        )
    return Corpus(
        name,
        source,
        dataclasses.replace(text, stop=middle),
        dataclasses.replace(text, start=middle),
    )


def split_position(text: Text, validation_fraction: float) -> int:
    r"""Position in bytes at which the end of a text is split off.

    It is between two characters, and the same character whether line ends are
    "\n" or "\r\n".

    Args:
        text: `Text`.
        validation_fraction: Float in (0, 1), fraction that the end is of it.

    Returns:
        Integer, at least `text.start` and at most `text.stop`.

    Example:

    >>> [split_position(Text(b, 0, len(b)), 0.5) for b in (b"a\nb", b"a\r\nb")]
    [2, 3]
    """
    size = sum(int(kept.sum()) for kept in kept_bytes(text))
    remaining = size - int(size * validation_fraction)
    middle = text.start
    for kept in kept_bytes(text):
        if (count := int(kept.sum())) > remaining:
            total = np.cumsum(kept, dtype="int32")
            wanted = np.int32(remaining)
            middle += int(np.searchsorted(total, wanted, side="right"))
            break
        remaining -= count
        middle += len(kept)
    with open_stream(text.data) as stream:
        stream.seek(middle)
        following = stream.read(4)
    for byte in following:  # continuation bytes of a UTF-8 character
        if byte & 0b1100_0000 != 0b1000_0000:
            break
        middle += 1
    return middle


def kept_bytes(text: Text) -> Iterator[Array]:
    r"""Masks of the bytes that are counted: all but a "\n" after a "\r".

    Args:
        text: `Text`.

    Yields:
        Boolean arrays, one for each chunk of the bytes of the text.
    """
    previous = b"\0"
    for chunk in text.raw_chunks():
        data = np.frombuffer(previous + chunk, np.uint8)
        yield ~((data[1:] == ord("\n")) & (data[:-1] == ord("\r")))
        previous = chunk[-1:]


def read_text(
    path: Path, encoding: str | None = None, *, as_bytes: bool = False
) -> Text:
    """Opens a text file and checks it.

    A file of UTF-8 text, or of bytes, is read in chunks when it is used. A
    whole text in another encoding, and the content of a pipe such as
    `/dev/stdin`, are kept in memory. A byte-order mark is not part of the text.

    Args:
        path: Path of a file or a pipe.
        encoding: Name of a Python codec. `None` is that of the byte-order mark
            (UTF-8, UTF-16 or UTF-32), or UTF-8 without one.
        as_bytes: Whether the text is read as bytes, which allows any file and
            does not change them.

    Returns:
        `Text`.

    Raises:
        OSError: If there is no such file, or it cannot be read.
        ValueError: If it is empty or not text of this encoding. The message
            contains the line.

    Example:

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     _ = pathlib.Path(file.name).write_text("na\u00efve", "utf-16")
    ...     print(*read_text(file.name).chunks())
    na\u00efve
    """
    check_encoding(encoding, as_bytes)
    path = expand_user(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder. Expected a text file")
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file. Expected a text file")
    data: pathlib.Path | bytes = path
    if path.is_fifo():
        data = read_pipe(path)
    elif not path.is_file():
        raise ValueError(f"{path} is neither a file nor a pipe")
    start, size = 0, size_of(data)
    if not as_bytes:
        with open_stream(data) as stream:
            first = stream.read(4)
        name = codecs.lookup(encoding or marked_encoding(first)).name
        if not name.startswith("utf-8"):
            data = decode(path, data, name).removeprefix(MARK).encode()
            size = size_of(data)
        elif first.startswith(codecs.BOM_UTF8):
            start = len(codecs.BOM_UTF8)
    if start == size:
        raise ValueError(f"{path} is empty. Expected a text file")
    text = Text(data, start, size, as_bytes)
    if not as_bytes:
        check_text(path, text)
    return text


def read_pipe(path: pathlib.Path) -> bytes:
    """Reads the content of a pipe, which can be read only once.

    Args:
        path: Path of a named pipe, or of one such as `/dev/stdin`.

    Returns:
        The bytes that were written until the pipe was closed.

    Raises:
        TimeoutError: If no process opens the pipe for writing within
            `PIPE_TIMEOUT` seconds. After that there is no limit of time.
    """
    pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(pipe, "rb") as stream:
        readable, _, _ = select.select([stream], [], [], PIPE_TIMEOUT)
        try:
            start = os.read(pipe, CHUNK_SIZE)
        except BlockingIOError:  # open for writing, and still empty
            start = b""
        else:
            if not readable and not start:
                raise TimeoutError(
                    f"{path} is a pipe that no process writes to"
                )
        os.set_blocking(pipe, True)
        return start + stream.read()


def check_encoding(encoding: str | None, as_bytes: bool) -> None:
    """Raises ValueError for unknown encodings, and for any with bytes."""
    if encoding is None:
        return
    if as_bytes:
        raise ValueError(
            "An encoding has no effect where bytes are tokens. Received: "
            f"{encoding!r}"
        )
    try:
        "".encode(encoding)
    except (LookupError, ValueError):
        raise ValueError(
            f"The encoding {encoding!r} is unknown. Expected the name of a "
            "Python text codec, such as utf-8, utf-16 or cp1252"
        ) from None


def marked_encoding(data: bytes) -> str:
    """Encoding of a text according to its byte-order mark; without one, UTF-8.

    Args:
        data: First four bytes of the text.

    Returns:
        Name of a Python codec.

    Example:

    >>> marked_encoding("a".encode("utf-16")), marked_encoding(b"a")
    ('utf-16', 'utf-8')
    """
    marks = {  # UTF-32 first: its mark begins with that of UTF-16
        "utf-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
        "utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
    }
    for name, starts in marks.items():
        if data.startswith(starts):
            return name
    return "utf-8"


def decode(path: pathlib.Path, data: pathlib.Path | bytes, name: str) -> str:
    """Decodes a whole text.

    Args:
        path: `pathlib.Path`, for the message.
        data: `pathlib.Path`, or bytes.
        name: Name of a Python codec.

    Returns:
        Text.

    Raises:
        ValueError: If the text is not of this encoding.
    """
    data = data if isinstance(data, bytes) else data.read_bytes()
    try:
        return data.decode(name)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}: is not {name} (byte 0x{data[error.start]:X} at byte "
            f"{error.start:,}). Give another encoding, or use bytes as tokens"
        ) from None


def normalize_text(text: str) -> str:
    r"""Removes a byte-order mark and converts all line ends to newlines.

    Args:
        text: Text.

    Returns:
        Text.

    Example:

    >>> normalize_text("\ufeffone\r\ntwo\rthree")
    'one\ntwo\nthree'
    """
    text = text.removeprefix(MARK)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def check_text(path: pathlib.Path, text: Text) -> None:
    """Checks that a whole text is UTF-8.

    Args:
        path: `pathlib.Path`, for messages.
        text: `Text`.

    Raises:
        ValueError: If it is not UTF-8. The message contains the line.
    """
    advice = (
        "Save it as UTF-8, give its encoding (cp1252, utf-16), or use bytes as "
        "tokens"
    )
    decoder = codecs.getincrementaldecoder("utf-8")()
    lines = 1
    for chunk in itertools.chain(text.raw_chunks(), [b""]):
        if b"\0" in chunk:
            raise ValueError(
                f"{path} contains zero bytes, so it is not UTF-8 text, but may "
                f"be UTF-16 or a binary file. {advice}"
            )
        try:
            decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            line = lines + error.object[: error.start].count(b"\n")
            raise ValueError(
                f"{path}, line {line}: is not UTF-8 (byte "
                f"0x{error.object[error.start]:X}). {advice}"
            ) from error
        lines += chunk.count(b"\n")


def size_of(data: pathlib.Path | bytes) -> int:
    """Number of bytes of a file, or of bytes in memory."""
    return len(data) if isinstance(data, bytes) else data.stat().st_size


def open_stream(data: pathlib.Path | bytes) -> BinaryIO:
    """Opens a file, or bytes in memory, as a binary stream."""
    return io.BytesIO(data) if isinstance(data, bytes) else data.open("rb")
