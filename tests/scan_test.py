"""Loops over time, compared with loops in Python."""

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.scan import scan


def step(carry, now):
    total, count = carry
    x, y = now
    total = total + x * y
    return (total, count + 1), (total, x - y, ops.sum(x))


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("unroll", [False, True])
def test_carry_and_outputs_match_a_python_loop(reverse, unroll):
    x, y = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    total, outputs = np.zeros(3, "float32"), [None] * 5
    for t in range(4, -1, -1) if reverse else range(5):
        total = total + x[t] * y[t]
        outputs[t] = total, x[t] - y[t], x[t].sum()
    (last, count), found = scan(
        step,
        (ops.zeros(3), ops.zeros((), "int32")),
        (ops.convert_to_tensor(x), ops.convert_to_tensor(y)),
        num_outputs=3,
        reverse=reverse,
        unroll=unroll,
    )
    np.testing.assert_allclose(last, total, rtol=1e-5)
    assert int(count) == 5
    for tensor, expected in zip(found, zip(*outputs, strict=True), strict=True):
        np.testing.assert_allclose(
            ops.convert_to_numpy(tensor), expected, rtol=1e-5
        )


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="Only TensorFlow has shapes that are not known.",
)
def test_the_number_of_steps_can_be_unknown():
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec([None, 2])])
    def running_sums(x):
        def add(carry, now):
            return (carry[0] + now[0],), (carry[0] + now[0],)

        return scan(add, (tf.zeros(2),), (x,), num_outputs=1)[1][0]

    for steps in (1, 4):
        x = np.ones((steps, 2), "float32")
        np.testing.assert_array_equal(running_sums(x), np.cumsum(x, axis=0))
