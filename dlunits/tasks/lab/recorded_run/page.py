"""HTML page of a recorded computation, with a slider over its steps.

A step shows an equation, the computation of one element with its numbers, and
the matrices of the equation. The page is one file that makes no network
requests. Matrices that several steps show are stored once.
"""

import dataclasses
import html
import importlib.resources
import json
import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
import numpy as np

from dlunits.atomic_files import atomic_write
from dlunits.reporting.script_hash import script_hash
from dlunits.reporting.style import CURVE_COLORS
from dlunits.typing import ArrayLike, Path

SIGNIFICANT_DIGITS = 7  # of the numbers in the file, as many as float32 has
CHART_WIDTH, CHART_HEIGHT = 720, 200  # CSS pixels
MARGIN = 56  # of the chart, CSS pixels

# The first row, the first column, the number of rows and of columns.
Window = tuple[int, int, int, int]


@dataclasses.dataclass(frozen=True)
class Matrix:
    """Matrix of a step.

    Args:
        name: Name, as in the equation.
        values: Array of one or two axes; a vector is a row. NaN is an empty
            cell.
        row_names, column_names: Names of rows and columns, or empty.
        window: Cells to mark, see `Window`.
        computed: Number of cells, row by row, that are computed so far; the
            others are shown empty. Default: all.
    """

    name: str
    values: ArrayLike
    row_names: Sequence[str] = ()
    column_names: Sequence[str] = ()
    window: Window | None = None
    computed: int | None = None

    def entry(self, arrays: dict[str, int]) -> dict[str, Any]:
        """JSON-serializable dict without empty entries.

        Args:
            arrays: Dict from the JSON text of an array to its index. The array
                of this matrix is added.
        """
        array = np.atleast_2d(np.asarray(self.values, "float64"))
        values = [[number(value) for value in row] for row in array]
        text = json.dumps(values, separators=(",", ":"))
        found = {
            "name": self.name,
            "array": arrays.setdefault(text, len(arrays)),
            "rows": list(self.row_names),
            "columns": list(self.column_names),
            "window": list(self.window) if self.window else None,
            "computed": self.computed,
        }
        return {
            name: value
            for name, value in found.items()
            if value is not None and value != []
        }


@dataclasses.dataclass(frozen=True)
class Step:
    """Step of a computation.

    Args:
        title: Name of the step.
        equation: Equation that is computed.
        element: Computation of one element with its numbers.
        matrices: Matrices of the equation.
        time: Position on the horizontal axis of the chart.
    """

    title: str
    equation: str
    element: str
    matrices: Sequence[Matrix]
    time: int = 0


@dataclasses.dataclass(frozen=True)
class Chart:
    """Curves over time, with a marker at the time of the current step.

    Args:
        label: Label of the horizontal axis.
        curves: Dict of name to values, one for each time from 0.
        names: Name of each time. Default: 0, 1, ...
    """

    label: str
    curves: Mapping[str, Sequence[float]]
    names: Sequence[str] = ()


def number(value: float) -> float | str | None:
    """Number as stored in the page; NaN is stored as an empty cell.

    >>> number(1 / 3), number(float("inf")), number(float("nan"))
    (0.3333333, 'inf', None)
    """
    if math.isnan(value):
        return None
    if math.isinf(value):
        return str(float(value))
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")


def text_number(value: float) -> str:
    """Number in the text of an equation, in parentheses if it is negative.

    >>> text_number(0.25), text_number(-1 / 3)
    ('0.25', '(-0.3333)')
    """
    text = f"{float(value):.4g}"
    return f"({text})" if text.startswith("-") else text


def sum_of_products(
    left: ArrayLike, right: ArrayLike, max_terms: int | None = None
) -> str:
    """Dot product of two vectors, written as a sum.

    >>> sum_of_products([1, 2], [3, -4])
    '1 · 3 + 2 · (-4)'
    >>> sum_of_products([1, 2, 0], [3, -4, 5], max_terms=1)
    '1 · 3 + ... (2 more)'
    """
    pairs = list(zip(np.ravel(left), np.ravel(right), strict=True))
    terms = [f"{text_number(a)} · {text_number(b)}" for a, b in pairs]
    if max_terms is not None and len(terms) > max_terms:
        terms[max_terms:] = [f"... ({len(terms) - max_terms} more)"]
    return " + ".join(terms)


