"""What keeps a critic's slope at 1."""

import keras
from keras import ops

from dlunits.autodiff import vjp


def gradient_penalty(critic, real, fake, seed=None):
    """Mean squared distance of a critic's slope from 1.

    Between real and generated examples the slope of the best Wasserstein
    critic is 1 everywhere. One point is drawn on the line between each pair:

        x_n = e_n real_n + (1 - e_n) fake_n,    e_n uniform in [0, 1]
        penalty = mean_n (||d critic(x_n) / d x_n||_2 - 1)^2

    Each example must be judged by itself: no batch normalization.

    Reference: Gulrajani et al., 2017, "Improved training of Wasserstein GANs",
    https://arxiv.org/abs/1704.00028, who weight it by 10.

    Args:
        critic: Function of a tensor `(batch, ...)` to `(batch, 1)`.
        real: Tensor `(batch, ...)`.
        fake: Tensor of the same shape.
        seed: Integer or `keras.random.SeedGenerator`.

    Returns:
        Scalar, float32.

    Raises:
        ValueError: If the backend is neither TensorFlow nor JAX.

    Example, a slope of 3 everywhere: (3 - 1)^2

    >>> critic = lambda x: 3 * x
    >>> float(gradient_penalty(critic, ops.ones((2, 1)), ops.zeros((2, 1))))
    4.0
    """
    real, fake = ops.cast(real, "float32"), ops.cast(fake, "float32")
    ones = (1,) * (len(real.shape) - 1)
    share = keras.random.uniform((ops.shape(real)[0], *ones), seed=seed)
    between = share * real + (1 - share) * fake
    _, squared = output_and_squared_gradient_norm(critic, between)
    # The root has no derivative at 0, where a critic may well start.
    return ops.mean(ops.square(ops.sqrt(squared + 1e-12) - 1))


def output_and_squared_gradient_norm(critic, x):
    """critic(x_n) and ||d critic(x_n) / d x_n||_2^2, `(batch,)`, float32.

    Example:

    >>> answers, squares = output_and_squared_gradient_norm(
    ...     lambda x: 3 * x, ops.ones((1, 1))
    ... )
    >>> float(answers[0, 0]), float(squares[0])
    (3.0, 9.0)
    """
    answers, pullback = vjp(critic, x)
    slope = ops.cast(pullback(ops.ones_like(answers)), "float32")
    axes = tuple(range(1, len(slope.shape)))
    return answers, ops.sum(ops.square(slope), axis=axes)
