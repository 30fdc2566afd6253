"""Loading corpora from files of different encodings and line ends."""

import os
import subprocess
import threading
import tracemalloc

import numpy as np
import pytest

from dlunits.data.text import corpora
from dlunits.data.text.corpora import Text, load_corpus, read_text


def write(tmp_path, data):
    path = tmp_path / "book.txt"
    path.write_bytes(data)
    return path


def joined(text):
    return "".join(text.chunks())


def test_the_parts_make_the_whole_text_without_splitting_a_character(tmp_path):
    text = "äöü€😀" * 50
    path = write(tmp_path, text.encode())
    for fraction in (0.1, 0.15, 0.21, 0.5):
        corpus = load_corpus(path, validation_fraction=fraction)
        parts = joined(corpus.train), joined(corpus.validation)
        assert "".join(parts) == text
        assert len(parts[1].encode()) == pytest.approx(
            fraction * len(text.encode()), abs=4
        )


def test_all_line_ends_become_newlines(tmp_path, monkeypatch):
    monkeypatch.setattr(corpora, "CHUNK_SIZE", 3)  # splits "\r\n"
    path = write(tmp_path, b"a\r\nb\rc\nd\r\n" * 3)
    text = Text(path, 0, path.stat().st_size)
    assert joined(text) == "a\nb\nc\nd\n" * 3


PLAIN = "Zwölf Boxkämpfer jagen Viktor,\nquer über den Deich.\n" * 9


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("written", "encoding"),
    [
        ("utf-8", None),
        ("utf-8-sig", None),
        ("utf-8-sig", "utf-8"),
        ("utf-16", None),
        ("utf-16", "utf-16-le"),
        ("utf-32", None),
        ("utf-16-be", "utf-16-be"),
        ("cp1252", "cp1252"),
    ],
)
def test_encodings_and_line_ends_make_no_difference(
    line_end, written, encoding, tmp_path, monkeypatch
):
    expected = load_corpus(write(tmp_path, PLAIN.encode()))
    data = PLAIN.replace("\n", line_end).encode(written)
    folder = tmp_path / "other"
    folder.mkdir()
    path = write(folder, data)
    for chunk_size in (5, 1000):
        monkeypatch.setattr(corpora, "CHUNK_SIZE", chunk_size)
        corpus = load_corpus(path, encoding=encoding)
        assert joined(corpus.train) == joined(expected.train)
        assert joined(corpus.validation) == joined(expected.validation)


def test_a_line_end_of_two_characters_is_not_split(tmp_path):
    path = write(tmp_path, b"ab\r\n" * 20)
    for fraction in np.arange(0.02, 1, 0.02):
        corpus = load_corpus(path, validation_fraction=fraction)
        text = joined(corpus.train) + joined(corpus.validation)
        assert text == "ab\n" * 20


def test_a_pipe_is_read_once(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    for as_bytes, expected in ((False, "a\nb\n"), (True, b"a\r\nb\r\n")):
        writer = threading.Thread(
            target=path.write_bytes, args=(b"a\r\nb\r\n",)
        )
        writer.start()
        text = read_text(path, as_bytes=as_bytes)
        writer.join()
        for _ in range(2):
            assert list(text.chunks()) == [expected]


def test_a_pipe_that_nobody_writes_to_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(corpora, "PIPE_TIMEOUT", 0.1)
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(TimeoutError, match="pipe that no process writes to"):
        read_text(path)


def test_a_slow_writer_may_take_longer_than_the_timeout(tmp_path, monkeypatch):
    monkeypatch.setattr(corpora, "PIPE_TIMEOUT", 0.1)
    path = tmp_path / "pipe"
    os.mkfifo(path)
    command = f"exec > {path}; sleep 0.4; echo late"
    with subprocess.Popen(["sh", "-c", command]):
        assert list(read_text(path).chunks()) == ["late\n"]


@pytest.mark.parametrize(
    ("encoding", "as_bytes", "message"),
    [
        ("rot13", False, "The encoding 'rot13' is unknown"),
        ("", False, "The encoding '' is unknown"),
        ("utf-99", False, "The encoding 'utf-99' is unknown"),
        ("utf-8", True, "An encoding has no effect where bytes are tokens"),
        ("ascii", False, "book.txt: is not ascii .byte 0xC3 at byte 1."),
        ("utf-16", False, "book.txt: is not utf-16"),
    ],
)
def test_an_encoding_that_does_not_fit_is_refused(
    encoding, as_bytes, message, tmp_path
):
    path = write(tmp_path, "xöy".encode() + b"z")
    with pytest.raises(ValueError, match=message) as error:
        load_corpus(path, encoding=encoding, as_bytes=as_bytes)
    assert "\n" not in str(error.value)


def test_an_encoding_of_a_named_corpus_is_refused():
    with pytest.raises(ValueError, match="The encoding of auto is known"):
        load_corpus(encoding="cp1252")


def test_a_device_is_refused():
    with pytest.raises(ValueError, match="is neither a file nor a pipe"):
        read_text("/dev/zero")


def test_bytes_are_unchanged(tmp_path):
    data = bytes(range(256)) * 4
    corpus = load_corpus(write(tmp_path, data), as_bytes=True)
    assert (
        b"".join([*corpus.train.chunks(), *corpus.validation.chunks()]) == data
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "book.txt is empty"),
        (b"\xef\xbb\xbf", "book.txt is empty"),
        (b"\xff\xfe", "book.txt is empty"),
        (b"one\ntwo\0three", "contains zero bytes, so it is not UTF-8"),
        (b"one\ntwo\nthr\xe9e\n", "line 3: is not UTF-8 .byte 0xE9."),
        (b"one\ntwo\xc3", "line 2: is not UTF-8"),
        (b"abc", "the text is too short: 3 bytes"),
    ],
)
def test_a_file_that_is_not_text_is_a_one_line_error(tmp_path, data, message):
    with pytest.raises(ValueError, match=message) as error:
        load_corpus(write(tmp_path, data))
    assert "\n" not in str(error.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        load_corpus(tmp_path / "none.txt")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        load_corpus(tmp_path)


def test_tiny_shakespeare_is_split_as_in_nanogpt(shared_data):
    """1,003,854 and 111,540 characters in Karpathy's nanoGPT."""
    corpus = load_corpus("tiny_shakespeare", data_dir=shared_data / "tfds")
    train, validation = joined(corpus.train), joined(corpus.validation)
    assert (len(train), len(validation)) == (1_003_854, 111_540)
    assert train.startswith("First Citizen:")
    assert len(set(train)) == 65


def test_without_data_pythons_documentation_is_used(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    corpus = load_corpus()
    assert corpus.name == "pydoc"
    assert "since tiny Shakespeare is not available" in corpus.source
    assert len(joined(corpus.train)) > 400_000


def test_memory_use_does_not_grow_with_the_file(tmp_path):
    path = tmp_path / "long.txt"
    with path.open("wb") as file:
        for _ in range(64):
            file.write(
                b"All work and no play makes Jack a dull boy.\n" * 23_832
            )
    assert path.stat().st_size > 64 << 20
    tracemalloc.start()
    corpus = load_corpus(path)
    characters = sum(map(len, corpus.train.chunks()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert characters > 57 << 20
    assert peak < 12 << 20