def write_page(
    path: Path,
    *,
    title: str,
    text: str,
    steps: Sequence[Step],
    chart: Chart | None = None,
) -> pathlib.Path:
    """Writes the page of a recorded computation, atomically.

    Args:
        path: HTML file to write, in an existing folder.
        title: Title.
        text: Introduction; empty lines separate its paragraphs.
        steps: Steps, at least one.
        chart: Curves above the steps.

    Returns:
        `pathlib.Path` of the page.

    Raises:
        OSError: If the file cannot be written.

    Example:

    >>> import tempfile
    >>> step = Step("Product", "y = a b", "6 = 2 · 3", [Matrix("y", [6.0])])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = write_page(
    ...         pathlib.Path(folder, "page.html"),
    ...         title="A product", text="", steps=[step],
    ...     ).read_text(encoding="utf-8")
    >>> "6 = 2" in page, "://" in page
    (True, False)
    """
    path = pathlib.Path(path)
    files = importlib.resources.files("dlunits.tasks.lab.recorded_run")
    script = files.joinpath("recorded_run.js").read_text(encoding="utf-8")
    arrays: dict[str, int] = {}
    recorded = [
        {
            "title": step.title,
            "equation": step.equation,
            "element": step.element,
            "time": step.time,
            "matrices": [matrix.entry(arrays) for matrix in step.matrices],
        }
        for step in steps
    ]
    text_of_steps = json.dumps(
        recorded, ensure_ascii=False, separators=(",", ":")
    )
    data = f'{{"arrays":[{",".join(arrays)}],"steps":{text_of_steps}}}'
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined
    )
    template = environment.from_string(
        files.joinpath("recorded_run.html.jinja").read_text(encoding="utf-8")
    )
    page = template.render(
        title=title,
        paragraphs=text.split("\n\n") if text else [],
        last=len(steps) - 1,
        chart=chart_svg(chart) if chart else "",
        # "<" could end the script element.
        data=data.replace("<", "\\u003c"),
        script=script,
        script_hash=script_hash(f"\n{script}"),
    )
    with atomic_write(path) as file:
        file.write(page.encode(errors="backslashreplace"))
    return path


def chart_svg(chart: Chart) -> str:
    """Chart as an SVG element, with a vertical line that the script moves."""
    curves = {
        name: np.asarray(values, "float64")
        for name, values in chart.curves.items()
    }
    finite = np.concatenate(list(curves.values()))
    finite = finite[np.isfinite(finite)]
    low, high = (
        (float(finite.min()), float(finite.max())) if len(finite) else (0, 1)
    )
    low, high = min(low, 0.0), high if high > low else low + 1
    length = max(map(len, curves.values()))
    step = (CHART_WIDTH - 2 * MARGIN) / max(length - 1, 1)

    def y_of(value: float) -> float:
        inside = (value - low) / (high - low)
        return CHART_HEIGHT - MARGIN - inside * (CHART_HEIGHT - 2 * MARGIN)

    label = html.escape(f"{', '.join(curves)} over {chart.label.lower()}")
    lines = [
        f'<svg viewBox="0 0 {CHART_WIDTH} {CHART_HEIGHT}" role="img" '
        f'aria-label="{label}" data-start="{MARGIN}" data-step="{step:.3f}">',
        f'<line class="axis" x1="{MARGIN}" x2="{CHART_WIDTH - MARGIN}" '
        f'y1="{y_of(0):.1f}" y2="{y_of(0):.1f}"/>',
        f'<line class="now" x1="{MARGIN}" x2="{MARGIN}" y1="{MARGIN / 2}" '
        f'y2="{CHART_HEIGHT - MARGIN}"/>',
    ]
    for value in (low, high):
        lines.append(
            f'<text x="{MARGIN - 6}" y="{y_of(value) + 4:.1f}" '
            f'text-anchor="end">{value:.3g}</text>'
        )
    names = list(chart.names) or [str(time) for time in range(length)]
    every = -(-length // 20)
    for time in range(0, length, every):
        lines.append(
            f'<text x="{MARGIN + time * step:.1f}" '
            f'y="{CHART_HEIGHT - MARGIN + 16}" text-anchor="middle">'
            f"{html.escape(names[time])}</text>"
        )
    lines.append(
        f'<text x="{CHART_WIDTH / 2}" y="{CHART_HEIGHT - 6}" '
        f'text-anchor="middle">{html.escape(chart.label)}</text>'
    )
    for position, (name, values) in enumerate(curves.items()):
        stroke = CURVE_COLORS[(position + 1) % len(CURVE_COLORS)]
        points = " ".join(
            f"{MARGIN + time * step:.1f},{y_of(value):.1f}"
            for time, value in enumerate(values)
            if np.isfinite(value)
        )
        x = MARGIN + 10 + position * 90
        lines += [
            f'<polyline stroke="{stroke}" points="{points}"/>',
            f'<line stroke="{stroke}" stroke-width="3" x1="{x}" '
            f'x2="{x + 16}" y1="12" y2="12"/>',
            f'<text x="{x + 21}" y="16">{html.escape(name)}</text>',
        ]
    return "\n".join([*lines, "</svg>"])
