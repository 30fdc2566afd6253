"""Static batch sizes of the tensors of a mini-batch."""

import numpy as np
import pytest

from dlunits.layers.rnn.static_batch_size import with_static_batch_size


def test_tensors_of_known_sizes_do_not_change():
    batch = {"x": np.zeros((2, 3)), "mask": None, "states": (np.zeros((2, 4)),)}
    assert with_static_batch_size(batch) is batch


def test_two_sizes_are_refused():
    with pytest.raises(ValueError, match=r"shapes \[\(2, 3\), \(1, 4\)\]"):
        with_static_batch_size((np.zeros((2, 3)), None, np.zeros((1, 4))))


def test_unknown_sizes_become_the_known_one():
    tf = pytest.importorskip("tensorflow")

    @tf.function(input_signature=[tf.TensorSpec((None, 3))])
    def sizes(x):
        static = with_static_batch_size({"x": x, "states": [tf.zeros((2, 4))]})
        assert static["x"].shape == (2, 3)
        assert with_static_batch_size([x, None]) == [x, None]
        return static["x"]

    np.testing.assert_array_equal(sizes(tf.ones((2, 3))), np.ones((2, 3)))
    with pytest.raises(tf.errors.InvalidArgumentError, match="not compatible"):
        sizes(tf.ones((3, 3)))
