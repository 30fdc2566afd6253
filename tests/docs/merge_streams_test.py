"""Outputs of guides that arrive piece by piece."""

import pathlib
import sys

import pytest

FOLDER = pathlib.Path(__file__).parents[2] / "docs/_extensions"


@pytest.fixture
def merge_streams(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    import merge_streams

    yield merge_streams.merge_streams
    del sys.modules["merge_streams"]


def stream(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


def test_pieces_of_a_line_stay_one_line(merge_streams):
    merged = merge_streams([stream("Re"), stream("port:  a\n\n"), stream("b")])
    assert merged == [stream("Report:  a\n\nb")]


def test_other_outputs_and_streams_keep_their_place(merge_streams):
    figure = {"output_type": "display_data", "data": {}}
    outputs = [stream("a\n"), figure, stream("c", "stderr"), stream("b\n")]
    assert merge_streams(outputs) == [
        stream("a\nb\n"),
        figure,
        stream("c", "stderr"),
    ]


def test_a_progress_bar_ends_as_its_last_line(merge_streams):
    merged = merge_streams([stream(" 1 %\r 2"), stream(" %\r3 %\n\r\n")])
    assert merged == [stream("3 %\n\r\n")]
