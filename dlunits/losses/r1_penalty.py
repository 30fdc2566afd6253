"""R1 penalty: zero-centered gradient penalty on real examples."""

from collections.abc import Callable

from keras import ops

from dlunits.losses.gradient_penalty import output_and_squared_gradient_norm
from dlunits.typing import Tensor


def r1_penalty(
    discriminator: Callable[[Tensor], Tensor], real: Tensor
) -> Tensor:
    """R1 penalty: mean squared gradient norm at real examples.

        penalty = mean_n ||d D(real_n) / d real_n||_2^2

    Without this penalty, a discriminator with a nonzero gradient at real
    examples moves a generator that matches the data away from them. With it,
    training converges locally.

    The discriminator must process each example independently, without batch
    normalization.

    Reference: Mescheder, Geiger and Nowozin, 2018, "Which training methods for
    GANs do actually converge?", https://arxiv.org/abs/1801.04406. Their weight
    is gamma / 2.

    Args:
        discriminator: Function D of a tensor `(batch, ...)` to `(batch, 1)`.
        real: Tensor `(batch, ...)`, real examples.

    Returns:
        Scalar, float32.

    Raises:
        ValueError: If the backend is not TensorFlow, JAX or PyTorch.

    Example, gradients of 2 and 4: (2^2 + 4^2) / 2

    >>> float(r1_penalty(lambda x: x**2, ops.array([[1.0], [2.0]])))
    10.0
    """
    return output_and_r1_penalty(discriminator, real)[1]


def output_and_r1_penalty(
    discriminator: Callable[[Tensor], Tensor], real: Tensor
) -> tuple[Tensor, Tensor]:
    """Output D(real) and R1 penalty, from one evaluation of D.

    Args:
        discriminator: Function D of a tensor `(batch, ...)` to `(batch, 1)`.
        real: Tensor `(batch, ...)`, real examples.

    Returns:
        `(output, penalty)`: `(batch, 1)`, and a scalar in float32.

    Example:

    >>> output, penalty = output_and_r1_penalty(ops.square, ops.ones((1, 1)))
    >>> float(output[0, 0]), float(penalty)
    (1.0, 4.0)
    """
    real = ops.cast(real, "float32")
    output, squared_norms = output_and_squared_gradient_norm(
        discriminator, real
    )
    return output, ops.mean(squared_norms)
