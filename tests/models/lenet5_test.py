"""LeNet-5 against the sizes and the table of its paper."""

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.models import LeNet5
from dlunits.models.lenet5 import C3_CONNECTIONS


def sizes_and_parameters(model):
    return {
        layer.name: (tuple(layer.output.shape[1:]), layer.count_params())
        for layer in model.layers
        if layer.name in {"c1", "s2", "c3", "s4", "c5", "f6", "output"}
    }


def test_modern_variant_has_the_sizes_of_the_definition():
    """Weights by hand: (5 * 5 * maps in + 1) * maps out, and so on."""
    assert sizes_and_parameters(LeNet5()) == {
        "c1": ((28, 28, 6), (25 * 1 + 1) * 6),
        "s2": ((14, 14, 6), 0),
        "c3": ((10, 10, 16), (25 * 6 + 1) * 16),
        "s4": ((5, 5, 16), 0),
        "c5": ((1, 1, 120), (25 * 16 + 1) * 120),
        "f6": ((84,), (120 + 1) * 84),
        "output": ((10,), (84 + 1) * 10),
    }
    assert LeNet5().count_params() == 61_706


def test_1998_variant_has_the_published_weights():
    """LeCun et al., 1998, section II.B: the numbers are the paper's."""
    model = LeNet5(variant="1998")
    sizes = sizes_and_parameters(model)
    assert [
        sizes[name][1] for name in ("c1", "s2", "c3", "s4", "c5", "f6")
    ] == [
        156,
        12,
        1_516,
        32,
        48_120,
        10_164,
    ]
    trainable = sum(np.prod(w.shape) for w in model.trainable_weights)
    assert trainable == 60_000


def test_connections_are_those_of_the_table_in_the_docstring():
    rows = [
        line.split()[1:]
        for line in LeNet5.__doc__.splitlines()
        if line.split()[1:] and set(line.split()[1:]) == {"X", "."}
    ]
    table = np.array(rows) == "X"
    assert table.shape == (6, 16)
    for output, seen in enumerate(C3_CONNECTIONS):
        assert tuple(np.flatnonzero(table[:, output])) == seen


def test_connections_have_the_papers_structure():
    """Six of 3 neighbors, six of 4, three of 4 with gaps, one of all: 60.

    Each map of S2 is connected to 10 maps of C3, and no two to the same maps.
    """
    assert [len(seen) for seen in C3_CONNECTIONS] == [3] * 6 + [4] * 9 + [6]
    seen_by = np.bincount([i for seen in C3_CONNECTIONS for i in seen])
    assert seen_by.tolist() == [10] * 6
    assert len(set(C3_CONNECTIONS)) == 16


@pytest.mark.parametrize("variant", ["modern", "1998"])
def test_padding_inside_equals_padding_outside(variant):
    x = np.random.default_rng(0).uniform(size=(2, 28, 28, 1))
    inside = LeNet5(variant=variant)
    outside = LeNet5(variant=variant, input_shape=(32, 32, 1))
    outside.set_weights(inside.get_weights())
    padded = np.pad(x, [(0, 0), (2, 2), (2, 2), (0, 0)])
    np.testing.assert_allclose(
        ops.convert_to_numpy(inside(x)),
        ops.convert_to_numpy(outside(padded)),
        rtol=1e-5,
    )


@pytest.mark.parametrize("variant", ["modern", "1998"])
def test_outputs_are_probabilities(variant):
    x = np.random.default_rng(0).uniform(size=(5, 28, 28, 1))
    scores = ops.convert_to_numpy(LeNet5(7, variant)(x))
    assert scores.shape == (5, 7)
    assert (scores >= 0).all()
    np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("variant", ["modern", "1998"])
def test_memorizes_a_hundred_real_digits(variant):
    from sklearn.datasets import load_digits

    keras.utils.set_random_seed(0)
    eights, labels = load_digits(return_X_y=True)
    x = np.kron(eights[:100].reshape(-1, 8, 8, 1) / 16, np.ones((3, 3, 1)))
    x = np.pad(x, [(0, 0), (2, 2), (2, 2), (0, 0)])
    model = LeNet5(variant=variant)
    model.compile(
        keras.optimizers.Adam(3e-3),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(x, labels[:100], batch_size=20, epochs=30, verbose=0)
    assert model.evaluate(x, labels[:100], verbose=0)[1] >= 0.99


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_classes": 1}, "num_classes=1"),
        ({"variant": "2000"}, "variant='2000'"),
        ({"input_shape": (28, 28, 3)}, r"input_shape=\(28, 28, 3\)"),
    ],
)
def test_rejects_arguments_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=f"Received: {message}"):
        LeNet5(**arguments)
