"""The penalty that makes an autoencoder sparse."""

import math

import keras
import numpy as np
from keras import ops

# Means are kept between these, because the logarithms of 0 and of 1 - 1 are
# infinite. The lower one is so small that a sigmoid unit, however quiet, is
# still woken; the upper one is the last number below 1 but one.
LEAST = 1e-30
MOST = 1 - 1e-7

# Layers that are an activation and nothing else.
ACTIVATION_LAYERS = (
    keras.layers.ReLU,
    keras.layers.LeakyReLU,
    keras.layers.ELU,
)

# Rounding may carry a unit that ends at 1 this far beyond it.
ROUNDING = 1e-3


@keras.saving.register_keras_serializable(package="dlunits")
class KLSparsity(keras.regularizers.Regularizer):
    """Penalises units whose mean activation is not the small one wanted.

    Use it as `activity_regularizer` of a layer whose units lie in (0, 1),
    such as the sigmoid code of an autoencoder: each unit is then silent for
    most examples, and each example is told by a few units.

        p_j     = mean of a_j over the batch (and over space or time)
        penalty = weight * sum_j KL(target || p_j)
        KL(t || p) = t log(t / p) + (1 - t) log((1 - t) / (1 - p))

    `a_j` is the activation of unit `j`. The penalty is 0 where every mean is
    the target. It is a function of means and so does not grow with the batch;
    Keras divides what an activity regularizer returns by the batch size, so
    calling this one gives the penalty times the batch size, and the loss gets
    the penalty itself. A few examples are a poor estimate of the mean:
    for small batches see `dlunits.layers.MovingMeanSparsity`.

    The usual weight of 3 stands beside an error that is summed over pixels.
    Keras' "mse" and "binary_crossentropy" are means over pixels: divide the
    weight by their number to have the same balance.

    No unit may leave [0, 1]. `check_layer` tells by a layer's activation,
    before there are values. Values are looked at too: outside a compiled
    function they are refused; inside one, where none can raise an error, the
    loss becomes NaN at that step.

    Reference: Ng, 2011, "Sparse autoencoder", CS294A lecture notes,
    https://web.stanford.edu/class/cs294a/sparseAutoencoder.pdf.

    Args:
        target: Float in (0, 1), mean activation wanted, the paper's rho.
        weight: Positive float, in units of the loss, the paper's beta.
        axis: Integer, axis of the units, not 0; 1 if channels come first.

    Call arguments:
        activations: Float tensor `(batch, ..., units)`.

    Raises:
        ValueError: If `target` lies outside (0, 1) or `weight` is not
            positive; when called, if a unit lies outside [0, 1] or there is
            no axis of units beside the batch.

    Example, a unit that is on in half of the cases and should be in a tenth:

    >>> sparsity = KLSparsity(target=0.1)
    >>> on = ops.reshape(ops.array([0.0, 1.0, 0.0, 1.0]), (4, 1))
    >>> layer = keras.layers.Identity(activity_regularizer=sparsity)
    >>> _ = layer(on)
    >>> round(float(layer.losses[0]), 4)  # .1 log(.1 / .5) + .9 log(.9 / .5)
    0.3681
    """

    def __init__(self, target=0.05, weight=1.0, axis=-1):
        if not 0 < target < 1:
            raise ValueError(
                "`target` is a mean activation and must lie between 0 and 1, "
                f"such as 0.05. Received: {target=}"
            )
        if not 0 < weight < math.inf:
            raise ValueError(
                "`weight` must be positive: a penalty that rewards, or does "
                "nothing, is left out (`activity_regularizer=None`). "
                f"Received: {weight=}"
            )
        if axis == 0:
            raise ValueError(
                "`axis` is that of the units; axis 0 is the batch. Received: "
                f"{axis=}"
            )
        self.target = target
        self.weight = weight
        self.axis = axis

    def __call__(self, activations):
        penalty = self.penalty(self.mean_activation(activations))
        # Keras divides by the batch size what this returns.
        return penalty * ops.cast(ops.shape(activations)[0], penalty.dtype)

    def mean_activation(self, activations):
        """Returns `p`, `(units,)`, in single precision at least.

        All of them are NaN if a unit left [0, 1] and no error can say so.
        """
        rank = len(activations.shape)
        if not -rank < self.axis < rank:
            raise ValueError(
                "Activations must have an axis of units beside that of the "
                f"batch. Received: the shape {tuple(activations.shape)} with "
                f"axis={self.axis}"
            )
        x = ops.cast(
            activations, keras.backend.result_type(activations.dtype, "float32")
        )
        values = ops.stop_gradient(x)
        outside = ops.any((values < -ROUNDING) | (values > 1 + ROUNDING))
        if is_known_to_hold(outside):
            raise ValueError(
                f"{REMEDY} Received: activations from "
                f"{float(ops.min(values)):.3g} to {float(ops.max(values)):.3g}"
            )
        others = [axis for axis in range(rank) if axis != self.axis % rank]
        mean = ops.mean(x, axis=others)
        return ops.where(outside, ops.cast(np.nan, mean.dtype), mean)

    def penalty(self, mean):
        """Mean activations, `(units,)`, to `weight * sum_j KL`, a scalar."""
        return self.weight * ops.sum(bernoulli_kl(self.target, mean))

    def check_layer(self, layer):
        """Refuses a layer whose activation can leave [0, 1].

        Args:
            layer: Keras layer. If it has no `activation`, nothing is known
                and nothing is refused.

        Raises:
            ValueError: If its activation takes a number from -100 to 100 out
                of [0, 1].
        """
        activation = getattr(layer, "activation", None)
        if isinstance(layer, ACTIVATION_LAYERS):
            activation = layer.call
        if activation is None:
            return
        line = ops.linspace(-100.0, 100.0, 2001)[None]
        values = ops.convert_to_numpy(activation(line))
        if not (values.min() >= -ROUNDING and values.max() <= 1 + ROUNDING):
            name = getattr(activation, "__name__", activation)
            raise ValueError(
                f"{REMEDY} Received: layer {layer.name!r} with activation "
                f"{name!r}, which is {values.min():.3g} to {values.max():.3g} "
                "between -100 and 100"
            )

    def get_config(self):
        return {
            "target": self.target,
            "weight": self.weight,
            "axis": self.axis,
        }


REMEDY = (
    "KLSparsity is for units that lie in [0, 1]: give the layer "
    'activation="sigmoid", or keep the activation and use '
    "`keras.regularizers.L1`."
)


def bernoulli_kl(target, mean):
    """Number t, (units,) -> KL(t || p) of each unit"""
    mean = ops.clip(mean, LEAST, MOST)
    on = math.log(target) - ops.log(mean)
    off = math.log1p(-target) - ops.log1p(-mean)
    return target * on + (1 - target) * off


def is_known_to_hold(condition):
    """Boolean tensor -> bool; `False` in a compiled function: not known yet."""
    try:
        return bool(condition)
    except (TypeError, RuntimeError):  # tracing; torch's tensors without data
        return False
