"""What a discriminator and a generator want from each other's answers."""

import math

from keras import ops


def discriminator_loss(kind, real, fake, label_smoothing=0.0):
    """How badly a discriminator tells real examples from generated ones.

    With the answers r to real and f to generated examples, large for real,
    `sigma` the sigmoid and s the smoothing:

        minimax, non_saturating
                        mean[-(1 - s) log sigma(r) - s log(1 - sigma(r))]
                        + mean[-log(1 - sigma(f))]
        least_squares   mean[(r - (1 - s))^2] / 2 + mean[f^2] / 2
        hinge           mean[max(0, 1 - r)] + mean[max(0, 1 + f)]
        wasserstein     mean[f] - mean[r], with `gradient_penalty` beside it

    Smoothing is one-sided: a discriminator that must be sure of the fakes
    alone cannot be led by them.

    Reference: Goodfellow et al., 2014, https://arxiv.org/abs/1406.2661; Mao et
    al., 2017, https://arxiv.org/abs/1611.04076; Miyato et al., 2018,
    https://arxiv.org/abs/1802.05957; Arjovsky, Chintala and Bottou, 2017,
    https://arxiv.org/abs/1701.07875; for the smoothing, Salimans et al., 2016,
    https://arxiv.org/abs/1606.03498.

    Args:
        kind: One of the five names above.
        real: Tensor, answers to real examples, any numbers ("logits").
        fake: Tensor, answers to generated ones.
        label_smoothing: Number in [0, 1), s.

    Returns:
        Scalar, float32.

    Raises:
        ValueError: If `kind` is not known, or cannot be smoothed.

    Example, a discriminator that knows nothing pays 2 log 2:

    >>> round(float(discriminator_loss("minimax", [0.0], [0.0])), 4)
    1.3863
    >>> float(discriminator_loss("hinge", [0.5, 2.0], [-1.0, -1.0]))
    0.25
    """
    check_adversarial_loss(kind, label_smoothing)
    real, fake = ops.cast(real, "float32"), ops.cast(fake, "float32")
    return DISCRIMINATOR_LOSSES[kind](real, fake, label_smoothing)


def generator_loss(kind, fake):
    """How badly a generator deceives a discriminator.

        minimax         mean[log(1 - sigma(f))]
        non_saturating  mean[-log sigma(f)]
        least_squares   mean[(f - 1)^2] / 2
        hinge, wasserstein  -mean[f]

    Where the discriminator is sure, the gradient of `minimax` vanishes and
    that of `non_saturating` does not; they have the same fixed point.

    Reference: As of `discriminator_loss`.

    Args:
        kind: One of the five names above.
        fake: Tensor, the discriminator's answers to generated examples.

    Returns:
        Scalar, float32.

    Raises:
        ValueError: If `kind` is not known.

    Example, log 2 where the discriminator knows nothing:

    >>> round(float(generator_loss("non_saturating", [0.0])), 4)
    0.6931
    """
    check_adversarial_loss(kind)
    return GENERATOR_LOSSES[kind](ops.cast(fake, "float32"))


def decision_threshold(kind, real, fake):
    """The answer above which an example passes for real.

    Half way between what the loss asks of real and of generated examples; of
    `wasserstein`, which asks for no numbers, half way between the means.

    Args:
        kind: Name of the loss.
        real, fake: Tensors of answers.

    Returns:
        Scalar.

    Example:

    >>> float(decision_threshold("least_squares", [3.0], [1.0]))
    0.5
    >>> float(decision_threshold("wasserstein", [3.0], [1.0]))
    2.0
    """
    if kind == "wasserstein":
        return (ops.mean(real) + ops.mean(fake)) / 2
    return ops.convert_to_tensor(0.5 if kind == "least_squares" else 0.0)


def check_adversarial_loss(kind, label_smoothing=0.0):
    if kind not in DISCRIMINATOR_LOSSES:
        raise ValueError(
            f"The loss must be one of {', '.join(DISCRIMINATOR_LOSSES)}. "
            f"Received: {kind!r}"
        )
    if not 0 <= label_smoothing < 1 or math.isnan(label_smoothing):
        raise ValueError(
            f"`label_smoothing` must lie in [0, 1). Received: {label_smoothing}"
        )
    if label_smoothing and kind in ("hinge", "wasserstein"):
        raise ValueError(
            f"The loss {kind!r} has no labels to smooth: take "
            f"label_smoothing=0. Received: {label_smoothing=}"
        )


def cross_entropy(real, fake, smoothing):
    of_real = (1 - smoothing) * ops.softplus(-real)
    if smoothing:
        of_real += smoothing * ops.softplus(real)
    return ops.mean(of_real) + ops.mean(ops.softplus(fake))


def least_squares(real, fake, smoothing):
    of_real = ops.square(real - (1 - smoothing))
    return (ops.mean(of_real) + ops.mean(ops.square(fake))) / 2


def hinge(real, fake, smoothing):
    return ops.mean(ops.relu(1 - real)) + ops.mean(ops.relu(1 + fake))


def wasserstein(real, fake, smoothing):
    return ops.mean(fake) - ops.mean(real)


DISCRIMINATOR_LOSSES = {
    "minimax": cross_entropy,
    "non_saturating": cross_entropy,
    "least_squares": least_squares,
    "hinge": hinge,
    "wasserstein": wasserstein,
}

GENERATOR_LOSSES = {
    "minimax": lambda fake: -ops.mean(ops.softplus(fake)),
    "non_saturating": lambda fake: ops.mean(ops.softplus(-fake)),
    "least_squares": lambda fake: ops.mean(ops.square(fake - 1)) / 2,
    "hinge": lambda fake: -ops.mean(fake),
    "wasserstein": lambda fake: -ops.mean(fake),
}
