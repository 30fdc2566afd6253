"""The index page of the lab: links to sections that exist."""

import re

import pytest

from dlunits.reporting.html_report import Section, write_report
from dlunits.tasks.lab.index_page import read_sections, write_index


@pytest.fixture
def folder(tmp_path):
    """A folder with two reports."""
    for name, sections in {
        "training/activation": [
            Section("Claims", table=[{"a": 1}]),
            Section(
                "tanh trains faster than sigmoid",
                "Why.\n\ntanh 0.1, sigmoid < 0.4. Holds.",
            ),
            Section("Activation functions", "Curves."),
            Section("Keras code"),
        ],
        "convolution": [
            Section(
                "Parts of a CNN and their feature maps",
                "Claim: x.\n\nIt holds here.",
            )
        ],
    }.items():
        (tmp_path / name).mkdir(parents=True)
        write_report(
            tmp_path / name / "report.html",
            title=name,
            summary={},
            sections=sections,
            command="",
            dataset="",
        )
    return tmp_path


def test_sections_are_read_with_the_result_of_their_claim(folder):
    sections = read_sections(folder / "training/activation/report.html")
    assert [(each.anchor, each.result) for each in sections] == [
        ("claims", ""),
        ("tanh-trains-faster-than-sigmoid", "tanh 0.1, sigmoid < 0.4. Holds."),
        ("activation-functions", ""),
        ("keras-code", ""),
        ("run-details", ""),
    ]
    assert sections[1].title == "tanh trains faster than sigmoid"


def test_units_link_to_their_sections(folder):
    names = ("training/activation", "convolution")
    reports = {name: f"{name}/report.html" for name in names}
    page = write_index(
        folder / "index.html", reports, command="", seconds=1.0
    ).read_text(encoding="utf-8")
    rows = re.findall(
        r'<tr><th scope="row">([A-Z][\w ]+)</th><td><a href="([^"]+)">', page
    )
    assert rows == [
        (
            "Activations",
            "training/activation/report.html#tanh-trains-faster-than-sigmoid",
        ),
        ("Activations", "training/activation/report.html#activation-functions"),
        (
            "CNN parts",
            "convolution/report.html#parts-of-a-cnn-and-their-feature-maps",
        ),
    ]
    assert "tanh 0.1, sigmoid &lt; 0.4. Holds." in page
    for target, anchor in re.findall(r'<a href="([^"#]+)#([^"]+)"', page):
        assert f'id="{anchor}"' in (folder / target).read_text()


def test_a_missing_report_is_an_error(folder):
    with pytest.raises(FileNotFoundError):
        write_index(
            folder / "index.html",
            {"convolution": "nowhere.html"},
            command="",
            seconds=1.0,
        )
