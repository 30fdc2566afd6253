"""The unfolded graph computes the outputs of the layers."""

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.diagnostics.unfolded_graph import unfolded_graph
from dlunits.layers import GRU, LSTM, Bidirectional, SimpleRNN

STEPS = 4
STACKS = {
    "rnn": lambda: [SimpleRNN(3)],
    "lstm": lambda: [LSTM(3, return_sequences=True)],
    "keras": lambda: [keras.layers.GRU(3)],
    "backwards": lambda: [GRU(3, go_backwards=True)],
    "stacked": lambda: [LSTM(3, return_sequences=True), GRU(2)],
    "bidirectional": lambda: [Bidirectional(LSTM(3), merge_mode="sum")],
    "bidirectional, sequences": lambda: [
        Bidirectional(GRU(3, return_sequences=True), merge_mode="ave")
    ],
    "bidirectional, unmerged": lambda: [
        Bidirectional(SimpleRNN(2), merge_mode=None)
    ],
    "bidirectional, stacked": lambda: [
        Bidirectional(
            LSTM(3, return_sequences=True),
            backward_layer=GRU(2, return_sequences=True, go_backwards=True),
        ),
        SimpleRNN(2, return_sequences=True),
    ],
}


def recurrences(stack):
    """Recurrent layers in the order of the rows of the graph."""
    for layer in stack:
        if isinstance(layer, Bidirectional):
            yield from (layer.forward_layer, layer.backward_layer)
        else:
            yield layer


def computed(graph, stack, x):
    """Values of the outputs, computed along the edges of the graph."""
    layers = list(recurrences(stack))
    merges = {
        "concat": lambda a, b: ops.concatenate([a, b], axis=-1),
        "sum": lambda a, b: a + b,
        "ave": lambda a, b: (a + b) / 2,
    }
    values = {}
    for node in graph.nodes:
        sources = {
            edge.kind: values[edge.source]
            for edge in graph.edges
            if edge.target == node.name
        }
        if node.kind == "input":
            values[node.name] = x[:, node.step - 1]
        elif node.kind in ("initial", "state"):
            layer = layers[int(node.name.split(".")[0]) - 1]
            if node.kind == "initial":
                values[node.name] = layer.get_initial_state(len(x))
            else:
                inputs = sources["input"]
                inputs = inputs[0] if isinstance(inputs, list) else inputs
                _, values[node.name] = layer.cell(inputs, sources["state"])
        else:
            before = [
                values[edge.source]
                for edge in graph.edges
                if edge.target == node.name
            ]
            before = [b[0] if isinstance(b, list) else b for b in before]
            values[node.name] = (
                merges[node.label](*before)
                if node.kind == "merge"
                else before[0]
            )
    return [values[n.name] for n in graph.nodes if n.kind == "output"]


@pytest.mark.parametrize("name", STACKS)
def test_the_unfolded_graph_computes_the_outputs_of_the_layers(name):
    stack = STACKS[name]()
    x = np.random.default_rng(0).normal(size=(2, STEPS, 3)).astype("float32")
    folded = x
    for layer in stack:
        folded = layer(folded)
    graph = unfolded_graph(stack, STEPS)
    outputs = computed(graph, stack, x)
    if isinstance(folded, tuple | list):
        expected = list(folded)
    elif len(folded.shape) == 3:
        expected = list(ops.unstack(folded, axis=1))
    else:
        expected = [folded]
    for a, b in zip(outputs, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_time_steps_share_weights_and_layers_do_not():
    stack = [LSTM(3, return_sequences=True), GRU(2)]
    graph = unfolded_graph(stack, STEPS)
    labels = [edge.label for edge in graph.edges if edge.label]
    assert {label: labels.count(label) for label in labels} == {
        "W": STEPS,
        "U": STEPS,
        "W2": STEPS,
        "U2": STEPS,
    }
    labels = {node.label for node in graph.nodes}
    assert {"h,c0", "h,c4", "h0", "h4", "x1", "y4"} <= labels
    assert "y3" not in labels


@pytest.mark.parametrize("bad", [0, -1, 1001])
def test_rejects_num_steps_out_of_range(bad):
    with pytest.raises(ValueError, match=f"steps={bad}"):
        unfolded_graph(LSTM(3), bad)


def test_rejects_layers_that_cannot_be_stacked():
    with pytest.raises(ValueError, match="Expected a recurrent layer"):
        unfolded_graph(keras.layers.Dense(3), 2)
    with pytest.raises(ValueError, match="return_sequences=False"):
        unfolded_graph([LSTM(3), GRU(2)], 2)
    apart = Bidirectional(LSTM(3, return_sequences=True), merge_mode=None)
    with pytest.raises(ValueError, match="merge_mode=None"):
        unfolded_graph([apart, GRU(2)], 2)
    with pytest.raises(ValueError, match="at least one layer"):
        unfolded_graph([], 2)
