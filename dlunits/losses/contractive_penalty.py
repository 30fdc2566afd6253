"""How far a code moves when its input moves a little."""

import keras
from keras import layers, ops

from dlunits.activations import derivative_from_output
from dlunits.autodiff import jacobian, vjp

METHODS = ("auto", "closed_form", "hutchinson", "exact")

# What may stand beside the dense layer: layers that only move values ...
RESHAPING_LAYERS = (
    layers.InputLayer,
    layers.Identity,
    layers.Flatten,
    layers.Reshape,
    layers.ActivityRegularization,
)

# ... and layers that act in training only, some of them named, because losses
# do not import layers.
TRAINING_ONLY_LAYERS = (
    layers.Dropout,
    layers.AlphaDropout,
    layers.GaussianDropout,
    layers.GaussianNoise,
)
TRAINING_ONLY_NAMES = {"dlunits>MaskingNoise", "dlunits>SaltAndPepperNoise"}


def contractive_penalty(encoder, x, method="auto", seed=None):
    """Mean over the mini-batch of the squared Jacobian norm of the code.

    Added to a reconstruction loss it makes the code resist every small change
    of the input but those that reconstruction needs.

        penalty = mean_n ||J_n||_F^2,    J_n = d encoder(x_n) / d x_n

    Tie the decoder's weights to the encoder's (`dlunits.layers.TiedDense`):
    a free decoder grows as the code shrinks, and the penalty vanishes without
    any contraction.

    Reference: Rifai et al., 2011, "Contractive auto-encoders: explicit
    invariance during feature extraction",
    https://icml.cc/2011/papers/455_icmlpaper.pdf.

    Args:
        encoder: Built Keras model of one input and one output. It is applied
            as in inference: no dropout, no noise.
        x: Tensor `(batch, ...)`.
        method: See `squared_jacobian_norm`.
        seed: See `squared_jacobian_norm`.

    Returns:
        Scalar tensor, differentiable with respect to the encoder's weights.

    Raises:
        ValueError: As `squared_jacobian_norm`.

    Example:

    >>> double = layers.Dense(2, kernel_initializer="ones")
    >>> encoder = keras.Sequential([keras.Input((3,)), double])
    >>> float(contractive_penalty(encoder, ops.zeros((5, 3))))  # 2 * 3 ones
    6.0
    """
    return ops.mean(squared_jacobian_norm(encoder, x, method, seed))


def squared_jacobian_norm(encoder, x, method="auto", seed=None, code=None):
    """Squared Frobenius norm of the Jacobian of the code, example by example.

    - `"closed_form"`, for one dense layer with kernel W, pre-activation a and
      a sigmoid, tanh, ReLU or linear activation f; flattening, a scalar
      rescaling before it, dropout and noise may stand beside it:

          ||J||_F^2 = sum_j f'(a_j)^2 ||W_j||^2

    - `"hutchinson"`, a random projection for any encoder, at the price of one
      backward pass: unbiased, exact only on average.

          ||J||_F^2 = E ||v^T J||^2,    v_j = -1 or 1 with equal chance

    - `"exact"`, all of J, for tests: as many passes as the code has numbers.
    - `"auto"`, the closed form where there is one, else the random projection.

    Reference: Hutchinson, 1990, "A stochastic estimator of the trace of the
    influence matrix for Laplacian smoothing splines".

    Args:
        encoder: Built Keras model of one input and one output, applied as in
            inference. Each example must be coded by itself.
        x: Tensor `(batch, ...)`.
        method: One of the above.
        seed: Integer, `keras.random.SeedGenerator` or `None`, of the random
            projection. An integer gives the same signs at every call. On JAX
            a compiled training step cannot do without.
        code: `encoder(x, training=False)` where it is known already; it saves
            the closed form a pass.

    Returns:
        Tensor `(batch,)` in single precision.

    Raises:
        ValueError: If `method` is not known, the closed form is asked for and
            there is none, the encoder takes integers, or it must be
            differentiated and the backend is neither TensorFlow nor JAX.

    Example, where J is (1, 1) if the only unit is on, else (0, 0):

    >>> unit = layers.Dense(1, "relu", kernel_initializer="ones")
    >>> encoder = keras.Sequential([keras.Input((2,)), unit])
    >>> x = ops.convert_to_tensor([[1.0, 1.0], [-1.0, -1.0]])
    >>> ops.convert_to_numpy(squared_jacobian_norm(encoder, x)).tolist()
    [2.0, 0.0]
    """
    check_method(encoder, method)
    if method == "auto":
        method = (
            "hutchinson" if no_closed_form_reason(encoder) else "closed_form"
        )
    if method == "closed_form":
        if code is None:
            code = encoder(x, training=False)
        return closed_form(encoder, code)

    def encode(x):
        return encoder(x, training=False)

    x = ops.cast(x, encoder.inputs[0].dtype)
    if method == "exact":
        return sum_of_squares(jacobian(encode, x)[1])
    code, pullback = vjp(encode, x)
    return sum_of_squares(pullback(random_signs(code, seed)))


