"""Derivatives compared with finite differences and hand arithmetic."""

import os
import re
import subprocess
import sys

import keras
import numpy as np
from keras import ops

from dlunits import autodiff

W = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
X = np.random.default_rng(1).normal(size=(2, 3)).astype("float32")


def squashed(x):
    """(batch, 3) -> (batch, 4)"""
    return ops.tanh(ops.matmul(x, W))


def squashed_jacobian_np(x, step=1e-4):
    """J[n, i, j] by central differences, in a loop over inputs."""
    jacobian = np.empty((len(x), 4, 3))
    for j in range(3):
        up, down = x.astype("float64"), x.astype("float64")
        up[:, j] += step
        down[:, j] -= step
        difference = np.tanh(up @ W) - np.tanh(down @ W)
        jacobian[:, :, j] = difference / (2 * step)
    return jacobian


def test_jacobian_matches_central_differences():
    y, jacobian = autodiff.jacobian(squashed, X)
    np.testing.assert_allclose(
        ops.convert_to_numpy(y), np.tanh(X @ W), rtol=1e-5
    )
    np.testing.assert_allclose(
        ops.convert_to_numpy(jacobian),
        squashed_jacobian_np(X),
        rtol=1e-4,
        atol=1e-5,
    )


def test_vjp_is_a_weighted_sum_of_the_rows_of_the_jacobian():
    v = np.random.default_rng(2).normal(size=(2, 4)).astype("float32")
    y, pullback = autodiff.vjp(squashed, X)
    np.testing.assert_allclose(
        ops.convert_to_numpy(y), np.tanh(X @ W), rtol=1e-5
    )
    np.testing.assert_allclose(
        ops.convert_to_numpy(pullback(ops.convert_to_tensor(v))),
        np.einsum("ni,nij->nj", v, squashed_jacobian_np(X)),
        rtol=1e-4,
        atol=1e-5,
    )


def test_pullback_can_be_called_more_than_once():
    _, pullback = autodiff.vjp(ops.square, X)
    once, twice = pullback(ops.ones((2, 3))), pullback(2 * ops.ones((2, 3)))
    np.testing.assert_allclose(
        ops.convert_to_numpy(twice), 2 * ops.convert_to_numpy(once)
    )


def test_jvp_is_a_weighted_sum_of_the_columns_of_the_jacobian():
    v = np.random.default_rng(3).normal(size=(2, 3)).astype("float32")
    y, derivative = autodiff.jvp(squashed, X, v)
    np.testing.assert_allclose(
        ops.convert_to_numpy(y), np.tanh(X @ W), rtol=1e-5
    )
    np.testing.assert_allclose(
        ops.convert_to_numpy(derivative),
        np.einsum("nij,nj->ni", squashed_jacobian_np(X), v),
        rtol=1e-4,
        atol=1e-5,
    )


def test_a_function_that_ignores_its_input_has_derivative_zero():
    def constant(x):
        return ops.ones((2, 4))

    ones = ops.ones((2, 4))
    for derivative, shape in (
        (autodiff.vjp(constant, X)[1](ones), (2, 3)),
        (autodiff.jvp(constant, X, ops.ones((2, 3)))[1], (2, 4)),
        (autodiff.jacobian(constant, X)[1], (2, 4, 3)),
    ):
        np.testing.assert_array_equal(
            ops.convert_to_numpy(derivative), np.zeros(shape)
        )


def test_derivatives_can_be_differentiated():
    """d/dx of (d/dx sum x^3)^T 1 = 6 x, by each of the three functions."""

    def cube(x):
        return x * x * x

    ones = ops.ones((2, 3))
    slopes = (
        lambda x: autodiff.vjp(cube, x)[1](ones),
        lambda x: autodiff.jvp(cube, x, ones)[1],
        lambda x: ops.sum(autodiff.jacobian(cube, x)[1], axis=2),
    )
    for slope in slopes:
        _, pullback = autodiff.vjp(slope, X)
        np.testing.assert_allclose(
            ops.convert_to_numpy(pullback(ones)), 6 * X, rtol=1e-5
        )


def test_other_backends_are_rejected_with_the_supported_ones(project):
    process = subprocess.run(
        [
            sys.executable,
            "-c",
            "from dlunits.autodiff import backend as b; b()",
        ],
        env={**os.environ, "KERAS_BACKEND": "numpy"},
        cwd=project,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 1
    expected = r"ValueError: .*'tensorflow', 'jax' and 'torch'.*backend='numpy'"
    assert re.search(expected, process.stderr)


def test_the_explicit_gradient_is_used():
    """The gradient 3 is that of `backward`, not of the square."""
    square = autodiff.custom_gradient(
        lambda x, y: ((x * x, x + y), (x,)),
        lambda kept, gradients: (3.0 * gradients[0] + gradients[1], None),
    )

    def number(x):
        product, total = square(x, ops.ones(2))
        return ops.sum(product) + 10 * ops.sum(total)

    y, pullback = autodiff.vjp(number, np.array([3.0, 4.0], "float32"))
    assert float(y) == 9 + 16 + 10 * (4 + 5)
    np.testing.assert_array_equal(pullback(1.0), [13.0, 13.0])


def test_a_weight_can_be_an_argument_of_a_custom_gradient():
    """d(w x)/dw = x and d(w x)/dx = w, eagerly and in `fit`."""
    scale = autodiff.custom_gradient(
        lambda x, w: ((w * x,), (x, w)),
        lambda kept, gradients: (
            kept[1] * gradients[0],
            ops.sum(kept[0] * gradients[0], axis=0),
        ),
    )

    class Scale(keras.layers.Layer):
        def build(self, input_shape):
            self.w = self.add_weight(shape=input_shape[1:], initializer="ones")

        def call(self, x):
            return scale(x, self.w)[0]

    layer = Scale()
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(X)), X)
    _, _, (slope,) = autodiff.gradients(
        lambda: (ops.sum(layer(X)), None), layer.trainable_variables
    )
    np.testing.assert_allclose(
        ops.convert_to_numpy(slope), X.sum(axis=0), rtol=1e-6
    )

    model = keras.Sequential([keras.Input((3,)), layer])
    model.compile(keras.optimizers.SGD(1.0), lambda y, outputs: outputs)
    model.fit(X, X, batch_size=len(X), verbose=0)
    # The mean over the 3 features and 2 examples.
    np.testing.assert_allclose(layer.w, 1 - X.sum(axis=0) / 3 / 2, rtol=1e-5)


def test_an_explicit_gradient_can_be_differentiated():
    """The derivatives of x^3 are 3 x^2 and 6 x."""
    cube = autodiff.custom_gradient(
        lambda x: ((x * x * x,), {"square": x * x}),
        lambda kept, gradients: (3.0 * kept["square"] * gradients[0],),
    )

    def slope(x):
        return autodiff.vjp(lambda x: cube(x)[0], x)[1](ops.ones((2, 3)))

    first, pullback = autodiff.vjp(slope, X)
    np.testing.assert_allclose(ops.convert_to_numpy(first), 3 * X**2, rtol=1e-5)
    np.testing.assert_allclose(
        ops.convert_to_numpy(pullback(ops.ones((2, 3)))), 6 * X, rtol=1e-5
    )
