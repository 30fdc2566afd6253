"""How many units of a code are at work, and how hard."""

import numpy as np

# Activations with two ends, between which they respond.
BOUNDS = {
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
}

# A unit that varies less than this part of what units vary on average is dead.
DEAD = 0.01

# The part of the range, at either end, in which a unit is saturated.
OUTER = 0.05


def code_statistics(code, bounds=None):
    """Measures how active, how alive and how saturated the units are.

        mean activation = mean of |h_ij| over examples i and units j
        dead units      = share of units j with
                          Var(h_j) <= 0.01 * mean of Var(h_k) over units k
        saturation      = share of the h_ij within 5 % of the range of an end

    The measure of dead units does not depend on the scale of the code; it
    finds ReLU units that are always off, sigmoid units that are always on,
    and the latent variables that a variational autoencoder leaves unused. If
    nothing varies, all units are dead.

    Saturated units stand where the activation is flat: there the code hardly
    answers to the input. With a sigmoid they are those below 0.05 and above
    0.95.

    Reference: Rifai et al., 2011, "Contractive Auto-Encoders", table 1, for
    saturation, https://icml.cc/2011/papers/455_icmlpaper.pdf.

    Args:
        code: Array `(examples, ...)`, a code an example.
        bounds: Pair `(low, high)`, the ends of the range of the units'
            activation, such as `(0, 1)` of a sigmoid; `None` if it has no two
            ends, and then there is no saturation.

    Returns:
        Dict: `mean_activation`, `dead_units`, `saturation` (`None` without
        `bounds`).

    Raises:
        ValueError: If there are no codes, one of them is not finite, or one
            lies outside the bounds.

    Example, the second unit is always on:

    >>> statistics = code_statistics([[0.0, 1.0], [0.5, 1.0]], bounds=(0, 1))
    >>> statistics["mean_activation"]  # (0 + 1 + 0.5 + 1) / 4
    0.625
    >>> statistics["dead_units"], statistics["saturation"]  # 1 of 2, 3 of 4
    (0.5, 0.75)
    """
    code = flat(code)
    variance = code.var(axis=0)
    saturation = None
    if bounds is not None:
        low, high = bounds
        if code.min() < low or code.max() > high:
            raise ValueError(
                f"The code must lie within {bounds=}. Received: values from "
                f"{code.min():g} to {code.max():g}"
            )
        edge = OUTER * (high - low)
        saturation = float(((code < low + edge) | (code > high - edge)).mean())
    return {
        "mean_activation": float(np.abs(code).mean()),
        "dead_units": float((variance <= DEAD * variance.mean()).mean()),
        "saturation": saturation,
    }


def code_bounds(encoder):
    """Looks up between which ends the units of an encoder's code respond.

    Args:
        encoder: Keras model whose last layer with an activation makes the
            code.

    Returns:
        `(0.0, 1.0)` for a sigmoid, `(-1.0, 1.0)` for tanh, `None` for what
        has no two ends.

    Example:

    >>> import keras
    >>> layer = keras.layers.Dense(2, "tanh")
    >>> code_bounds(keras.Sequential([keras.Input((3,)), layer]))
    (-1.0, 1.0)
    """
    for layer in reversed(encoder.layers):
        if hasattr(layer, "activation"):
            return BOUNDS.get(getattr(layer.activation, "__name__", None))
    return None


def flat(code):
    """(examples, ...) -> (examples, units), float64 and finite"""
    code = np.asarray(code, "float64")
    if code.ndim < 2 or code.size == 0:
        raise ValueError(
            "The code must be an array of examples of at least one unit. "
            f"Received: an array of shape {code.shape}"
        )
    if not np.isfinite(code).all():
        raise ValueError(
            "The code must be finite: look for NaN in the images, or for "
            f"training that diverged. Received: {(~np.isfinite(code)).sum()} "
            f"of {code.size} values that are not"
        )
    return code.reshape(len(code), -1)
