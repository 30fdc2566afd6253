"""Self-contained HTML reports."""

import base64
import dataclasses
import datetime
import html
import importlib.metadata
import importlib.resources
import io
import numbers
import os
import pathlib
import platform
import re
import urllib.parse
from collections.abc import Sequence
from typing import Any

import jinja2
import keras
import markupsafe
import matplotlib
from matplotlib.image import AxesImage
from matplotlib.text import Text

from dlunits.atomic_files import atomic_write
from dlunits.reporting.figure_text import number_undrawable_names
from dlunits.reporting.script_hash import script_hash
from dlunits.reporting.step_slider import SCRIPT, StepSlider
from dlunits.reporting.style import TIMES
from dlunits.typing import Path

PACKAGES = ("dlunits", "keras", "tensorflow", "jax", "torch", "numpy")
RUN_DETAILS = "run-details"  # anchor of the last section
MAX_SVG_SIZE = 300_000  # bytes
EQUATIONS = {"output_size", "equation"}  # columns whose lines are not wrapped


@dataclasses.dataclass(frozen=True)
class Link:
    """Link in a table cell, to a file relative to the report.

    Args:
        text: Text of the link.
        target: Relative path, with `/` and perhaps the `#anchor` of a section.
    """

    text: str
    target: str


@dataclasses.dataclass(frozen=True)
class Section:
    """Section of a report: heading, text, table and figures.

    Args:
        title: Text of the heading.
        text: Text; empty lines separate its paragraphs.
        table: List of dicts with the same keys, which become the column
            headings (`output_shape` becomes "Output shape"); or a pair
            `(header, rows)`. The first column is the heading of each row. A
            cell may be a list of `Link`.
        figures: Pairs `(figure, caption)`. A figure is a
            `matplotlib.figure.Figure`, the text of an SVG file, or a
            `dlunits.reporting.step_slider.StepSlider`. The label of the figure,
            or the title of the SVG, is its alternative text.
        code: Pairs `(title, text)`, source code that is shown when its title is
            clicked.
    """

    title: str
    text: str = ""
    table: list | tuple = ()
    figures: tuple | list = ()
    code: tuple | list = ()

    @property
    def anchor(self) -> str:
        """Anchor of the section in the report, made of the title.

        Example:

        >>> Section("Loss and accuracy (validation)").anchor
        'loss-and-accuracy-validation'
        """
        words = re.findall(r"\w+", self.title.lower())
        return "-".join(words) or "section"


def write_report(
    path: Path,
    *,
    title: str,
    summary: dict[str, Any],
    sections: Sequence[Section],
    command: str,
    dataset: str,
    seconds: float | None = None,
) -> pathlib.Path:
    """Writes a self-contained HTML report of a run.

    The file loads nothing from the network, and all text is escaped. The write
    is atomic: an existing report is replaced only when the new one is complete.

    Args:
        path: File to write, in an existing folder.
        title: Title of the report.
        summary: Dict of key figures, name to text or number.
        sections: List of `Section`.
        command: Command line of the run.
        dataset: Text that describes the dataset.
        seconds: Number, duration of the run in seconds, or `None`.

    Returns:
        `pathlib.Path` of the report.

    Raises:
        OSError: If the file cannot be written.
        ValueError: If a row of a table is not as long as its header.

    Example:

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report = write_report(
    ...         pathlib.Path(folder, "report.html"),
    ...         title="LeNet-5 on MNIST",
    ...         summary={"Parameters": 61706},
    ...         sections=[Section("Layers", table=(["layer"], [["c1"]]))],
    ...         command="python apps/lenet_mnist.py",
    ...         dataset="<mnist>",
    ...     )
    ...     html = report.read_text(encoding="utf-8")
    >>> "<dd>61,706</dd>" in html, "&lt;mnist&gt;" in html
    (True, True)
    """
    path = pathlib.Path(path)
    facts = {"Data": dataset}
    if seconds is not None:
        facts["Duration"] = duration(seconds)
    facts |= {
        "Date": datetime.datetime.now().astimezone().isoformat(" ", "seconds"),
        "Machine": f"{platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} CPU cores",
        "Keras backend": keras.config.backend(),
        "Versions": ", ".join(
            f"{name} {version}" for name, version in versions().items()
        ),
    }
    anchors = unique_anchors(sections)
    script = script_of(sections)
    page = template().render(
        title=title,
        summary=summary,
        sections=[
            {
                "anchor": anchor,
                "title": section.title,
                "paragraphs": section.text.split("\n\n")
                if section.text
                else [],
                "table": columns_and_rows(section.table),
                "images": [embed(*figure) for figure in section.figures],
                "code": section.code,
            }
            for anchor, section in zip(anchors, sections, strict=True)
        ],
        script=script,
        script_hash=script_hash(script),
        command=command,
        facts=facts,
    )
    with atomic_write(path) as file:
        file.write(page.encode(errors="backslashreplace"))
    return path


def unique_anchors(sections: Sequence[Section]) -> list[str]:
    """Unique anchor of each section; a number is added to equal ones.

    Args:
        sections: List of `Section`.

    Returns:
        List of strings.

    Example:

    >>> unique_anchors([Section("Loss"), Section("Loss"), Section("Curves")])
    ['loss', 'loss-2', 'curves']
    """
    anchors: list[str] = []
    taken = {RUN_DETAILS}
    for section in sections:
        anchor, number = section.anchor, 1
        while anchor in taken:
            number += 1
            anchor = f"{section.anchor}-{number}"
        taken.add(anchor)
        anchors.append(anchor)
    return anchors


