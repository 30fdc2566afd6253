"""Index of the reports of the lab: each unit with the sections that show it."""

import dataclasses
import html
import pathlib
import re
from collections.abc import Mapping

from dlunits.reporting.html_report import Link, Section, write_report
from dlunits.typing import Path

HEADING = re.compile(r'<h2 id="(?P<anchor>[^"]+)">(?P<title>.*?)</h2>')
PARAGRAPH = re.compile(r"<p>(.*?)</p>", re.S)
RESULT = re.compile(r"\b(holds?|did not hold|does not hold)\b", re.I)
UNLISTED = {"run-details", "keras-code", "claims"}


@dataclasses.dataclass(frozen=True)
class Unit:
    """A row of `docs/units.md`, and where the lab shows it.

    Args:
        name: Name of the unit.
        report: Pattern of the name of the reports.
        anchors: Pattern of the anchors of sections in these reports.
    """

    name: str
    report: str
    anchors: str


UNITS = (
    Unit("Feed-forward network", "training/depth", "hidden-layers-fit.*"),
    Unit(
        "What learning depends on",
        "training/.*",
        ".*(learning-rate-that|batches-(need|take)|initial-weights|weights-must|"
        "with-depth|wider-layers|cross-entropy|regularization-narrows|"
        "training-examples-lower|tuned-together).*",
    ),
    Unit(
        "Activations",
        "training/activation",
        "activation-functions|gradients-vanish.*|relu-.*|tanh-.*|softmax-.*|"
        "saturated-and-dead-units",
    ),
    Unit(
        "Gradient descent",
        "training/gradient_descent",
        "loss-and-.*|.*(momentum|adagrad|rmsprop|adam-needs|gradient-descent|"
        "mini-batches).*|paths-on-.*",
    ),
    Unit(
        "Bias-variance trade-off", "bias_variance", ".*(bias|learning-curves).*"
    ),
    Unit(
        "Early stopping",
        "bias_variance|training/width",
        ".*early-stopping.*",
    ),
    Unit(
        "Convolution, stride, padding; output size",
        "convolution",
        "output-size.*",
    ),
    Unit("Convolution types", "convolution", "multichannel.*|3-d-.*"),
    Unit(
        "Weight sharing; FCNN vs CNN",
        "convolution",
        "weight-sharing.*|fcnn-and-cnn.*|accuracy-under-shifts.*",
    ),
    Unit("CNN parts", "convolution", "parts-of-a-cnn.*|feature-maps-.*"),
)


@dataclasses.dataclass(frozen=True)
class ReportSection:
    """A section of a report.

    Args:
        anchor: Anchor of the section.
        title: Text of its heading.
        result: Paragraph that says whether a claim holds, or `""`.
    """

    anchor: str
    title: str
    result: str


def read_sections(report: Path) -> list[ReportSection]:
    """Reads anchors, titles and results of the sections of a report.

    Args:
        report: HTML file that `dlunits.reporting.html_report` wrote.

    Returns:
        List of `ReportSection`.

    Raises:
        OSError: If the file cannot be read.
    """
    page = pathlib.Path(report).read_text(encoding="utf-8")
    headings = list(HEADING.finditer(page))
    ends = [heading.start() for heading in headings[1:]] + [len(page)]
    sections = []
    for heading, end in zip(headings, ends, strict=True):
        texts = [
            html.unescape(text)
            for text in PARAGRAPH.findall(page[heading.end() : end])
        ]
        results = [text for text in texts if RESULT.search(text)]
        sections.append(
            ReportSection(
                html.unescape(heading["anchor"]),
                html.unescape(heading["title"]),
                results[-1] if results else "",
            )
        )
    return sections


def write_index(
    path: Path, reports: Mapping[str, str], *, command: str, seconds: float
) -> pathlib.Path:
    """Writes the index page of the reports of the lab.

    Args:
        path: HTML file to write.
        reports: Dict of name, such as `"training/activation"`, to the path of
            the report, relative to the folder of `path`.
        command: Text, the command line of the run.
        seconds: Number, duration of the run.

    Returns:
        `pathlib.Path` of the page.

    Raises:
        OSError: If a report cannot be read or the page not be written.
    """
    path = pathlib.Path(path)
    sections = {
        name: read_sections(path.parent / target)
        for name, target in reports.items()
    }
    units = []
    for unit in UNITS:
        for name, found in sections.items():
            if not re.fullmatch(unit.report, name):
                continue
            units += [
                {
                    "unit": unit.name,
                    "section": [
                        Link(each.title, f"{reports[name]}#{each.anchor}")
                    ],
                    "report": name,
                    "result": each.result,
                }
                for each in found
                if re.fullmatch(unit.anchors, each.anchor)
            ]
    contents = [
        {
            "report": name,
            "sections": [
                Link(each.title, f"{reports[name]}#{each.anchor}")
                for each in found
                if each.anchor not in UNLISTED
            ],
        }
        for name, found in sections.items()
    ]
    return write_report(
        path,
        title="The lab: training and convolution, measured",
        summary={
            "Reports": len(reports),
            "Sections": sum(len(row["sections"]) for row in contents),
        },
        sections=[
            Section(
                "Units",
                "What is taught about training and convolution, and the "
                "sections that show it with the measured numbers.",
                table=units,
            ),
            Section("Reports", "All sections of all reports.", table=contents),
        ],
        command=command,
        dataset="See each report.",
        seconds=seconds,
    )
