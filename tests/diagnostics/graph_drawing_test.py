"""Drawings of unfolded graphs, parsed."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from dlunits.diagnostics.unfolded_graph import unfolded_graph
from dlunits.layers import GRU, LSTM, Bidirectional

SVG = "{http://www.w3.org/2000/svg}"
STEPS = 5


def graph():
    both = Bidirectional(LSTM(3, return_sequences=True), name="both")
    return unfolded_graph([both, GRU(2, name='<g> & "u"')], STEPS)


def of_class(root, tag, kind):
    return [e for e in root.iter(SVG + tag) if e.get("class") == kind]


def test_svg_is_xml_with_one_node_per_step_and_layer():
    drawn = graph()
    root = ElementTree.fromstring(drawn.svg)  # noqa: S314
    assert root.tag == f"{SVG}svg"
    assert len(of_class(root, "g", "node input")) == STEPS
    assert len(of_class(root, "g", "node state")) == 3 * STEPS
    assert len(of_class(root, "g", "node initial")) == 3
    assert len(of_class(root, "g", "node merge")) == STEPS
    assert len(of_class(root, "g", "node output")) == 1
    assert len(of_class(root, "path", "edge state")) == 3 * STEPS
    names = [title.text for title in root.iter(f"{SVG}title")][1:]
    assert names == [node.name for node in drawn.nodes]
    rows = [row.text for row in of_class(root, "text", "row")]
    assert rows == list(drawn.rows.values())  # '<g> & "u"' among them


@pytest.mark.parametrize("steps", [1, 3])
def test_svg_nodes_are_within_the_frame_and_do_not_overlap(steps):
    root = ElementTree.fromstring(unfolded_graph(LSTM(3), steps).svg)  # noqa: S314
    width, height = int(root.get("width")), int(root.get("height"))
    circles = [
        tuple(float(circle.get(name)) for name in ("cx", "cy", "r"))
        for circle in root.iter(f"{SVG}circle")
    ]
    for x, y, r in circles:
        assert r <= x <= width - r
        assert r <= y <= height - r
    for i, (x, y, r) in enumerate(circles):
        for a, b, _ in circles[:i]:
            assert (x - a) ** 2 + (y - b) ** 2 > (2 * r) ** 2
    # Time is from left to right: h,c0, h,c1 ... in one row.
    states = [c for c in circles if c[1] == circles[steps][1]]
    assert [x for x, _, _ in states] == sorted(x for x, _, _ in states)


def test_no_edge_crosses_a_node():
    root = ElementTree.fromstring(graph().svg)  # noqa: S314
    circles = np.array(
        [
            [float(circle.get("cx")), float(circle.get("cy"))]
            for circle in root.iter(f"{SVG}circle")
        ]
    )
    radius = float(next(root.iter(f"{SVG}circle")).get("r"))
    share = np.linspace(0, 1, 50)[:, None]
    for path in root.iter(f"{SVG}path"):
        if "edge" in path.get("class", ""):
            numbers = map(float, re.findall(r"[\d.]+", path.get("d")))
            start, middle, end = np.reshape(list(numbers), (3, 2))
            curve = (
                (1 - share) ** 2 * start
                + 2 * share * (1 - share) * middle
                + share**2 * end
            )
            distances = np.linalg.norm(curve[:, None] - circles, axis=-1)
            assert distances.min() > radius, path.get("d")


def test_dot_contains_each_node_and_edge_once():
    drawn = graph()
    lines = drawn.dot.splitlines()
    edges = [line for line in lines if "->" in line]
    assert len(edges) == len(drawn.edges)
    assert re.match(
        r'  "x1" -> "1.h1" \[label="W", color="#0072b2"\];', edges[0]
    )
    nodes = [line for line in lines if re.match(r'  "[^"]*" \[label', line)]
    assert len(nodes) == len(drawn.nodes)
    assert sum("rank=same" in line for line in lines) == len(drawn.rows)
    assert drawn.dot.count("{") == drawn.dot.count("}")
