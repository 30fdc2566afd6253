"""Statistics of the units of a code: activity, dead units, saturation."""

from collections.abc import Sequence

import keras
import numpy as np

from dlunits.typing import Array, ArrayLike

# Ranges of activation functions with two bounds.
BOUNDS = {
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
}

# A unit is dead if its variance is at most this fraction of the mean variance.
DEAD_VARIANCE = 0.01

# A unit is saturated if it is this close to a bound, as fraction of the range.
SATURATION_MARGIN = 0.05


def code_statistics(
    code: ArrayLike, bounds: Sequence[float] | None = None
) -> dict[str, float | None]:
    """Mean activation, fraction of dead units and saturation of a code.

        mean_activation = mean of |h_ij| over examples i and units j
        dead_units      = fraction of units j with
                          Var(h_j) <= 0.01 * mean of Var(h_k) over units k
        saturation      = fraction of the h_ij within 5 % of the range from a
                          bound

    h_ij is unit j of the code of example i, and Var the variance over the
    examples. Dead units are detected independently of the scale of the code:
    ReLU units that are always 0, sigmoid units that are always 1, and unused
    latent variables of a variational autoencoder. If no unit varies, all are
    dead.

    Where a unit is saturated, the activation function is flat, so the code
    depends little on the input. For a sigmoid these are values below 0.05 and
    above 0.95.

    Reference: Rifai et al., 2011, "Contractive auto-encoders", table 1, for
    saturation, https://icml.cc/2011/papers/455_icmlpaper.pdf.

    Args:
        code: Array `(examples, ...)`, one code per example.
        bounds: Pair `(low, high)`, range of the activation function of the
            units, such as `(0, 1)` of a sigmoid. `None` for activation
            functions without two bounds.

    Returns:
        Dict: `mean_activation`, `dead_units` and `saturation`, which is `None`
        without `bounds`.

    Raises:
        ValueError: If there are no codes, if a code is not finite, or if a
            code is outside the bounds.

    Example, where the second unit is always 1:

    >>> statistics = code_statistics([[0.0, 1.0], [0.5, 1.0]], bounds=(0, 1))
    >>> statistics["mean_activation"]  # (0 + 1 + 0.5 + 1) / 4
    0.625
    >>> statistics["dead_units"], statistics["saturation"]  # 1 of 2, 3 of 4
    (0.5, 0.75)
    """
    h = flatten_code(code)
    variance = h.var(axis=0)
    saturation = None
    if bounds is not None:
        low, high = bounds
        if h.min() < low or h.max() > high:
            raise ValueError(
                f"The code must be within {bounds=}. Received: values from "
                f"{h.min():g} to {h.max():g}"
            )
        margin = SATURATION_MARGIN * (high - low)
        saturation = float(((h < low + margin) | (h > high - margin)).mean())
    is_dead = variance <= DEAD_VARIANCE * variance.mean()
    return {
        "mean_activation": float(np.abs(h).mean()),
        "dead_units": float(is_dead.mean()),
        "saturation": saturation,
    }


def code_bounds(encoder: keras.Model) -> tuple[float, float] | None:
    """Range of the activation function of an encoder's code.

    Args:
        encoder: Keras model. Its last layer with an activation function is that
            of the code.

    Returns:
        `(0.0, 1.0)` for a sigmoid, `(-1.0, 1.0)` for tanh, `None` for
        activation functions without two bounds.

    Example:

    >>> layer = keras.layers.Dense(2, "tanh")
    >>> code_bounds(keras.Sequential([keras.Input((3,)), layer]))
    (-1.0, 1.0)
    """
    for layer in reversed(encoder.layers):
        if hasattr(layer, "activation"):
            return BOUNDS.get(getattr(layer.activation, "__name__", ""))
    return None


def flatten_code(code: ArrayLike) -> Array:
    """Flattens codes to `(examples, units)`, float64.

    Raises:
        ValueError: If there are no codes, or if a code is not finite.
    """
    array = np.asarray(code, "float64")
    if array.ndim < 2 or array.size == 0:
        raise ValueError(
            "The code must be an array (examples, ...) of at least one unit. "
            f"Received: an array of shape {array.shape}"
        )
    if not np.isfinite(array).all():
        raise ValueError(
            "The code must be finite: check the images for NaN, and whether "
            f"training diverged. Received: {(~np.isfinite(array)).sum()} of "
            f"{array.size} values that are not finite"
        )
    return array.reshape(len(array), -1)
