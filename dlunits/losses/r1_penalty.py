"""What keeps a discriminator flat where real examples are."""

from keras import ops

from dlunits.losses.gradient_penalty import output_and_squared_gradient_norm


def r1_penalty(discriminator, real):
    """Mean squared slope of a discriminator at real examples, "R1".

        penalty = mean_n ||d D(real_n) / d real_n||_2^2

    Where generated examples are already like the real ones, a discriminator
    has nothing to tell apart, and any slope of it leads the generator away
    again. With this penalty training converges there.

    Each example must be judged by itself: no batch normalization.

    Reference: Mescheder, Geiger and Nowozin, 2018, "Which training methods for
    GANs do actually converge?", https://arxiv.org/abs/1801.04406, whose gamma
    is twice the weight.

    Args:
        discriminator: Function of a tensor `(batch, ...)` to `(batch, 1)`.
        real: Tensor `(batch, ...)`.

    Returns:
        Scalar, float32.

    Raises:
        ValueError: If the backend is neither TensorFlow nor JAX.

    Example, slopes of 2 and 4: (2^2 + 4^2) / 2

    >>> float(r1_penalty(lambda x: x**2, ops.array([[1.0], [2.0]])))
    10.0
    """
    return output_and_r1_penalty(discriminator, real)[1]


def output_and_r1_penalty(discriminator, real):
    """The same beside D(real), which is evaluated once.

    Example:

    >>> answers, penalty = output_and_r1_penalty(ops.square, ops.ones((1, 1)))
    >>> float(answers[0, 0]), float(penalty)
    (1.0, 4.0)
    """
    real = ops.cast(real, "float32")
    answers, squares = output_and_squared_gradient_norm(discriminator, real)
    return answers, ops.mean(squares)
