"""Computational graph of a recurrent network, unfolded over time."""

import dataclasses
from collections.abc import Sequence

import keras

from dlunits.diagnostics.graph_drawing import dot_text, svg_text

MAX_STEPS = 1000


@dataclasses.dataclass(frozen=True)
class Node:
    """Node of an unfolded graph: a value at a time step.

    Args:
        name: String, unique name of the node.
        label: String, text in drawings, such as `h3`.
        kind: `"input"`, `"state"`, `"initial"`, `"merge"` or `"output"`.
        step: Integer, time step from 1 to the number of steps. An initial
            state is one step before the first or after the last step.
        row: Integer, row in drawings; 0 is the lowest, for the inputs.
    """

    name: str
    label: str
    kind: str
    step: int
    row: int


@dataclasses.dataclass(frozen=True)
class Edge:
    """Edge of an unfolded graph: the target is computed from the source.

    Args:
        source: Name of a node.
        target: Name of a node.
        label: String, the weights used, which all time steps share.
        kind: `"input"`, `"state"` or `"output"`.
    """

    source: str
    target: str
    label: str
    kind: str


@dataclasses.dataclass(frozen=True)
class UnfoldedGraph:
    """Computational graph of a recurrent network, unfolded over time.

    Args:
        nodes: Tuple of `Node`, in topological order.
        edges: Tuple of `Edge`.
        rows: Dict of row number to a description of the row.
        num_steps: Integer, number of time steps.

    Attributes:
        dot: String in the DOT language, for `dot -Tpdf graph.dot`.
        svg: String, a drawing as SVG.

    Example, two time steps of h_t = cell(x_t, h_{t-1}):

    >>> graph = unfolded_graph(keras.layers.GRU(8), num_steps=2)
    >>> len(graph.nodes), len(graph.edges)  # x1 x2 h0 h1 h2 y2; 2 W, 2 U, y2
    (6, 5)
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    rows: dict[int, str]
    num_steps: int

    @property
    def dot(self) -> str:
        """The graph in the DOT language of Graphviz."""
        return dot_text(self)

    @property
    def svg(self) -> str:
        """A drawing of the graph as SVG."""
        return svg_text(self)


def unfolded_graph(
    layer: keras.layers.Layer | Sequence[keras.layers.Layer], num_steps: int
) -> UnfoldedGraph:
    """Unfolds the computational graph of recurrent layers over time.

    A recurrent layer is a cell with a connection to itself. Unfolded over T
    time steps, it is a feed-forward network of T cells with shared weights.
    Backpropagation through time differentiates this network, with the inputs
    x_t, the states h_t and the weights W and U:

        h_t = cell(x_t, h_{t-1}; W, U)    t = 1 ... T

    Reference: Goodfellow, Bengio and Courville, 2016, "Deep learning", section
    10.1, https://www.deeplearningbook.org/contents/rnn.html.

    Args:
        layer: Recurrent layer, `Bidirectional` layer, or a sequence of these
            for a stack, the lowest first. They need not be built.
        num_steps: Integer from 1 to 1000, T.

    Returns:
        `UnfoldedGraph`, with the attributes `dot` and `svg`.

    Raises:
        ValueError: If a layer is not recurrent, if a layer below another one
            does not return sequences, or if `num_steps` is out of range.

    Example, h1 = cell(x1, h0) and h2 = cell(x2, h1):

    >>> lstm = keras.layers.LSTM(8, name="lstm")
    >>> graph = unfolded_graph(lstm, num_steps=2)
    >>> [f"{edge.source} {edge.label} {edge.target}" for edge in graph.edges]
    ['x1 W 1.h1', '1.h0 U 1.h1', 'x2 W 1.h2', '1.h1 U 1.h2', '1.h2  y2']
    >>> graph.rows[1], graph.svg[:4]
    ('lstm: LSTM, 8 units', '<svg')
    """
    layers = list(layer) if isinstance(layer, list | tuple) else [layer]
    if not 1 <= num_steps <= MAX_STEPS:
        raise ValueError(
            f"`num_steps` must be from 1 to {MAX_STEPS}. Received: {num_steps=}"
        )
    check_stack(layers)
    builder = GraphBuilder(num_steps)
    for each in layers:
        if isinstance(each, keras.layers.Bidirectional):
            builder.add_bidirectional(each)
        else:
            builder.top = builder.add_recurrent(each)
    builder.add_outputs()
    return UnfoldedGraph(
        tuple(builder.nodes), tuple(builder.edges), builder.rows, num_steps
    )


def check_stack(layers: Sequence[keras.layers.Layer]) -> None:
    """Checks that layers are recurrent and can be stacked.

    Raises:
        ValueError: If they cannot.
    """
    for number, layer in enumerate(layers, start=1):
        if not hasattr(layer, "go_backwards") and not isinstance(
            layer, keras.layers.Bidirectional
        ):
            raise ValueError(
                "Expected a recurrent layer, such as "
                f"`dlunits.layers.LSTM(32)`. Received: {layer}"
            )
        merge_mode = getattr(layer, "merge_mode", "concat")
        if number < len(layers) and not (layer.return_sequences and merge_mode):
            raise ValueError(
                "All layers except the last one must return one sequence: use "
                "return_sequences=True and a `merge_mode`. Received: "
                f"{layer.name} with return_sequences={layer.return_sequences}, "
                f"{merge_mode=}"
            )
    if not layers:
        raise ValueError("Expected at least one layer. Received: none")


class GraphBuilder:
    """Builds the nodes and edges of an unfolded graph, row by row.

    Args:
        num_steps: Integer, number of time steps.

    Attributes:
        top: Dict of time step to the name of the node that the next layer
            reads.
    """

    def __init__(self, num_steps: int) -> None:
        self.num_steps = num_steps
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []
        self.rows = {0: "inputs"}
        self.num_recurrent = 0
        self.top = {
            t: self.add_node(f"x{t}", f"x{t}", "input", t, 0)
            for t in range(1, num_steps + 1)
        }

    def add_node(
        self, name: str, label: str, kind: str, step: int, row: int
    ) -> str:
        """Adds a node, and returns its name."""
        self.nodes.append(Node(name, label, kind, step, row))
        return name

    def add_recurrent(self, layer: keras.layers.Layer) -> dict[int, str]:
        """Adds a row of states; returns the outputs, time step -> name."""
        row = len(self.rows)
        self.num_recurrent += 1
        number = self.num_recurrent
        self.rows[row] = (
            f"{layer.name}: {type(layer).__name__}, "
            f"{layer.cell.output_size} units"
        )
        # The state of an LSTM is h and c.
        state_label = "h,c" if len(layer.state_size) > 1 else "h"
        suffix = "" if number == 1 else str(number)
        steps = list(range(1, self.num_steps + 1))
        initial_step = 0
        if layer.go_backwards:
            steps.reverse()
            initial_step = self.num_steps + 1
        previous = self.add_node(
            f"{number}.h{initial_step}",
            f"{state_label}{initial_step}",
            "initial",
            initial_step,
            row,
        )
        states = {}
        for t in steps:
            states[t] = self.add_node(
                f"{number}.h{t}", f"{state_label}{t}", "state", t, row
            )
            self.edges += [
                Edge(self.top[t], states[t], f"W{suffix}", "input"),
                Edge(previous, states[t], f"U{suffix}", "state"),
            ]
            previous = states[t]
        return states if layer.return_sequences else {steps[-1]: previous}

    def add_bidirectional(self, layer: keras.layers.Bidirectional) -> None:
        """Adds two rows of states, and one row that merges them."""
        forward, backward = (
            self.add_recurrent(each)
            for each in (layer.forward_layer, layer.backward_layer)
        )
        if layer.merge_mode is None:  # the outputs of both
            names = [*forward.values(), *backward.values()]
            self.top = dict(enumerate(names))
            return
        row = len(self.rows)
        self.rows[row] = f"{layer.name}: {layer.merge_mode}"
        self.top = {}
        pairs = list(zip(forward, backward, strict=True))
        if layer.return_sequences:
            pairs = [(t, t) for t in range(1, self.num_steps + 1)]
        for t, backward_t in pairs:
            merged = self.add_node(
                f"{row}.m{t}", layer.merge_mode, "merge", t, row
            )
            self.edges += [
                Edge(forward[t], merged, "", "output"),
                Edge(backward[backward_t], merged, "", "output"),
            ]
            self.top[t] = merged

    def add_outputs(self) -> None:
        """Adds the row of the outputs."""
        row = len(self.rows)
        self.rows[row] = "outputs"
        step_of = {node.name: node.step for node in self.nodes}
        labels: set[str] = set()
        for name in self.top.values():
            label = f"y{step_of[name]}"
            while label in labels:
                label += "'"
            labels.add(label)
            self.add_node(label, label, "output", step_of[name], row)
            self.edges.append(Edge(name, label, "", "output"))
