"""A graph over time as text: DOT for Graphviz, and SVG for browsers."""

import html

# What an edge carries -> its color: told apart with every kind of vision.
COLORS = {"input": "#0072b2", "state": "#d55e00", "output": "#555555"}
FILLS = {
    "input": "#d9eaf5",
    "state": "#fbe3d3",
    "initial": "#ffffff",
    "merge": "#e8eaed",
    "output": "#e8eaed",
}

COLUMN, ROW, RADIUS = 104, 88, 22  # pixels
LEFT = 200  # where the names of the rows stand


def dot_text(graph):
    r"""Writes a graph in Graphviz' language.

    Args:
        graph: `dlunits.diagnostics.UnfoldedGraph`.

    Returns:
        Text.

    Example:

    >>> quoted('x "1"')
    '"x \\"1\\""'
    """
    lines = ["digraph unfolded {", "  rankdir=BT;", "  node [shape=circle];"]
    for row in graph.rows:
        names = [quoted(node.name) for node in graph.nodes if node.row == row]
        lines.append(f"  {{ rank=same; {'; '.join(names)}; }}")
    for node in graph.nodes:
        style = ", style=dashed" if node.kind == "initial" else ""
        name, label = quoted(node.name), quoted(node.label)
        lines.append(f"  {name} [label={label}{style}];")
    for edge in graph.edges:
        # States must not push their row apart.
        level = ", constraint=false" if edge.kind == "state" else ""
        lines.append(
            f"  {quoted(edge.source)} -> {quoted(edge.target)} "
            f"[label={quoted(edge.label)}, color={quoted(COLORS[edge.kind])}"
            f"{level}];"
        )
    return "\n".join([*lines, "}", ""])


def quoted(text):
    """Puts text in DOT's quotation marks."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def svg_text(graph):
    """Draws a graph: time runs to the right, layers lie upon each other.

    Every node is a `<g class="node KIND">` whose title is its name, every edge
    a `<path class="edge KIND">`.

    Args:
        graph: `dlunits.diagnostics.UnfoldedGraph`.

    Returns:
        Text, an `<svg>` element that needs nothing else.

    Example:

    >>> import keras
    >>> from dlunits.diagnostics.unfolded_graph import unfolded_graph
    >>> svg = svg_text(unfolded_graph(keras.layers.GRU(8), steps=3))
    >>> svg.count('class="node state"'), svg.count('class="edge state"')
    (3, 3)
    """
    width = LEFT + COLUMN * (graph.steps + 2)
    height = ROW * len(graph.rows) + 2 * RADIUS
    places = {
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
    nodes = [drawn_node(node, *places[node.name]) for node in graph.nodes]
    edges = [
        drawn_edge(edge, places[edge.source], places[edge.target])
        for edge in graph.edges
    ]
    title = f"Recurrence unfolded over {graph.steps} time step(s)."
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
            text(10, height - 8, "The same weights at every step.", "note"),
            "</svg>",
            "",
        ]
    )


def arrow_heads():
    """One of each color: SVG 1.1 has no heads that take a line's color."""
    yield "<defs>"
    for kind, color in COLORS.items():
        yield (
            f'<marker id="head-{kind}" viewBox="0 0 8 8" refX="8" refY="4" '
            'markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" '
            f'orient="auto"><path d="M0 0 8 4 0 8z" fill="{color}"/></marker>'
        )
    yield "</defs>"


def drawn_node(node, x, y):
    dashes = ' stroke-dasharray="4 3"' if node.kind == "initial" else ""
    return (
        f'<g class="node {node.kind}"><title>{html.escape(node.name)}</title>'
        f'<circle cx="{x:g}" cy="{y:g}" r="{RADIUS}" '
        f'fill="{FILLS[node.kind]}" stroke="#333333"{dashes}/>'
        + text(x, y + 4, node.label, "label", "middle")
        + "</g>"
    )


def drawn_edge(edge, start, end):
    """An arrow from rim to rim, bent where it would cross another row."""
    (x0, y0), (x1, y1) = start, end
    bend = 0.62 * COLUMN if y0 - y1 > 1.5 * ROW else 0
    middle = (x0 + x1) / 2 + bend, (y0 + y1) / 2
    x0, y0 = towards(start, middle)
    x1, y1 = towards(end, middle)
    # Half of the way along a curve of Bezier's with that control point.
    x = (x0 + 2 * middle[0] + x1) / 4
    y = (y0 + 2 * middle[1] + y1) / 4
    below = -6 if edge.kind == "state" else 18 if bend else 4
    color = COLORS[edge.kind]
    return (
        f'<path class="edge {edge.kind}" d="M{x0:.1f} {y0:.1f} '
        f'Q{middle[0]:.1f} {middle[1]:.1f} {x1:.1f} {y1:.1f}" fill="none" '
        f'stroke="{color}" stroke-width="1.4" '
        f'marker-end="url(#head-{edge.kind})"/>'
        + text(x + 5, y + below, edge.label, "weight")
    )


def towards(point, goal):
    """A rim's distance from one point on the way to another."""
    (x, y), (to_x, to_y) = point, goal
    length = ((to_x - x) ** 2 + (to_y - y) ** 2) ** 0.5
    share = (RADIUS + 2) / length
    return x + share * (to_x - x), y + share * (to_y - y)


def text(x, y, words, kind, anchor="start"):
    if not words:
        return ""
    return (
        f'<text class="{kind}" x="{x:g}" y="{y:g}" '
        f'text-anchor="{anchor}">{html.escape(words)}</text>'
    )
