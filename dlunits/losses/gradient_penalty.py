"""Gradient penalty of the Wasserstein GAN (WGAN-GP)."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from dlunits.autodiff import vjp
from dlunits.typing import Tensor

# Under the square root, whose derivative is infinite at 0.
NORM_EPSILON = 1e-12


def gradient_penalty(
    critic: Callable[[Tensor], Tensor],
    real: Tensor,
    fake: Tensor,
    seed: Any = None,
) -> Tensor:
    """Gradient penalty of WGAN-GP: squared distance of gradient norms from 1.

    The optimal Wasserstein critic has gradients of norm 1 between real and
    generated examples. One point is drawn on the line between each pair:

        x_n     = e_n real_n + (1 - e_n) fake_n,    e_n uniform in [0, 1]
        g_n     = d critic(x_n) / d x_n
        penalty = mean_n (sqrt(||g_n||_2^2 + 1e-12) - 1)^2

    `e_n` is drawn for each pair n. The critic must process each example
    independently, without batch normalization.

    Reference: Gulrajani et al., 2017, "Improved training of Wasserstein GANs",
    https://arxiv.org/abs/1704.00028. The weight of the penalty there is 10.

    Args:
        critic: Function of a tensor `(batch, ...)` to `(batch, 1)`.
        real: Tensor `(batch, ...)`, real examples.
        fake: Tensor of the same shape, generated examples.
        seed: Integer or `keras.random.SeedGenerator`, seed of `e_n`.

    Returns:
        Scalar, float32.

    Raises:
        ValueError: If the backend is not TensorFlow, JAX or PyTorch.

    Example, where the gradient is 3 everywhere, (3 - 1)^2 = 4:

    >>> critic = lambda x: 3 * x
    >>> float(gradient_penalty(critic, ops.ones((2, 1)), ops.zeros((2, 1))))
    4.0
    """
    real, fake = ops.cast(real, "float32"), ops.cast(fake, "float32")
    ones = (1,) * (len(real.shape) - 1)
    e = keras.random.uniform((ops.shape(real)[0], *ones), seed=seed)
    x = e * real + (1 - e) * fake
    _, squared_norm = output_and_squared_gradient_norm(critic, x)
    norm = ops.sqrt(squared_norm + NORM_EPSILON)
    return ops.mean(ops.square(norm - 1))


def output_and_squared_gradient_norm(
    critic: Callable[[Tensor], Tensor], x: Tensor
) -> tuple[Tensor, Tensor]:
    """Output of a critic, and squared norm of its gradient per example.

        critic(x_n)  and  ||d critic(x_n) / d x_n||_2^2

    Args:
        critic: Function of a tensor `(batch, ...)` to `(batch, 1)`.
        x: Tensor `(batch, ...)`.

    Returns:
        `(output, squared_norm)`: `(batch, 1)`, and `(batch,)` in float32.

    Example:

    >>> output, squared_norm = output_and_squared_gradient_norm(
    ...     lambda x: 3 * x, ops.ones((1, 1))
    ... )
    >>> float(output[0, 0]), float(squared_norm[0])
    (3.0, 9.0)
    """
    output, pullback = vjp(critic, x)
    gradient = ops.cast(pullback(ops.ones_like(output)), "float32")
    axes = tuple(range(1, len(gradient.shape)))
    return output, ops.sum(ops.square(gradient), axis=axes)
