"""LocalResponseNormalization against a loop and TensorFlow's function."""

import numpy as np
import pytest
from keras import ops

from dlunits.layers import LocalResponseNormalization


def loop(x, radius, bias, alpha, beta):
    """Krizhevsky et al., 2012, section 3.3, channel by channel."""
    y = np.empty_like(x)
    channels = x.shape[-1]
    for c in range(channels):
        total = np.zeros(x.shape[:-1])
        for j in range(max(0, c - radius), min(channels - 1, c + radius) + 1):
            total += x[..., j] ** 2
        y[..., c] = x[..., c] / (bias + alpha * total) ** beta
    return y


def activations(channels):
    # The squares of activations up to about 300 times 1e-4 are about 10.
    rng = np.random.default_rng(0)
    return rng.normal(scale=100, size=(2, 3, 4, channels)).astype("float32")


@pytest.mark.parametrize(
    ("channels", "arguments"),
    [
        (9, (2, 2.0, 1e-4, 0.75)),  # the paper's
        (9, (1, 1.0, 1e-2, 0.5)),
        (9, (0, 0.5, 1e-3, 1.3)),
        (3, (5, 1.0, 1e-3, 0.75)),  # the window is larger than the input
    ],
)
def test_matches_a_loop_over_channels(channels, arguments):
    x = activations(channels)
    y = LocalResponseNormalization(*arguments)(x)
    np.testing.assert_allclose(
        ops.convert_to_numpy(y), loop(x, *arguments), rtol=1e-5, atol=1e-6
    )


def test_matches_the_function_and_gradient_of_tensorflow():
    tf = pytest.importorskip("tensorflow")
    x = tf.constant(activations(8))
    with tf.GradientTape() as tape:
        tape.watch(x)
        expected = tf.nn.local_response_normalization(
            x, depth_radius=2, bias=2.0, alpha=1e-4, beta=0.75
        )
        total = tf.reduce_sum(tf.sin(expected))
    expected_gradient = tape.gradient(total, x)
    layer = LocalResponseNormalization()
    np.testing.assert_allclose(
        ops.convert_to_numpy(layer(x.numpy())), expected, rtol=1e-5, atol=1e-6
    )
    from dlunits.autodiff import vjp

    _, pullback = vjp(lambda x: ops.sum(ops.sin(layer(x))), x.numpy())
    np.testing.assert_allclose(
        ops.convert_to_numpy(pullback(ops.ones(()))),
        expected_gradient,
        rtol=1e-4,
        atol=1e-5,
    )


def test_squares_of_half_precision_numbers_are_finite():
    """300^2 is above 65,504, the largest half-precision number."""
    layer = LocalResponseNormalization(
        depth_radius=0, bias=1.0, alpha=1e-4, beta=0.5, dtype="float16"
    )
    y = layer(ops.full((1, 1), 300.0, dtype="float16"))
    # 300 / sqrt(1 + 1e-4 * 90,000) = 300 / sqrt(10)
    assert float(y[0, 0]) == pytest.approx(94.87, rel=1e-3)


@pytest.mark.parametrize(
    "arguments",
    [
        {"depth_radius": -1},
        {"depth_radius": 1.5},
        {"bias": 0.0},
        {"alpha": -1e-4},
        {"bias": float("nan")},
    ],
)
def test_rejects_arguments_out_of_range(arguments):
    [(name, value)] = arguments.items()
    with pytest.raises(ValueError, match=f"Received: {name}={value}"):
        LocalResponseNormalization(**arguments)
