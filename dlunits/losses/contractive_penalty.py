"""Contractive penalty: squared norm of the Jacobian of an encoder."""

from typing import Any

import keras
from keras import layers, ops

from dlunits.activations import derivative_from_output
from dlunits.autodiff import jacobian, vjp
from dlunits.typing import Tensor

METHODS = ("auto", "closed_form", "hutchinson", "exact")

# Layers that change the shape but no value.
RESHAPING_LAYERS = (
    layers.InputLayer,
    layers.Identity,
    layers.Flatten,
    layers.Reshape,
    layers.ActivityRegularization,
)

# Layers that do nothing in inference. Layers of dlunits are listed by name,
# because losses do not import layers.
TRAINING_ONLY_LAYERS = (
    layers.Dropout,
    layers.AlphaDropout,
    layers.GaussianDropout,
    layers.GaussianNoise,
)
TRAINING_ONLY_NAMES = {"dlunits>MaskingNoise", "dlunits>SaltAndPepperNoise"}


def contractive_penalty(
    encoder: keras.Model,
    x: Tensor,
    method: str = "auto",
    seed: Any = None,
) -> Tensor:
    """Contractive penalty: mean squared Frobenius norm of the Jacobian.

    Add it to a reconstruction loss to make the code insensitive to small
    changes of the input, except those that the reconstruction depends on.

        penalty = mean_n ||J_n||_F^2,    J_n = d encoder(x_n) / d x_n

    Tie the weights of the decoder to those of the encoder with
    `dlunits.layers.TiedDense`. Otherwise a smaller code with a larger decoder
    makes the penalty vanish without contraction.

    Reference: Rifai et al., 2011, "Contractive auto-encoders: explicit
    invariance during feature extraction",
    https://icml.cc/2011/papers/455_icmlpaper.pdf.

    Args:
        encoder: Built Keras model with one input and one output. It runs in
            inference mode, without dropout and noise.
        x: Tensor `(batch, ...)`.
        method: See `squared_jacobian_norm`.
        seed: See `squared_jacobian_norm`.

    Returns:
        Scalar tensor, differentiable with respect to the encoder's weights.

    Raises:
        ValueError: See `squared_jacobian_norm`.

    Example, where J has 2 x 3 ones:

    >>> dense = layers.Dense(2, kernel_initializer="ones")
    >>> encoder = keras.Sequential([keras.Input((3,)), dense])
    >>> float(contractive_penalty(encoder, ops.zeros((5, 3))))
    6.0
    """
    return ops.mean(squared_jacobian_norm(encoder, x, method, seed))


