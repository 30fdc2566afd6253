"""Index of the reports of the lab: each unit with the sections that show it."""

import dataclasses
import html
import pathlib
import re
from collections.abc import Collection, Mapping, Sequence

from dlunits.reporting.html_report import Link, Section, write_report
from dlunits.typing import Path

HEADING = re.compile(r'<h2 id="(?P<anchor>[^"]+)">(?P<title>.*?)</h2>')
PARAGRAPH = re.compile(r"<p>(.*?)</p>", re.S)
TITLE = re.compile(r"<h1>(.*?)</h1>")
KEY_FIGURE = re.compile(r"<dt>(.*?)</dt><dd>(.*?)</dd>")
# The end of `dlunits.tasks.lab.claim.Claim.text`.
RESULT = re.compile(
    r"The claim (holds here|did not hold here|was not measured)"
)
UNLISTED = {"", "run-details", "keras-code", "claims"}


@dataclasses.dataclass(frozen=True)
class Unit:
    """Row of `docs/units/index.md`, and the sections of reports that show it.

    Args:
        name: Name of the unit.
        report: Regular expression of the names of the reports.
        anchors: Regular expression of the anchors of their sections. The
            anchor of the head, with the key figures, is empty.
    """

    name: str
    report: str
    anchors: str


# The rows of the syllabus on feed-forward networks, training and GANs, and on
# convolutional networks.
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
    Unit("GAN", "gan", "|samples|quality|training|generator|discriminator"),
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
    Unit("LeNet-5", "lenet", "|training|test-errors|feature-maps|layers"),
    Unit(
        "AlexNet",
        "alexnet",
        "|accuracy-of-one-crop-.*|augmentation|filters-.*|layers",
    ),
)


@dataclasses.dataclass(frozen=True)
class ReportSection:
    """Section of a report, or its head.

    Args:
        anchor: Anchor of the section, `""` for the head.
        title: Text of its heading.
        result: Paragraphs that state whether a claim holds, or `""`. For the
            head: the key figures.
    """

    anchor: str
    title: str
    result: str


def read_sections(report: Path) -> list[ReportSection]:
    """Reads anchors, titles and results of the head and sections of a report.

    Args:
        report: HTML file that `dlunits.reporting.html_report` wrote.

    Returns:
        List of `ReportSection`, the head first.

    Raises:
        OSError: If the file cannot be read.
    """
    page = pathlib.Path(report).read_text(encoding="utf-8")
    headings = list(HEADING.finditer(page))
    ends = [heading.start() for heading in headings[1:]] + [len(page)]
    sections = [read_head(page)]
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
                " ".join(results),
            )
        )
    return sections


def read_head(page: str) -> ReportSection:
    """Title and key figures of the text of a report."""
    figures = "; ".join(
        f"{name}: {value}" for name, value in KEY_FIGURE.findall(page)
    )
    title = TITLE.search(page)
    return ReportSection(
        "", html.unescape(title[1] if title else ""), html.unescape(figures)
    )


def sections_of(
    unit: Unit, reports: Mapping[str, Sequence[ReportSection]]
) -> list[tuple[str, ReportSection]]:
    """Sections that show a unit, with the name of their report.

    Args:
        unit: Unit.
        reports: Sections of each report by its name, see `read_sections`.

    Returns:
        List of pairs, empty if no report shows the unit.
    """
    return [
        (name, section)
        for name, sections in reports.items()
        if re.fullmatch(unit.report, name)
        for section in sections
        if re.fullmatch(unit.anchors, section.anchor)
    ]


def link_to(report: str, section: ReportSection) -> Link:
    """Link to a section of a report, or to its head."""
    anchor = f"#{section.anchor}" if section.anchor else ""
    return Link(section.title, f"{report}{anchor}")


def without_section(shown: Collection[str]) -> str:
    """Paragraph that lists the units that no report shows, or `""`."""
    missing = [unit.name for unit in UNITS if unit.name not in shown]
    if not missing:
        return ""
    return f"\n\nNo report of this run shows: {'; '.join(missing)}."


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
        OSError: If a report cannot be read or the page cannot be written.
    """
    path = pathlib.Path(path)
    sections = {
        name: read_sections(path.parent / target)
        for name, target in reports.items()
    }
    units = [
        {
            "unit": unit.name,
            "section": [link_to(reports[name], each)],
            "report": name,
            "result": each.result,
        }
        for unit in UNITS
        for name, each in sections_of(unit, sections)
    ]
    shown = [unit.name for unit in UNITS if sections_of(unit, sections)]
    contents = [
        {
            "report": name,
            "sections": [
                link_to(reports[name], each)
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
            "Units": f"{len(shown)} of {len(UNITS)}",
            "Reports": len(reports),
            "Sections": sum(len(row["sections"]) for row in contents),
        },
        sections=[
            Section(
                "Units",
                "Topics on training and convolution, with the sections that "
                "show them and the measured numbers." + without_section(shown),
                table=units,
            ),
            Section("Reports", "All sections of all reports.", table=contents),
        ],
        command=command,
        dataset="See each report.",
        seconds=seconds,
    )
