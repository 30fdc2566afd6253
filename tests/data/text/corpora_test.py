"""Loading corpora from files of different encodings and line ends."""

import tracemalloc

import pytest

from dlunits.data.text import corpora
from dlunits.data.text.corpora import Text, load_corpus


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
        (b"one\ntwo\0three", "holds zero bytes and is not UTF-8"),
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