def check_method(encoder, method):
    """Raises the `ValueError` of `squared_jacobian_norm`, before any data."""
    if method not in METHODS:
        raise ValueError(
            f"`method` must be one of {', '.join(METHODS)}. Received: {method=}"
        )
    if len(encoder.inputs) != 1 or len(encoder.outputs) != 1:
        raise ValueError(
            "The encoder must have one input and one output. Received: "
            f"{len(encoder.inputs)} and {len(encoder.outputs)}"
        )
    dtype = keras.backend.standardize_dtype(encoder.inputs[0].dtype)
    if "float" not in dtype:
        raise ValueError(
            "A Jacobian needs an encoder of floating-point inputs: give it "
            f"`keras.Input(..., dtype='float32')`. Received: {dtype=}"
        )
    why = no_closed_form_reason(encoder) if method == "closed_form" else ""
    if why:
        raise ValueError(
            "The closed form is for an encoder of one dense layer with a "
            "sigmoid, tanh, ReLU or linear activation; take 'hutchinson' for "
            f"this one. Received: {why}"
        )


def no_closed_form_reason(encoder):
    """Returns why there is no closed form; an empty string if there is one."""
    if type(encoder).__name__ not in ("Sequential", "Functional"):
        return f"an encoder of class {type(encoder).__name__}"
    dense = [layer for layer in encoder.layers if is_dense(layer)]
    if len(dense) != 1:
        return f"{len(dense)} dense layers"
    if derivative_from_output(dense[0].activation) is None:
        return f"the activation {dense[0].activation}"
    before = True
    # `layers` would leave out what is no layer, such as `x * 2` or `ops.tanh`.
    for step in getattr(encoder, "operations", encoder.layers):
        scales = before and is_scalar_rescaling(step)
        harmless = only_reshapes(step, before) or is_training_only(step)
        if not (is_dense(step) or harmless or scales):
            kind = "layer" if isinstance(step, layers.Layer) else "operation"
            return f"the {kind} {step.name!r} of {type(step).__name__}"
        before = before and not is_dense(step)
    for layer in encoder.get_config()["layers"]:
        if len(layer.get("inbound_nodes", [])) > 1:
            return f"the layer {layer['config']['name']!r} used twice"
    return ""


def is_dense(layer):
    return type(layer) is layers.Dense


def only_reshapes(layer, before):
    """Whether the layer leaves the units of the dense layer on the last axis.

    Before that layer any order of the numbers will do.
    """
    channels_first = getattr(layer, "data_format", None) == "channels_first"
    return type(layer) in RESHAPING_LAYERS and (before or not channels_first)


def is_training_only(layer):
    name = keras.saving.get_registered_name(type(layer))
    return type(layer) in TRAINING_ONLY_LAYERS or name in TRAINING_ONLY_NAMES


def is_scalar_rescaling(layer):
    return type(layer) is layers.Rescaling and isinstance(
        layer.scale, int | float
    )


def can_reuse_training_code(encoder, method):
    """Whether the code of a training step is all that the norm takes."""
    return (
        method in ("auto", "closed_form")
        and not no_closed_form_reason(encoder)
        and not any(map(is_training_only, encoder.layers))
    )


def closed_form(encoder, code):
    """(batch, ..., units) -> (batch,)"""
    [dense] = filter(is_dense, encoder.layers)
    h = ops.reshape(code, (ops.shape(code)[0], -1, dense.units))
    derivative = derivative_from_output(dense.activation)(
        ops.cast(h, "float32")
    )
    kernel = ops.cast(dense.kernel, "float32")
    for layer in filter(is_scalar_rescaling, encoder.layers):
        kernel = kernel * layer.scale
    norms = ops.sum(ops.square(kernel), axis=0)
    return ops.sum(ops.square(derivative) * norms, axis=(1, 2))


def random_signs(code, seed):
    """A tensor like the code of -1 and 1 with equal chance."""
    draws = keras.random.uniform(ops.shape(code), dtype="float32", seed=seed)
    return ops.cast(ops.where(draws < 0.5, -1.0, 1.0), code.dtype)


def sum_of_squares(x):
    """(batch, ...) -> (batch,)"""
    squares = ops.square(ops.cast(x, "float32"))
    return ops.sum(squares, axis=tuple(range(1, len(x.shape))))
