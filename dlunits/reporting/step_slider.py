"""Figure of a report with paths and a slider for their steps."""

import base64
import dataclasses
import hashlib
import html
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dlunits.reporting.style import CURVE_COLORS
from dlunits.typing import Array, ArrayLike

DOTS_PER_INCH = 96  # CSS pixels
SHARPNESS = 2  # pixels of the background per CSS pixel

# Draws the paths up to the step of the slider. Without JavaScript the whole
# paths are shown.
SCRIPT = """
for (const box of document.querySelectorAll(".slider")) {
  const data = JSON.parse(box.querySelector("script").textContent);
  const range = box.querySelector("input");
  const lines = box.querySelectorAll("polyline");
  const dots = box.querySelectorAll("circle");
  const cells = box.querySelectorAll("td");
  const show = () => {
    const step = Number(range.value);
    box.querySelector("output").textContent = step;
    data.forEach((path, i) => {
      const last = Math.min(step, path.points.length - 1);
      lines[i].setAttribute("points", path.points.slice(0, last + 1).join(" "));
      dots[i].setAttribute("cx", path.points[last][0]);
      dots[i].setAttribute("cy", path.points[last][1]);
      cells[i].textContent = path.values[last] ?? "";
    });
  };
  range.addEventListener("input", show);
  show();
}
"""


@dataclasses.dataclass(frozen=True)
class StepSlider:
    """HTML of paths with a slider, for the figures of a `Section`.

    Args:
        html: HTML of the elements. All user text is escaped.
        label: Alternative text.
    """

    html: str
    label: str


def step_slider(
    figure: Figure,
    axes: Axes,
    paths: Mapping[str, ArrayLike],
    values: Mapping[str, Sequence[float] | Array],
    *,
    step_name: str = "Update",
    value_name: str = "Loss",
) -> StepSlider:
    """Draws paths over a figure, up to the step selected by a slider.

    Args:
        figure: Figure, the background.
        axes: Axes of the figure, whose coordinates are those of the paths.
        paths: Dict of name to array `(steps, 2)`. A path ends before the first
            point that is not finite; parts outside of the axes are hidden.
        values: Dict of name to the value at each step, for the legend.
        step_name: Name of the steps.
        value_name: Name of the values.

    Returns:
        `StepSlider`.

    Example:

    >>> figure = Figure(figsize=(4, 3))
    >>> axes = figure.subplots()
    >>> slider = step_slider(
    ...     figure, axes, {"sgd": [[0, 0], [1, 1]]}, {"sgd": [2.0, 0.5]}
    ... )
    >>> slider.label
    'Paths of sgd over 1 steps.'
    """
    buffer = io.BytesIO()
    figure.set_dpi(DOTS_PER_INCH)
    figure.savefig(buffer, format="png", dpi=SHARPNESS * DOTS_PER_INCH)
    background = base64.b64encode(buffer.getvalue()).decode()
    width, height = (float(size) for size in figure.bbox.size)
    box = axes.bbox
    data: list[dict[str, Any]] = []
    lines: list[tuple[str, str, list[list[float]]]] = []
    for number, (name, path) in enumerate(paths.items()):
        points = pixels(axes, path, height)
        data.append(
            {
                "points": points,
                "values": [f"{value:.4g}" for value in values[name]],
            }
        )
        lines.append((name, color(number), points))
    steps = max(len(entry["points"]) for entry in data) - 1
    label = f"Paths of {', '.join(paths)} over {steps} steps."
    clip = hashlib.sha256(json.dumps(data).encode()).hexdigest()[:12]
    elements = [
        f'<div class="slider"><svg viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" role="img" aria-label="{html.escape(label)}">',
        f'<image href="data:image/png;base64,{background}" '
        f'width="{width:g}" height="{height:g}"/>',
        f'<clipPath id="clip-{clip}"><rect x="{box.x0:.1f}" '
        f'y="{height - box.y1:.1f}" width="{box.width:.1f}" '
        f'height="{box.height:.1f}"/></clipPath>',
        f'<g clip-path="url(#clip-{clip})" fill="none" stroke-width="2">',
    ]
    for _, stroke, points in lines:
        joined = " ".join(f"{x},{y}" for x, y in points)
        x, y = points[-1]
        elements += [
            f'<polyline stroke="{stroke}" points="{joined}"/>',
            f'<circle r="4.5" fill="{stroke}" stroke="#fff" cx="{x}" '
            f'cy="{y}"/>',
        ]
    elements += [
        "</g></svg>",
        f"<label>{html.escape(step_name)} <output>{steps}</output> "
        f'<input type="range" min="0" max="{steps}" value="{steps}"></label>',
        f"<table><thead><tr><th>Path</th><th>{html.escape(value_name)}</th>"
        "</tr></thead><tbody>",
    ]
    for (name, stroke, _), entry in zip(lines, data, strict=True):
        last = html.escape(entry["values"][-1])
        elements.append(
            f'<tr><th scope="row"><svg width="12" height="12"><rect width="12" '
            f'height="12" fill="{stroke}"/></svg> {html.escape(name)}</th>'
            f"<td>{last}</td></tr>"
        )
    # "<" could end the element.
    text = json.dumps(data).replace("<", "\\u003c")
    elements.append(
        f'</tbody></table><script type="application/json">{text}</script></div>'
    )
    return StepSlider("\n".join(elements), label)


def pixels(axes: Axes, path: ArrayLike, height: float) -> list[list[float]]:
    """Pixels `[x, y]` of the finite points of a path, from the upper left."""
    array = np.asarray(path, "float64")
    finite = np.isfinite(array).all(axis=1)
    end = len(array) if finite.all() else max(1, int(finite.argmin()))
    # Browsers cannot draw coordinates that are very far outside of the axes.
    points = np.clip(axes.transData.transform(array[:end]), -1e5, 1e5)
    points[:, 1] = height - points[:, 1]
    return np.round(np.nan_to_num(points), 1).tolist()


def color(number: int) -> str:
    """Color of the path with a number."""
    return CURVE_COLORS[number % len(CURVE_COLORS)]
