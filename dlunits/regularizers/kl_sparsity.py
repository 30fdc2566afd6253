"""KL sparsity penalty for sparse autoencoders."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from dlunits.typing import Config, Tensor

# Mean activations are clipped to this range, so that logarithms are finite.
# The minimum is small enough to give inactive sigmoid units a gradient; the
# maximum is the second largest number below 1 in single precision.
MIN_MEAN = 1e-30
MAX_MEAN = 1 - 1e-7

# Layers that only apply an activation function.
ACTIVATION_LAYERS = (
    keras.layers.ReLU,
    keras.layers.LeakyReLU,
    keras.layers.ELU,
)

# Activations may leave [0, 1] by this much, because of rounding errors.
RANGE_TOLERANCE = 1e-3


@keras.saving.register_keras_serializable(package="dlunits")
class KLSparsity(keras.regularizers.Regularizer):
    """KL sparsity penalty on the mean activation of each unit.

    Use it as `activity_regularizer` of a layer with units in (0, 1), such as
    the sigmoid code of a sparse autoencoder. Each unit is then inactive for
    most examples, and each example activates few units.

        p_j     = mean of a_j over the batch (and over space or time)
        penalty = weight * sum_j KL(target || p_j)
        KL(t || p) = t log(t / p) + (1 - t) log((1 - t) / (1 - p))

    `a_j` is the activation of unit `j`. In the logarithms `p` is clipped to
    [1e-30, 1 - 1e-7]. The penalty is 0 if all means equal the target. It does
    not depend on the batch size: Keras divides the value of an activity
    regularizer by the batch size, so calling the regularizer returns the
    penalty times the batch size. Few examples give a poor estimate of the
    mean: for small batches use `dlunits.layers.MovingMeanSparsity`.

    The usual weight of 3 is for an error that is summed over pixels. The
    losses "mse" and "binary_crossentropy" of Keras are means over pixels:
    divide the weight by the number of pixels.

    Activations must be in [0, 1]. `check_layer` checks the activation function
    of a layer. Activations are also checked when the regularizer is called: in
    eager mode it raises an error; in a compiled function, which cannot raise
    one, the loss becomes NaN.

    Reference: Ng, 2011, "Sparse autoencoder", CS294A lecture notes,
    https://web.stanford.edu/class/cs294a/sparseAutoencoder.pdf.

    Args:
        target: Float in (0, 1), target of the mean activation, rho in the
            paper.
        weight: Positive float, in units of the loss, beta in the paper.
        axis: Integer, axis of the units, not 0; 1 for channels first.

    Call arguments:
        activations: Float tensor `(batch, ..., units)`.

    Raises:
        ValueError: If `target` is outside (0, 1), `weight` is not positive or
            `axis` is 0; when called, if an activation is outside [0, 1] or if
            there is no axis of units.

    Example, a unit with the mean activation 0.5 and the target 0.1:

    >>> sparsity = KLSparsity(target=0.1)
    >>> activations = ops.reshape(ops.array([0.0, 1.0, 0.0, 1.0]), (4, 1))
    >>> layer = keras.layers.Identity(activity_regularizer=sparsity)
    >>> _ = layer(activations)
    >>> round(float(layer.losses[0]), 4)  # .1 log(.1 / .5) + .9 log(.9 / .5)
    0.3681
    """

    def __init__(
        self, target: float = 0.05, weight: float = 1.0, axis: int = -1
    ):
        if not 0 < target < 1:
            raise ValueError(
                "`target` is a mean activation and must be in (0, 1), such as "
                f"0.05. Received: {target=}"
            )
        if not 0 < weight < math.inf:
            raise ValueError(
                "`weight` must be positive and finite; for no penalty use "
                f"`activity_regularizer=None`. Received: {weight=}"
            )
        if axis == 0:
            raise ValueError(
                "`axis` is the axis of the units and must not be 0, the axis "
                f"of the batch. Received: {axis=}"
            )
        self.target = target
        self.weight = weight
        self.axis = axis

    def __call__(self, activations: Tensor) -> Tensor:
        penalty = self.penalty(self.mean_activation(activations))
        # Keras divides the returned value by the batch size.
        return penalty * ops.cast(ops.shape(activations)[0], penalty.dtype)

    def mean_activation(self, activations: Tensor) -> Tensor:
        """Mean activations p, in single or double precision.

        Args:
            activations: Tensor `(batch, ..., units)`.

        Returns:
            Tensor `(units,)`, NaN if an activation is outside [0, 1] in a
            compiled function.

        Raises:
            ValueError: If an activation is outside [0, 1] in eager mode, or if
                there is no axis of units.
        """
        rank = len(activations.shape)
        if not -rank < self.axis < rank:
            raise ValueError(
                "Activations must have an axis of units besides the axis of "
                f"the batch. Received: the shape {tuple(activations.shape)} "
                f"with axis={self.axis}"
            )
        x = ops.cast(
            activations, keras.backend.result_type(activations.dtype, "float32")
        )
        values = ops.stop_gradient(x)
        outside = ops.any(
            (values < -RANGE_TOLERANCE) | (values > 1 + RANGE_TOLERANCE)
        )
        if is_true(outside):
            raise ValueError(
                f"{REMEDY} Received: activations from "
                f"{float(ops.min(values)):.3g} to {float(ops.max(values)):.3g}"
            )
        others = [axis for axis in range(rank) if axis != self.axis % rank]
        mean = ops.mean(x, axis=others)
        return ops.where(outside, ops.cast(np.nan, mean.dtype), mean)

    def penalty(self, mean: Tensor) -> Tensor:
        """Returns weight * sum_j KL(target || p_j), a scalar.

        Args:
            mean: Tensor `(units,)`, mean activations p.

        Returns:
            Scalar tensor.
        """
        return self.weight * ops.sum(bernoulli_kl(self.target, mean))

    def check_layer(self, layer: keras.layers.Layer) -> None:
        """Checks that the activation function of a layer stays in [0, 1].

        Args:
            layer: Keras layer. Layers without `activation` are accepted.

        Raises:
            ValueError: If the activation of a number from -100 to 100 is
                outside [0, 1].
        """
        activation = getattr(layer, "activation", None)
        if isinstance(layer, ACTIVATION_LAYERS):
            activation = layer.call
        if activation is None:
            return
        line = ops.linspace(-100.0, 100.0, 2001)[None]
        values = ops.convert_to_numpy(activation(line))
        if not (
            values.min() >= -RANGE_TOLERANCE
            and values.max() <= 1 + RANGE_TOLERANCE
        ):
            name = getattr(activation, "__name__", activation)
            raise ValueError(
                f"{REMEDY} Received: layer {layer.name!r} with activation "
                f"{name!r}, which ranges from {values.min():.3g} to "
                f"{values.max():.3g} for inputs from -100 to 100"
            )

    def get_config(self) -> Config:
        return {
            "target": self.target,
            "weight": self.weight,
            "axis": self.axis,
        }


REMEDY = (
    "KLSparsity needs activations in [0, 1]: use a layer with "
    'activation="sigmoid", or keep the activation and use '
    "`keras.regularizers.L1`."
)


def bernoulli_kl(t: float, p: Tensor) -> Tensor:
    """KL(t || p) of Bernoulli distributions, `(units,)` -> `(units,)`."""
    p = ops.clip(p, MIN_MEAN, MAX_MEAN)
    log_ratio = math.log(t) - ops.log(p)
    log_complement_ratio = math.log1p(-t) - ops.log1p(-p)
    return t * log_ratio + (1 - t) * log_complement_ratio


def is_true(condition: Any) -> bool:
    """Value of a boolean tensor, `False` if it has none.

    It has no value while a function is traced, and on the meta device of torch.
    """
    try:
        return bool(condition)
    except (TypeError, RuntimeError):
        return False