def script_of(sections: Sequence[Section]) -> str:
    """JavaScript of the step sliders, empty if there are none."""
    figures = [figure for section in sections for figure, _ in section.figures]
    return SCRIPT if any(isinstance(f, StepSlider) for f in figures) else ""


def versions() -> dict[str, str]:
    """Versions of Python and of the main installed packages.

    The packages are not imported.

    Returns:
        Dict of package name to version.

    Example:

    >>> list(versions())[:3]
    ['python', 'dlunits', 'keras']
    """
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def template() -> jinja2.Template:
    """Returns the Jinja template of reports."""
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell"] = cell
    source = importlib.resources.files("dlunits.reporting")
    return environment.from_string(
        source.joinpath("report.html.jinja").read_text(encoding="utf-8")
    )


def cell(value: Any) -> str:
    """Formats a table cell: 61706 as 61,706, (28, 28, 6) as 28 x 28 x 6."""
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(v, Link) for v in value):
        return markupsafe.Markup("<br>").join(map(link, value))
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return f"{value:.4g}"
    if isinstance(value, tuple):
        # No-break spaces keep the shape on one line.
        return TIMES.join(map(str, value)).replace(" ", "\N{NO-BREAK SPACE}")
    return str(value)


def link(item: Link) -> markupsafe.Markup:
    """HTML of a link, with escaped text and quoted target.

    Args:
        item: `Link`.

    Returns:
        `markupsafe.Markup`.

    Example:

    >>> print(link(Link("Loss & score", "my run/report.html#loss")))
    <a href="my%20run/report.html#loss">Loss &amp; score</a>
    """
    target = urllib.parse.quote(item.target, safe="/#")
    return markupsafe.Markup('<a href="{}">{}</a>').format(target, item.text)


def columns_and_rows(table: list | tuple) -> dict[str, Any] | None:
    """Header, rows, and indices of columns of numbers and of equations."""
    if not table:
        return None
    if isinstance(table, tuple):
        header, rows = table
        equations = []
    else:
        header = [heading(name) for name in table[0]]
        equations = [
            index for index, name in enumerate(table[0]) if name in EQUATIONS
        ]
        rows = [list(row.values()) for row in table]
    for row in rows:
        if len(row) != len(header):
            raise ValueError(
                f"The rows of a table must have one cell for each column of "
                f"{list(header)}. Received: {row}"
            )
    numeric = [
        column
        for column in range(1, len(header))
        if all(isinstance(row[column], numbers.Real | None) for row in rows)
    ]
    return {
        "header": header,
        "rows": rows,
        "numeric": numeric,
        "equations": equations,
    }


def heading(key: str) -> str:
    """Column heading of a key; uppercase letters are kept.

    Args:
        key: String, such as `"output_shape"`.

    Returns:
        String.

    Example:

    >>> heading("output_shape"), heading("PSNR (dB)")
    ('Output shape', 'PSNR (dB)')
    """
    words = key.replace("_", " ")
    return words[:1].upper() + words[1:]


def embed(figure: Any, caption: str) -> dict[str, Any]:
    """Figure as a data URI: SVG, or PNG for several images or large files."""
    if isinstance(figure, StepSlider):
        return {"html": figure.html, "caption": caption}
    if isinstance(figure, str):
        return embed_svg(figure, caption)
    if numbered := number_undrawable_names(figure):
        listed = ", ".join(f"{no} {name}" for no, name in numbered.items())
        caption = f"{caption} Numbered names: {listed}.".strip()
    draw_text_literally(figure)
    file_format, data = "svg+xml", b""
    images = len(figure.findobj(AxesImage))
    if images <= 1:
        with matplotlib.rc_context({"svg.hashsalt": "dlunits"}):
            data = render(figure, "svg", metadata={"Date": None})
    if images > 1 or len(data) > MAX_SVG_SIZE:
        file_format, data = "png", render(figure, "png", dpi=192)
    width, height = figure.get_size_inches() * 96  # CSS pixels per inch
    return {
        "source": f"data:image/{file_format};base64,"
        + base64.b64encode(data).decode(),
        "alt": figure.get_label() or caption,
        "caption": caption,
        "width": round(width),
        "height": round(height),
    }


def draw_text_literally(figure: Any) -> None:
    """Turns off mathematical notation, since names may contain dollar signs.

    The tick labels of logarithmic axes keep it.
    """
    powers = {
        label
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        if axis.get_scale() != "linear"
        for label in axis.get_ticklabels(which="both")
    }
    for text in figure.findobj(Text):
        if text not in powers:
            text.set_parse_math(False)


def embed_svg(svg: str, caption: str) -> dict[str, Any]:
    """Text of an SVG file as a data URI, with the size of its root element."""
    root, inside = svg[svg.index("<svg") :].split(">", maxsplit=1)
    width, height = (
        float(re.findall(rf'\b{name}="([\d.]+)', root)[0])
        for name in ("width", "height")
    )
    title = re.match(r"\s*<title>(.+?)</title>", inside)
    return {
        "source": "data:image/svg+xml;base64,"
        + base64.b64encode(svg.encode()).decode(),
        "alt": html.unescape(title.group(1)) if title else caption,
        "caption": caption,
        "width": round(width),
        "height": round(height),
    }


def render(figure: Any, file_format: str, **options: Any) -> bytes:
    """Figure as the bytes of a file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=file_format, **options)
    return buffer.getvalue()


def duration(seconds: float) -> str:
    """Formats a duration: 312.4 as "5 min 12 s"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (f"{hours} h " if hours else "") + f"{minutes} min {rest} s"
