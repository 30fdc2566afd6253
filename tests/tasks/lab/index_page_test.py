"""Index page of the lab: links to existing sections."""

import re

import pytest

from dlunits.reporting.html_report import Section, write_report
from dlunits.tasks.lab import index_page
from dlunits.tasks.lab.claim import Claim
from dlunits.tasks.lab.index_page import read_sections, write_index

# The rows of the syllabus: training and GANs, then convolutional networks.
UNITS = [
    "Feed-forward network",
    "What learning depends on",
    "Activations",
    "Gradient descent",
    "Bias-variance trade-off",
    "Early stopping",
    "GAN",
    "Convolution, stride, padding; output size",
    "Convolution types",
    "Weight sharing; FCNN vs CNN",
    "CNN parts",
    "LeNet-5",
    "AlexNet",
]


def shown_units(report, name):
    """Names of the units that sections of a report show, without its head."""
    sections = {
        name: [each for each in read_sections(report) if each.anchor != ""]
    }
    return [
        unit.name
        for unit in index_page.UNITS
        if index_page.sections_of(unit, sections)
    ]


@pytest.fixture
def folder(tmp_path):
    """A folder with two reports."""
    for name, sections in {
        "training/activation": [
            Section("Claims", table=[{"a": 1}]),
            Section(
                "tanh trains faster than sigmoid",
                Claim("Why.", "tanh 0.1, sigmoid < 0.4.", True).text,
            ),
            Section("Activation functions", "Curves."),
            Section("Keras code"),
        ],
        "convolution": [
            Section(
                "Parts of a CNN and their feature maps",
                Claim("It has.", "It has.", True).text,
            )
        ],
    }.items():
        (tmp_path / name).mkdir(parents=True)
        write_report(
            tmp_path / name / "report.html",
            title=name,
            summary={"Runs": 3, "Error": "2 %"},
            sections=sections,
            command="",
            dataset="",
        )
    return tmp_path


def test_sections_are_read_with_the_result_of_their_claim(folder):
    sections = read_sections(folder / "training/activation/report.html")
    assert [(each.anchor, each.result) for each in sections] == [
        ("", "Runs: 3; Error: 2 %"),
        ("claims", ""),
        (
            "tanh-trains-faster-than-sigmoid",
            "Measured: tanh 0.1, sigmoid < 0.4. The claim holds here.",
        ),
        ("activation-functions", ""),
        ("keras-code", ""),
        ("run-details", ""),
    ]
    assert sections[0].title == "training/activation"
    assert sections[2].title == "tanh trains faster than sigmoid"


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
    assert "tanh 0.1, sigmoid &lt; 0.4. The claim holds here." in page
    for target, anchor in re.findall(r'<a href="([^"#]+)#([^"]+)"', page):
        assert f'id="{anchor}"' in (folder / target).read_text()


def test_every_unit_of_the_syllabus_is_listed():
    assert [unit.name for unit in index_page.UNITS] == UNITS


def test_units_that_no_report_shows_are_named(folder):
    page = write_index(
        folder / "index.html",
        {"convolution": "convolution/report.html"},
        command="",
        seconds=1.0,
    ).read_text(encoding="utf-8")
    missing = [name for name in UNITS if name != "CNN parts"]
    assert f"No report of this run shows: {'; '.join(missing)}." in page
    assert "<dd>1 of 13</dd>" in page


def test_a_missing_report_is_an_error(folder):
    with pytest.raises(FileNotFoundError):
        write_index(
            folder / "index.html",
            {"convolution": "nowhere.html"},
            command="",
            seconds=1.0,
        )
