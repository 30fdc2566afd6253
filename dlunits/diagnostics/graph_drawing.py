"""Drawings of unfolded graphs: DOT for Graphviz, and SVG."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dlunits.diagnostics.unfolded_graph import Edge, Node, UnfoldedGraph

# Colors by kind of edge, safe for color-blind readers.
COLORS = {"input": "#0072b2", "state": "#d55e00", "output": "#555555"}
FILLS = {
    "input": "#d9eaf5",
    "state": "#fbe3d3",
    "initial": "#ffffff",
    "merge": "#e8eaed",
    "output": "#e8eaed",
}

# Distances of nodes, radius of nodes, and left margin with names of rows, in
# pixels.
COLUMN, ROW, RADIUS = 104, 88, 22
LEFT = 200


def dot_text(graph: UnfoldedGraph) -> str:
    """Graph in the DOT language of Graphviz.

    Args:
        graph: `dlunits.diagnostics.UnfoldedGraph`.

    Returns:
        String.

    Example:

    >>> import keras
    >>> from dlunits.diagnostics.unfolded_graph import unfolded_graph
    >>> dot = dot_text(unfolded_graph(keras.layers.GRU(8), num_steps=3))
    >>> dot.count("->")  # 3 W, 3 U and the output
    7
    """
    lines = ["digraph unfolded {", "  rankdir=BT;", "  node [shape=circle];"]
    for row in graph.rows:
        names = [quote(node.name) for node in graph.nodes if node.row == row]
        lines.append(f"  {{ rank=same; {'; '.join(names)}; }}")
    for node in graph.nodes:
        style = ", style=dashed" if node.kind == "initial" else ""
        name, label = quote(node.name), quote(node.label)
        lines.append(f"  {name} [label={label}{style}];")
    for edge in graph.edges:
        # Edges between states must not change the ranks of nodes.
        constraint = ", constraint=false" if edge.kind == "state" else ""
        lines.append(
            f"  {quote(edge.source)} -> {quote(edge.target)} "
            f"[label={quote(edge.label)}, color={quote(COLORS[edge.kind])}"
            f"{constraint}];"
        )
    return "\n".join([*lines, "}", ""])


def quote(text: str) -> str:
    r"""Quotes a string for DOT.

    >>> quote('x "1"')
    '"x \\"1\\""'
    """
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def svg_text(graph: UnfoldedGraph) -> str:
    """Drawing of a graph as SVG, with time from left to right.

    Layers are rows, the inputs at the bottom. Each node is a
    `<g class="node KIND">` with its name as title, each edge a
    `<path class="edge KIND">`.

    Args:
        graph: `dlunits.diagnostics.UnfoldedGraph`.

    Returns:
        String, a self-contained `<svg>` element.

    Example:

    >>> import keras
    >>> from dlunits.diagnostics.unfolded_graph import unfolded_graph
    >>> svg = svg_text(unfolded_graph(keras.layers.GRU(8), num_steps=3))
    >>> svg.count('class="node state"'), svg.count('class="edge state"')
    (3, 3)
    """
    width = LEFT + COLUMN * (graph.num_steps + 2)
    height = ROW * len(graph.rows) + 2 * RADIUS
    positions = {
        node.name: (
            LEFT + COLUMN * (node.step + 0.5),
            height - ROW * (node.row + 0.5) - RADIUS,
        )
        for node in graph.nodes
    }
    rows = [
        text(10, height - ROW * (row + 0.5) - RADIUS, title, "row")
        for row, title in graph.rows.items()
    ]
    nodes = [draw_node(node, *positions[node.name]) for node in graph.nodes]
    edges = [
        draw_edge(edge, positions[edge.source], positions[edge.target])
        for edge in graph.edges
    ]
    title = f"Recurrence unfolded over {graph.num_steps} time step(s)."
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" '
            f'width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" font-family="sans-serif" '
            'font-size="13" fill="#333333">',
            f"<title>{title}</title>",
            *arrow_heads(),
            *rows,
            *edges,
            *nodes,
            text(10, height - 8, "All time steps share the weights.", "note"),
            "</svg>",
            "",
        ]
    )


def arrow_heads() -> Iterator[str]:
    """Arrow heads of each color; in SVG 1.1 they do not inherit a color."""
    yield "<defs>"
    for kind, color in COLORS.items():
        yield (
            f'<marker id="head-{kind}" viewBox="0 0 8 8" refX="8" refY="4" '
            'markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" '
            f'orient="auto"><path d="M0 0 8 4 0 8z" fill="{color}"/></marker>'
        )
    yield "</defs>"


def draw_node(node: Node, x: float, y: float) -> str:
    """Circle with a label, as SVG."""
    dashes = ' stroke-dasharray="4 3"' if node.kind == "initial" else ""
    return (
        f'<g class="node {node.kind}"><title>{html.escape(node.name)}</title>'
        f'<circle cx="{x:g}" cy="{y:g}" r="{RADIUS}" '
        f'fill="{FILLS[node.kind]}" stroke="#333333"{dashes}/>'
        + text(x, y + 4, node.label, "label", "middle")
        + "</g>"
    )


def draw_edge(
    edge: Edge, start: tuple[float, float], end: tuple[float, float]
) -> str:
    """Arrow between two circles, curved if it would cross another row."""
    (x0, y0), (x1, y1) = start, end
    bend = 0.62 * COLUMN if y0 - y1 > 1.5 * ROW else 0
    middle = (x0 + x1) / 2 + bend, (y0 + y1) / 2
    x0, y0 = circle_edge(start, middle)
    x1, y1 = circle_edge(end, middle)
    # Middle of the quadratic Bezier curve with that control point.
    x = (x0 + 2 * middle[0] + x1) / 4
    y = (y0 + 2 * middle[1] + y1) / 4
    label_offset = -6 if edge.kind == "state" else 18 if bend else 4
    color = COLORS[edge.kind]
    return (
        f'<path class="edge {edge.kind}" d="M{x0:.1f} {y0:.1f} '
        f'Q{middle[0]:.1f} {middle[1]:.1f} {x1:.1f} {y1:.1f}" fill="none" '
        f'stroke="{color}" stroke-width="1.4" '
        f'marker-end="url(#head-{edge.kind})"/>'
        + text(x + 5, y + label_offset, edge.label, "weight")
    )


def circle_edge(
    center: tuple[float, float], target: tuple[float, float]
) -> tuple[float, float]:
    """Point just outside a circle, in the direction of a target."""
    (x, y), (target_x, target_y) = center, target
    length = ((target_x - x) ** 2 + (target_y - y) ** 2) ** 0.5
    fraction = (RADIUS + 2) / length
    return x + fraction * (target_x - x), y + fraction * (target_y - y)


def text(
    x: float, y: float, words: str, kind: str, anchor: str = "start"
) -> str:
    """Text element of SVG; an empty string if there are no words."""
    if not words:
        return ""
    return (
        f'<text class="{kind}" x="{x:g}" y="{y:g}" '
        f'text-anchor="{anchor}">{html.escape(words)}</text>'
    )
