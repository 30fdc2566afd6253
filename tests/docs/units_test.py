"""Table of units: each unit of the syllabus links to a section."""

import pathlib
import re

import pytest

UNITS = pathlib.Path(__file__).parents[2] / "docs/units"

# Rows of the syllabus on training, GANs and convolutional networks -> the
# beginning of the rows of docs/units/index.md that cover them.
ROWS = {
    "Feed-forward network": ["Feed-forward network"],
    "What learning depends on": ["What learning depends on"],
    "Activations": ["Activations"],
    "Gradient descent": ["Gradient descent"],
    "Bias-variance trade-off": ["Bias-variance trade-off"],
    "Early stopping": ["Early stopping: where", "Early stopping at work"],
    "GAN": ["GAN and conditional GAN", "Quality of generated images"],
    "Convolution, stride, padding; output size": ["Convolution, stride"],
    "Convolution types": ["Multichannel convolution", "3-D convolution"],
    "Weight sharing; FCNN vs CNN": [
        "Weight sharing",
        "Fully connected network against CNN",
        "Accuracy as test images shift",
    ],
    "CNN parts": ["Parts of a CNN"],
    "LeNet-5": ["LeNet-5, in its modern form"],
    "AlexNet": ["AlexNet, in two groups"],
}


def anchors_of(path):
    """Anchors of the headings of a page, as on GitHub."""
    headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.M)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in headings
    }


@pytest.mark.parametrize("unit", ROWS)
def test_a_unit_links_to_a_section_with_its_numbers(unit):
    table = (UNITS / "index.md").read_text("utf-8")
    for beginning in ROWS[unit]:
        [row] = re.findall(rf"^\| {re.escape(beginning)}.*$", table, re.M)
        links = re.findall(r"\]\(([^)#]+)#([^)]+)\)", row)
        assert links, row
        for page, anchor in links:
            assert anchor in anchors_of(UNITS / page)


def test_these_are_the_units_of_the_index_of_the_lab():
    from dlunits.tasks.lab.index_page import UNITS

    assert list(ROWS) == [unit.name for unit in UNITS]
