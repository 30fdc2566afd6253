"""The report of a run: one HTML file that needs nothing else."""

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

import jinja2
import keras
import matplotlib
from matplotlib.image import AxesImage

from dlunits.atomic_files import atomic_write
from dlunits.reporting.style import TIMES

PACKAGES = ("dlunits", "keras", "tensorflow", "jax", "torch", "numpy")
LARGEST_SVG = 300_000  # bytes


@dataclasses.dataclass(frozen=True)
class Section:
    """A heading with what stands under it.

    Args:
        title: Text of the heading.
        text: Text whose paragraphs are parted by empty lines.
        table: List of dicts with the same keys, which become the column
            headings (`output_shape` reads "Output shape"); or a pair
            `(header, rows)`. The first column names the rows.
        figures: Pairs `(figure, caption)` of a `matplotlib.figure.Figure`, or
            the text of an SVG drawing, and a text. The figure's label or the
            drawing's title, if it has one, is read to those who cannot see it.
    """

    title: str
    text: str = ""
    table: list | tuple = ()
    figures: tuple | list = ()


def write_report(
    path, *, title, summary, sections, command, dataset, seconds=None
):
    """Writes a self-contained HTML file about a run.

    It loads nothing from anywhere, every text is escaped, and the file
    appears complete or not at all: a report that was there before stays until
    the new one is written.

    Args:
        path: File to write, in a folder that exists.
        title: Text of the page's title.
        summary: Dict of the key figures, name to text or number.
        sections: List of `Section`.
        command: Text, the command that made the run.
        dataset: Text, the data really used.
        seconds: Number, how long the run took.

    Returns:
        `pathlib.Path` of the report.

    Raises:
        OSError: If the file cannot be written.
        ValueError: If a table's rows are not as long as its header.

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
        facts["Time"] = duration(seconds)
    facts |= {
        "Written": datetime.datetime.now()
        .astimezone()
        .isoformat(" ", "seconds"),
        "Machine": f"{platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} CPU cores",
        "Keras backend": keras.config.backend(),
        "Versions": ", ".join(
            f"{name} {version}" for name, version in versions().items()
        ),
    }
    page = template().render(
        title=title,
        summary=summary,
        sections=[
            {
                "title": section.title,
                "paragraphs": section.text.split("\n\n")
                if section.text
                else [],
                "table": columns_and_rows(section.table),
                "images": [embed(*figure) for figure in section.figures],
            }
            for section in sections
        ],
        command=command,
        facts=facts,
    )
    with atomic_write(path) as file:
        file.write(page.encode(errors="backslashreplace"))
    return path


def versions():
    """Reads the versions of Python and of the installed packages that count.

    It imports none of them.

    Returns:
        A dict, package name to version.

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


def template():
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


def cell(value):
    """Text of a table's cell: 61706 -> 61,706 and (28, 28, 6) with crosses."""
    if value is None:
        return ""
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return f"{value:.4g}"
    if isinstance(value, tuple):
        # Spaces that do not break keep the shape on one line.
        return TIMES.join(map(str, value)).replace(" ", "\N{NO-BREAK SPACE}")
    return str(value)


def columns_and_rows(table):
    """Header, rows and the columns that hold numbers alone."""
    if not table:
        return None
    if isinstance(table, tuple):
        header, rows = table
    else:
        header = [name.replace("_", " ").capitalize() for name in table[0]]
        rows = [list(row.values()) for row in table]
    for row in rows:
        if len(row) != len(header):
            raise ValueError(
                f"A table's rows must have one cell for each of its columns, "
                f"{list(header)}. Received: {row}"
            )
    numeric = [
        column
        for column in range(1, len(header))
        if all(isinstance(row[column], numbers.Real | None) for row in rows)
    ]
    return {"header": header, "rows": rows, "numeric": numeric}


def embed(figure, caption):
    """The figure as a data URI: images and very many marks as PNG."""
    if isinstance(figure, str):
        return embed_drawing(figure, caption)
    kind, data = "svg+xml", b""
    images = len(figure.findobj(AxesImage))
    if images <= 1:
        with matplotlib.rc_context({"svg.hashsalt": "dlunits"}):
            data = drawn(figure, "svg", metadata={"Date": None})
    if images > 1 or len(data) > LARGEST_SVG:
        kind, data = "png", drawn(figure, "png", dpi=192)
    width, height = figure.get_size_inches() * 96  # CSS pixels an inch
    return {
        "source": f"data:image/{kind};base64,{base64.b64encode(data).decode()}",
        "alt": figure.get_label() or caption,
        "caption": caption,
        "width": round(width),
        "height": round(height),
    }


def embed_drawing(svg, caption):
    """The text of an SVG drawing, whose size stands in its first element."""
    root, inside = re.search(r"(<svg[^>]*>)(.*)", svg, re.S).groups()
    width, height = (
        float(re.search(rf'\b{name}="([\d.]+)', root).group(1))
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


def drawn(figure, file_format, **options):
    buffer = io.BytesIO()
    figure.savefig(buffer, format=file_format, **options)
    return buffer.getvalue()


def duration(seconds):
    """312.4 -> 5 min 12 s"""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (f"{hours} h " if hours else "") + f"{minutes} min {rest} s"