def squared_jacobian_norm(
    encoder: keras.Model,
    x: Tensor,
    method: str = "auto",
    seed: Any = None,
    code: Tensor | None = None,
) -> Tensor:
    """Squared Frobenius norm of the Jacobian of an encoder, per example.

    - `"closed_form"` is for encoders of one dense layer with kernel W,
      pre-activation a and a sigmoid, tanh, ReLU or linear activation f. The
      encoder may also contain reshaping layers, `Rescaling` by a scalar before
      the dense layer, dropout and noise.

          ||J||_F^2 = sum_j f'(a_j)^2 ||W_j||^2,    W_j column j of W

    - `"hutchinson"` is an unbiased estimate by a random projection, for any
      encoder. It costs one backward pass.

          ||J||_F^2 = E ||v^T J||^2,    v_j = -1 or 1 with equal probability

    - `"exact"` computes all of J, for tests. It costs one backward pass per
      unit of the code.
    - `"auto"` is the closed form if there is one, else the random projection.

    Reference: Hutchinson, 1990, "A stochastic estimator of the trace of the
    influence matrix for Laplacian smoothing splines".

    Args:
        encoder: Built Keras model with one input and one output, run in
            inference mode. It must encode each example independently.
        x: Tensor `(batch, ...)`.
        method: One of the names above.
        seed: Integer, `keras.random.SeedGenerator` or `None`, seed of the
            random projection. An integer gives the same signs at every call. A
            compiled training step on JAX needs a seed.
        code: `encoder(x, training=False)` if it is known; the closed form then
            needs no forward pass.

    Returns:
        Tensor `(batch,)` in single precision.

    Raises:
        ValueError: If `method` is unknown, if there is no closed form and it
            is requested, if the encoder takes integers, or if it must be
            differentiated and the backend is not TensorFlow, JAX or PyTorch.

    Example, where J is (1, 1) if the unit is active, else (0, 0):

    >>> dense = layers.Dense(1, "relu", kernel_initializer="ones")
    >>> encoder = keras.Sequential([keras.Input((2,)), dense])
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


def check_method(encoder: keras.Model, method: str) -> None:
    """Checks an encoder and a method for `squared_jacobian_norm`.

    Raises:
        ValueError: See `squared_jacobian_norm`.
    """
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
            "A Jacobian needs an encoder with floating-point inputs: use "
            f"`keras.Input(..., dtype='float32')`. Received: {dtype=}"
        )
    reason = no_closed_form_reason(encoder) if method == "closed_form" else ""
    if reason:
        raise ValueError(
            "The closed form needs an encoder of one dense layer with a "
            "sigmoid, tanh, ReLU or linear activation: use "
            f"method='hutchinson' for this one. Received: {reason}"
        )


def no_closed_form_reason(encoder: keras.Model) -> str:
    """Reason why there is no closed form; an empty string if there is one."""
    if type(encoder).__name__ not in ("Sequential", "Functional"):
        return f"an encoder of class {type(encoder).__name__}"
    dense = [layer for layer in encoder.layers if is_dense(layer)]
    if len(dense) != 1:
        return f"{len(dense)} dense layers"
    if derivative_from_output(dense[0].activation) is None:
        return f"the activation {dense[0].activation}"
    before_dense = True
    # `layers` does not contain operations such as `x * 2` or `ops.tanh`.
    for operation in getattr(encoder, "operations", encoder.layers):
        if not (
            is_dense(operation)
            or only_reshapes(operation, before_dense)
            or is_training_only(operation)
            or (before_dense and is_scalar_rescaling(operation))
        ):
            is_layer = isinstance(operation, layers.Layer)
            return (
                f"the {'layer' if is_layer else 'operation'} "
                f"{operation.name!r} of {type(operation).__name__}"
            )
        before_dense = before_dense and not is_dense(operation)
    for layer in encoder.get_config()["layers"]:
        if len(layer.get("inbound_nodes", [])) > 1:
            return f"the layer {layer['config']['name']!r} used twice"
    return ""


def is_dense(layer: keras.Operation) -> bool:
    """Whether the layer is a `keras.layers.Dense`, not a subclass."""
    return type(layer) is layers.Dense


def only_reshapes(layer: keras.Operation, before_dense: bool) -> bool:
    """Whether the layer only changes the shape.

    After the dense layer its units must stay on the last axis, so
    channels-first layers do not qualify. Before it, any order of values does.
    """
    channels_first = getattr(layer, "data_format", None) == "channels_first"
    return type(layer) in RESHAPING_LAYERS and (
        before_dense or not channels_first
    )


def is_training_only(layer: keras.Operation) -> bool:
    """Whether the layer does nothing in inference."""
    name = keras.saving.get_registered_name(type(layer))
    return type(layer) in TRAINING_ONLY_LAYERS or name in TRAINING_ONLY_NAMES


def is_scalar_rescaling(layer: keras.Operation) -> bool:
    """Whether the layer is a `keras.layers.Rescaling` by one number."""
    return type(layer) is layers.Rescaling and isinstance(
        layer.scale, int | float
    )


def can_reuse_training_code(encoder: keras.Model, method: str) -> bool:
    """Whether the norm can be computed from the code of a training step.

    It can if the closed form is used and the encoder has no layers that act in
    training only.
    """
    return (
        method in ("auto", "closed_form")
        and not no_closed_form_reason(encoder)
        and not any(map(is_training_only, encoder.layers))
    )


def closed_form(encoder: keras.Model, code: Tensor) -> Tensor:
    """sum_j f'(a_j)^2 ||W_j||^2, `(batch, ..., units)` -> `(batch,)`."""
    [dense] = filter(is_dense, encoder.layers)
    h = ops.reshape(code, (ops.shape(code)[0], -1, dense.units))
    derivative: Any = derivative_from_output(dense.activation)
    slope = derivative(ops.cast(h, "float32"))
    kernel = ops.cast(dense.kernel, "float32")
    for layer in filter(is_scalar_rescaling, encoder.layers):
        kernel = kernel * layer.scale
    squared_norms = ops.sum(ops.square(kernel), axis=0)
    return ops.sum(ops.square(slope) * squared_norms, axis=(1, 2))


def random_signs(code: Tensor, seed: Any) -> Tensor:
    """Tensor shaped as the code, -1 or 1 with equal probability."""
    u = keras.random.uniform(ops.shape(code), dtype="float32", seed=seed)
    return ops.cast(ops.where(u < 0.5, -1.0, 1.0), code.dtype)


def sum_of_squares(x: Tensor) -> Tensor:
    """`(batch, ...)` -> `(batch,)`."""
    squares = ops.square(ops.cast(x, "float32"))
    return ops.sum(squares, axis=tuple(range(1, len(x.shape))))
