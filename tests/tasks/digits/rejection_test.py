"""Conformal p-values of confidences."""

import keras
import numpy as np
import tensorflow as tf

from dlunits.tasks.digits.rejection import held_out_confidences, p_values


def test_p_values_count_the_lower_confidences():
    rng = np.random.default_rng(0)
    known = rng.random(50)
    scores = rng.dirichlet(np.ones(10), 20).astype("float32")
    expected = [(1 + (known <= row.max()).sum()) / 51 for row in scores]
    np.testing.assert_allclose(
        p_values(tf.constant(scores), known), expected, rtol=1e-6
    )


def test_digits_like_the_held_out_ones_are_rejected_at_the_rate():
    rng = np.random.default_rng(0)
    known, new = rng.beta(8, 1, 2000), rng.beta(8, 1, 20_000)
    rejected = p_values(tf.constant(new[:, None], tf.float32), known) <= 0.05
    # Standard error 0.005, mostly that of the quantile of 2,000 values.
    assert abs(np.mean(rejected) - 0.05) < 0.015


def test_confidences_are_those_of_normalized_digits():
    """A model that returns the brightest pixel, and the mean, as scores."""
    inputs = keras.Input((28, 28, 1))
    flat = keras.layers.Flatten()(inputs)
    outputs = keras.ops.stack(
        [keras.ops.max(flat, axis=1), keras.ops.mean(flat, axis=1)], axis=1
    )
    faint = np.zeros((1, 28, 28, 1), "uint8")
    faint[0, 5:20, 10:14] = 60
    confidences = held_out_confidences(keras.Model(inputs, outputs), faint)
    np.testing.assert_allclose(confidences, [1.0])  # the maximum becomes 1


def test_the_probability_of_no_class_is_no_confidence():
    inputs = keras.Input((28, 28, 1))
    maximum = keras.ops.max(inputs, axis=(1, 2, 3))
    outputs = keras.ops.stack([0.2 * maximum, 0.8 * maximum], axis=1)
    digit = np.full((1, 28, 28, 1), 255, "uint8")
    model = keras.Model(inputs, outputs)
    for num_classes, confidence in ((1, 0.2), (2, 0.8)):
        values = held_out_confidences(model, digit, num_classes)
        np.testing.assert_allclose(values, [confidence], rtol=1e-6)
