"""The recurrence of a layer, written out over time."""

import dataclasses

import keras

from dlunits.diagnostics.graph_drawing import dot_text, svg_text

MOST_STEPS = 1000


@dataclasses.dataclass(frozen=True)
class Node:
    """A value at a time step.

    Args:
        name: Text, unlike that of any other node.
        label: Text that is shown, `h3` for example.
        kind: `"input"`, `"state"`, `"initial"`, `"merge"` or `"output"`.
        step: Integer, its time step, 1 to the number of steps; an initial
            state stands before the first or after the last.
        row: Integer, 0 for the inputs, which are the lowest.
    """

    name: str
    label: str
    kind: str
    step: int
    row: int


@dataclasses.dataclass(frozen=True)
class Edge:
    """What a value is computed from.

    Args:
        source: Name of a node.
        target: Name of a node.
        label: Text, the weights on the way, the same at every time step.
        kind: `"input"`, `"state"` or `"output"`.
    """

    source: str
    target: str
    label: str
    kind: str


@dataclasses.dataclass(frozen=True)
class UnfoldedGraph:
    """A recurrence over a number of time steps, to be looked at.

    Args:
        nodes: Tuple of `Node`, each after those that it is computed from.
        edges: Tuple of `Edge`.
        rows: Dict of the number of a row to what is computed there.
        steps: Integer, time steps.

    Attributes:
        dot: Text for Graphviz, `dot -Tpdf graph.dot` for example.
        svg: Text, a drawing that browsers show.
    """

    nodes: tuple
    edges: tuple
    rows: dict
    steps: int

    @property
    def dot(self):
        return dot_text(self)

    @property
    def svg(self):
        return svg_text(self)


def unfolded_graph(layer, steps):
    """Writes the recurrence of a layer out over time.

    Folded, a recurrent layer is one cell with an edge back to itself. Unfolded
    over T steps it is a feed-forward network of T cells, all with the same
    weights, which is what backpropagation through time differentiates:

        h_t = cell(x_t, h_{t-1}; W, U)    t = 1 ... T

    Args:
        layer: Recurrent layer, `Bidirectional` layer, or a list of them that
            are stacked, the lowest first. They need not be built.
        steps: Positive integer, T.

    Returns:
        `UnfoldedGraph`, with `dot` and `svg`.

    Raises:
        ValueError: If a layer is not recurrent, or a layer that is not the
            last does not return a sequence; if `steps` is not from 1 to 1000.

    Example, of h1 = cell(x1, h0) and h2 = cell(x2, h1):

    >>> lstm = keras.layers.LSTM(8, name="lstm")
    >>> graph = unfolded_graph(lstm, steps=2)
    >>> [f"{edge.source} {edge.label} {edge.target}" for edge in graph.edges]
    ['x1 W 1.h1', '1.h0 U 1.h1', 'x2 W 1.h2', '1.h1 U 1.h2', '1.h2  y2']
    >>> graph.rows[1], graph.svg[:4]
    ('lstm: LSTM, 8 units', '<svg')
    """
    layers = list(layer) if isinstance(layer, list | tuple) else [layer]
    if not 1 <= steps <= MOST_STEPS:
        raise ValueError(
            f"`steps` must be from 1 to {MOST_STEPS}. Received: {steps=}"
        )
    check_stack(layers)
    builder = Builder(steps)
    for each in layers:
        if isinstance(each, keras.layers.Bidirectional):
            builder.both_ways(each)
        else:
            builder.below = builder.recurrence(each)
    builder.outputs()
    return UnfoldedGraph(
        tuple(builder.nodes), tuple(builder.edges), builder.rows, steps
    )


def check_stack(layers):
    for place, each in enumerate(layers, start=1):
        if not hasattr(each, "go_backwards") and not isinstance(
            each, keras.layers.Bidirectional
        ):
            raise ValueError(
                "A recurrent layer is expected, such as "
                f"`dlunits.layers.LSTM(32)`. Received: {each}"
            )
        merge_mode = getattr(each, "merge_mode", "concat")
        if place < len(layers) and not (each.return_sequences and merge_mode):
            raise ValueError(
                "All layers but the last must return one sequence for the next "
                "to read: give them return_sequences=True and a merge_mode. "
                f"Received: {each.name} with return_sequences="
                f"{each.return_sequences}, {merge_mode=}"
            )
    if not layers:
        raise ValueError("At least one layer is needed. Received: none")


class Builder:
    """Puts nodes and edges together, row upon row."""

    def __init__(self, steps):
        self.steps = steps
        self.nodes, self.edges = [], []
        self.rows = {0: "inputs"}
        self.below = {
            t: self.node(f"x{t}", f"x{t}", "input", t, 0)
            for t in range(1, steps + 1)
        }
        self.recurrences = 0

    def node(self, *values):
        self.nodes.append(Node(*values))
        return values[0]

    def recurrence(self, layer):
        """A row of states; returns those put out, time step -> name."""
        row = len(self.rows)
        self.recurrences += 1
        number = self.recurrences
        self.rows[row] = (
            f"{layer.name}: {type(layer).__name__}, "
            f"{layer.cell.output_size} units"
        )
        # An LSTM hands on two: h and c.
        letters = "h,c" if len(layer.state_size) > 1 else "h"
        own = "" if number == 1 else str(number)
        order = list(range(1, self.steps + 1))
        start = 0
        if layer.go_backwards:
            order.reverse()
            start = self.steps + 1
        before = self.node(
            f"{number}.h{start}", f"{letters}{start}", "initial", start, row
        )
        states = {}
        for t in order:
            states[t] = self.node(
                f"{number}.h{t}", f"{letters}{t}", "state", t, row
            )
            self.edges += [
                Edge(self.below[t], states[t], f"W{own}", "input"),
                Edge(before, states[t], f"U{own}", "state"),
            ]
            before = states[t]
        return states if layer.return_sequences else {order[-1]: before}

    def both_ways(self, layer):
        """Two rows, and one in which they are put together."""
        ways = [
            self.recurrence(each)
            for each in (layer.forward_layer, layer.backward_layer)
        ]
        if layer.merge_mode is None:  # what comes out are both
            self.below = dict(enumerate([*ways[0].values(), *ways[1].values()]))
            return
        row = len(self.rows)
        self.rows[row] = f"{layer.name}: {layer.merge_mode}"
        self.below = {}
        pairs = zip(*ways, strict=True)
        if layer.return_sequences:
            pairs = [(t, t) for t in range(1, self.steps + 1)]
        for forward, backward in pairs:
            merged = self.node(
                f"{row}.m{forward}", layer.merge_mode, "merge", forward, row
            )
            self.edges += [
                Edge(ways[0][forward], merged, "", "output"),
                Edge(ways[1][backward], merged, "", "output"),
            ]
            self.below[forward] = merged

    def outputs(self):
        row = len(self.rows)
        self.rows[row] = "outputs"
        steps = {node.name: node.step for node in self.nodes}
        taken = set()
        for name in self.below.values():
            step, label = steps[name], f"y{steps[name]}"
            while label in taken:
                label += "'"
            taken.add(label)
            self.node(label, label, "output", step, row)
            self.edges.append(Edge(name, label, "", "output"))
