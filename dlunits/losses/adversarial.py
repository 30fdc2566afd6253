"""Adversarial losses of the discriminator and the generator of a GAN."""

import math

from keras import ops

from dlunits.typing import Tensor


def discriminator_loss(
    adversarial_loss: str,
    real_output: Tensor,
    fake_output: Tensor,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Loss of the discriminator (or critic) of a GAN.

    With the outputs r for real and f for generated examples, `sigma` the
    sigmoid, s the label smoothing and mean[] the mean over the batch:

        minimax, non_saturating
                      loss = mean[-(1 - s) log sigma(r) - s log(1 - sigma(r))]
                             + mean[-log(1 - sigma(f))]
        least_squares
                      loss = mean[(r - (1 - s))^2] / 2 + mean[f^2] / 2
        hinge         loss = mean[max(0, 1 - r)] + mean[max(0, 1 + f)]
        wasserstein   loss = mean[f] - mean[r]

    Use `"wasserstein"` with `dlunits.losses.gradient_penalty`.

    Label smoothing is one-sided: the target for real examples is 1 - s, the
    target for generated examples stays 0.

    References: Goodfellow et al., 2014, https://arxiv.org/abs/1406.2661; Mao
    et al., 2017 (least squares), https://arxiv.org/abs/1611.04076; Miyato et
    al., 2018 (hinge), https://arxiv.org/abs/1802.05957; Arjovsky, Chintala and
    Bottou, 2017 (Wasserstein), https://arxiv.org/abs/1701.07875; Salimans et
    al., 2016 (label smoothing), https://arxiv.org/abs/1606.03498.

    Args:
        adversarial_loss: One of the five names above.
        real_output: Tensor, outputs of the discriminator for real examples:
            logits, without a sigmoid.
        fake_output: Tensor, outputs for generated examples.
        label_smoothing: Float in [0, 1), s.

    Returns:
        Scalar, float32.

    Raises:
        ValueError: If `adversarial_loss` is unknown, or if it has no labels to
            smooth.

    Example, where an undecided discriminator has the loss 2 log 2:

    >>> round(float(discriminator_loss("minimax", [0.0], [0.0])), 4)
    1.3863
    >>> float(discriminator_loss("hinge", [0.5, 2.0], [-1.0, -1.0]))
    0.25
    """
    check_adversarial_loss(adversarial_loss, label_smoothing)
    real_output = ops.cast(real_output, "float32")
    fake_output = ops.cast(fake_output, "float32")
    loss = DISCRIMINATOR_LOSSES[adversarial_loss]
    return loss(real_output, fake_output, label_smoothing)


def generator_loss(adversarial_loss: str, fake_output: Tensor) -> Tensor:
    """Loss of the generator of a GAN.

    With the outputs f of the discriminator for generated examples, `sigma` the
    sigmoid and mean[] the mean over the batch:

        minimax             loss = mean[log(1 - sigma(f))]
        non_saturating      loss = mean[-log sigma(f)]
        least_squares       loss = mean[(f - 1)^2] / 2
        hinge, wasserstein  loss = -mean[f]

    If the discriminator classifies generated examples with certainty, the
    gradient of `minimax` vanishes and that of `non_saturating` does not. Both
    have the same fixed point.

    References: Those of `discriminator_loss`.

    Args:
        adversarial_loss: One of the five names above.
        fake_output: Tensor, outputs of the discriminator for generated
            examples: logits, without a sigmoid.

    Returns:
        Scalar, float32.

    Raises:
        ValueError: If `adversarial_loss` is unknown.

    Example, where the loss is log 2 if the discriminator is undecided:

    >>> round(float(generator_loss("non_saturating", [0.0])), 4)
    0.6931
    """
    check_adversarial_loss(adversarial_loss)
    fake_output = ops.cast(fake_output, "float32")
    return GENERATOR_LOSSES[adversarial_loss](fake_output)


def decision_threshold(
    adversarial_loss: str, real_output: Tensor, fake_output: Tensor
) -> Tensor:
    """Decision threshold: output above which an example is classified as real.

        least_squares                  0.5, the mean of the targets 1 and 0
        minimax, non_saturating, hinge 0
        wasserstein                    (mean[r] + mean[f]) / 2

    Args:
        adversarial_loss: Name of the loss.
        real_output: Tensor, outputs r for real examples.
        fake_output: Tensor, outputs f for generated examples.

    Returns:
        Scalar.

    Example:

    >>> float(decision_threshold("least_squares", [3.0], [1.0]))
    0.5
    >>> float(decision_threshold("wasserstein", [3.0], [1.0]))
    2.0
    """
    if adversarial_loss == "wasserstein":
        return (ops.mean(real_output) + ops.mean(fake_output)) / 2
    threshold = 0.5 if adversarial_loss == "least_squares" else 0.0
    return ops.convert_to_tensor(threshold)


def check_adversarial_loss(
    adversarial_loss: str, label_smoothing: float = 0.0
) -> None:
    """Checks the name of a loss and its label smoothing.

    Raises:
        ValueError: If the name is unknown, the smoothing is outside [0, 1), or
            the loss has no labels to smooth.
    """
    if adversarial_loss not in DISCRIMINATOR_LOSSES:
        raise ValueError(
            f"The loss must be one of {', '.join(DISCRIMINATOR_LOSSES)}. "
            f"Received: {adversarial_loss!r}"
        )
    if not 0 <= label_smoothing < 1 or math.isnan(label_smoothing):
        raise ValueError(
            f"`label_smoothing` must be in [0, 1). Received: {label_smoothing}"
        )
    if label_smoothing and adversarial_loss in ("hinge", "wasserstein"):
        raise ValueError(
            f"The loss {adversarial_loss!r} has no labels to smooth: use "
            f"label_smoothing=0. Received: {label_smoothing=}"
        )


def cross_entropy(r: Tensor, f: Tensor, s: float) -> Tensor:
    """Discriminator loss `minimax` and `non_saturating`."""
    real_loss = (1 - s) * ops.softplus(-r)
    if s:
        real_loss += s * ops.softplus(r)
    return ops.mean(real_loss) + ops.mean(ops.softplus(f))


def least_squares(r: Tensor, f: Tensor, s: float) -> Tensor:
    """Discriminator loss `least_squares`."""
    real_loss = ops.square(r - (1 - s))
    return (ops.mean(real_loss) + ops.mean(ops.square(f))) / 2


def hinge(r: Tensor, f: Tensor, s: float) -> Tensor:
    """Discriminator loss `hinge`; s is not used."""
    return ops.mean(ops.relu(1 - r)) + ops.mean(ops.relu(1 + f))


def wasserstein(r: Tensor, f: Tensor, s: float) -> Tensor:
    """Discriminator loss `wasserstein`; s is not used."""
    return ops.mean(f) - ops.mean(r)


DISCRIMINATOR_LOSSES = {
    "minimax": cross_entropy,
    "non_saturating": cross_entropy,
    "least_squares": least_squares,
    "hinge": hinge,
    "wasserstein": wasserstein,
}

# log(1 - sigma(f)) = -softplus(f) and -log sigma(f) = softplus(-f)
GENERATOR_LOSSES = {
    "minimax": lambda f: -ops.mean(ops.softplus(f)),
    "non_saturating": lambda f: ops.mean(ops.softplus(-f)),
    "least_squares": lambda f: ops.mean(ops.square(f - 1)) / 2,
    "hinge": lambda f: -ops.mean(f),
    "wasserstein": lambda f: -ops.mean(f),
}
