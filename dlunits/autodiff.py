"""Automatic differentiation on each backend: what `keras.ops` does not have.

All backend-specific differentiation is in this module. The results are
differentiable, so the gradient of a penalty on a derivative reaches the
weights.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from dlunits.typing import Tensor


def vjp(
    function: Callable[[Tensor], Tensor], x: Tensor
) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Vector-Jacobian product of a function, by reverse-mode differentiation.

        y = f(x),    pullback(v) = v^T df/dx

    Args:
        function: Function of one tensor to one tensor, in `keras.ops`.
        x: Floating-point tensor.

    Returns:
        `(y, pullback)`. `pullback` maps a tensor shaped as `y` to a tensor
        shaped as `x`.

    Raises:
        ValueError: If the backend is not TensorFlow, JAX or PyTorch.

    Example:

    >>> y, pullback = vjp(ops.square, ops.convert_to_tensor([3.0, 4.0]))
    >>> ops.convert_to_numpy(pullback(ops.ones(2))).tolist()  # 2 x
    [6.0, 8.0]
    """
    x = ops.convert_to_tensor(x)
    if backend() == "jax":
        import jax

        y, pullback = jax.vjp(function, x)
        return y, lambda v: pullback(ops.convert_to_tensor(v, y.dtype))[0]

    if backend() == "torch":
        return torch_vjp(function, x)

    import tensorflow as tf

    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = function(x)

    def tape_pullback(v):
        return tape.gradient(y, x, v, tf.UnconnectedGradients.ZERO)

    return y, tape_pullback


def jvp(
    function: Callable[[Tensor], Tensor], x: Tensor, tangent: Tensor
) -> tuple[Tensor, Tensor]:
    """Jacobian-vector product of a function, by forward-mode differentiation.

        y = f(x),    y' = df/dx v

    On PyTorch it is computed by reverse-mode differentiation, twice.

    Args:
        function: Function of one tensor to one tensor, in `keras.ops`.
        x: Floating-point tensor.
        tangent: Tensor shaped as `x`, the direction `v`.

    Returns:
        `(y, y')`, two tensors of the same shape.

    Raises:
        ValueError: If the backend is not TensorFlow, JAX or PyTorch.

    Example:

    >>> x, v = ops.convert_to_tensor([3.0, 4.0]), ops.ones(2)
    >>> y, derivative = jvp(lambda x: ops.sum(ops.square(x)), x, v)
    >>> float(y), float(derivative)  # 9 + 16 and 2 * 3 + 2 * 4
    (25.0, 14.0)
    """
    x = ops.convert_to_tensor(x)
    tangent = ops.convert_to_tensor(tangent, x.dtype)
    if backend() == "jax":
        import jax

        return jax.jvp(function, (x,), (tangent,))

    if backend() == "torch":
        from torch.autograd.functional import jvp

        return jvp(function, x, tangent, create_graph=True)

    import tensorflow as tf

    with tf.autodiff.ForwardAccumulator(x, tangent) as accumulator:
        y = function(x)
    return y, accumulator.jvp(y, tf.UnconnectedGradients.ZERO)


def jacobian(
    function: Callable[[Tensor], Tensor], x: Tensor
) -> tuple[Tensor, Tensor]:
    """Jacobian of each example of a batch.

        J[n, i, j] = dy[n, i] / dx[n, j]

    The cost is one backward pass per output. Use it for tests and small
    networks.

    Args:
        function: Function of a tensor `(batch, ...)` to a tensor
            `(batch, ...)` in which the examples do not depend on each other.
        x: Floating-point tensor `(batch, ...)`.

    Returns:
        `(y, J)`, with `J` of shape `(batch, *y.shape[1:], *x.shape[1:])`.

    Raises:
        ValueError: If the backend is not TensorFlow, JAX or PyTorch.

    Example:

    >>> _, J = jacobian(ops.square, ops.convert_to_tensor([[3.0, 4.0]]))
    >>> ops.convert_to_numpy(J).tolist()  # 2 x on the diagonal
    [[[6.0, 0.0], [0.0, 8.0]]]
    """
    x = ops.convert_to_tensor(x)
    if backend() == "jax":
        import jax

        per_example = jax.jacrev(lambda example: function(example[None])[0])
        return function(x), jax.vmap(per_example)(x)

    if backend() == "torch":
        from torch.autograd import functional

        y = function(x)
        derivatives = functional.jacobian(  # (..., batch, ...)
            lambda x: ops.sum(function(x), axis=0), x, create_graph=True
        )
        return y, ops.moveaxis(derivatives, len(y.shape) - 1, 0)

    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return y, tape.batch_jacobian(y, x, tf.UnconnectedGradients.ZERO)


def gradients(
    function: Callable[[], tuple[Tensor, Any]],
    variables: Sequence[keras.Variable],
    state: Sequence[keras.Variable] = (),
) -> tuple[Tensor, Any, list[Tensor]]:
    """Loss and its gradients with respect to some Keras variables.

    Values that the function assigns to variables, such as moving averages and
    seeds, stay assigned.

    Args:
        function: Function without arguments to `(loss, other)`: a scalar, and
            a tensor or a nested structure of tensors.
        variables: Sequence of `keras.Variable` to differentiate by.
        state: Sequence of all other variables that `function` reads or
            assigns, which JAX needs.

    Returns:
        `(loss, other, gradients)`, with one gradient per variable.

    Raises:
        ValueError: If the backend is not TensorFlow, JAX or PyTorch.

    Example, d(x^2)/dx = 2 x:

    >>> x = keras.Variable(3.0)
    >>> loss, _, (slope,) = gradients(lambda: (ops.square(x), None), [x])
    >>> float(loss), float(slope)
    (9.0, 6.0)
    """
    if backend() == "jax":
        import jax

        def stateless_loss(values):
            mapping = [(variable, variable.value) for variable in state]
            mapping += zip(variables, values, strict=True)
            with keras.StatelessScope(state_mapping=mapping) as scope:
                loss, other = function()
            updated = [scope.get_current_value(variable) for variable in state]
            return loss, (other, updated)

        values = [variable.value for variable in variables]
        (loss, (other, updated)), slopes = jax.value_and_grad(
            stateless_loss, has_aux=True
        )(values)
        for variable, value in zip(state, updated, strict=True):
            variable.assign(value)
        return loss, other, slopes

    tensors = [variable.value for variable in variables]
    if backend() == "torch":
        import torch

        with torch.enable_grad():
            loss, other = function()
        slopes = torch.autograd.grad(loss, tensors, materialize_grads=True)
        return loss.detach(), other, list(slopes)

    import tensorflow as tf

    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(tensors)
        loss, other = function()
    slopes = tape.gradient(
        loss, tensors, unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    return loss, other, slopes


def custom_gradient(
    forward: Callable[..., tuple[tuple[Tensor, ...], Any]],
    backward: Callable[[Any, tuple[Tensor, ...]], tuple[Tensor | None, ...]],
    compiled: tuple[Callable[..., Any], Callable[..., Any]] | None = None,
) -> Callable[..., tuple[Tensor, ...]]:
    """Function with an explicit gradient.

    The gradient can be differentiated again: its derivatives are those of
    automatic differentiation of `backward`. Errors are forward mode on JAX
    (`jax.jvp`, `jax.jacfwd`), and the transformations of `torch.func`.

    Args:
        forward: Function of tensors to `(outputs, residuals)`: a tuple of
            tensors, and a nested structure of the tensors that the gradient
            needs. It must not use tensors from an enclosing scope; pass the
            weights of a layer as arguments.
        backward: Function of `residuals` and of the tuple of gradients with
            respect to the outputs, to the tuple of gradients with respect to
            the arguments, `None` for no gradient. It must be linear in the
            gradients.
        compiled: Pair of the same two functions compiled by XLA, on
            TensorFlow. They compute outputs and gradient; the gradient of the
            gradient is that of `forward` and `backward`, as TensorFlow cannot
            differentiate a compiled loop. Forward mode is an error.

    Returns:
        Function of the arguments of `forward` to its outputs.

    Example, a square with the gradient 2 x:

    >>> square = custom_gradient(
    ...     lambda x: ((x * x,), (x,)),
    ...     lambda residuals, gradients: (2 * residuals[0] * gradients[0],),
    ... )
    >>> (y,), pullback = square([3.0]), vjp(lambda x: square(x)[0], [3.0])[1]
    >>> float(y[0]), float(pullback([1.0])[0])
    (9.0, 6.0)
    """

    def outputs_of(*arguments):
        return forward(*arguments)[0]

    def outputs_and_gradient(*arguments):
        outputs, residuals = forward(*arguments)
        return outputs, lambda *gradients: backward(residuals, gradients)

    function: Any = outputs_of
    to_tensor = ops.convert_to_tensor
    name = keras.backend.backend()
    if name == "jax":
        import jax

        function = jax.custom_vjp(outputs_of)
        function.defvjp(forward, backward)
    elif name == "tensorflow":
        import tensorflow as tf

        function = tf.custom_gradient(
            outputs_and_gradient
            if compiled is None
            else compiled_outputs_and_gradient(forward, backward, *compiled)
        )

        def to_tensor(x):  # Keras leaves a `tf.Variable` as it is
            return tf.convert_to_tensor(ops.convert_to_tensor(x))

    elif name == "torch":
        function = functools.partial(torch_function().apply, forward, backward)

    return lambda *arguments: function(*map(to_tensor, arguments))


def torch_vjp(
    function: Callable[[Tensor], Tensor], x: Tensor
) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """`vjp` on PyTorch.

    `torch.func.vjp` is not used: within it, layers cannot assign their states,
    such as moving averages and seeds.
    """
    import torch

    with torch.enable_grad():
        # Another tensor than x, which `function` may also use otherwise.
        x = x.view_as(x) if x.requires_grad else x.detach().requires_grad_()
        y = function(x)

    def pullback(v):
        if not y.requires_grad:
            return torch.zeros_like(x)
        (gradient,) = torch.autograd.grad(
            y,
            x,
            ops.convert_to_tensor(v, y.dtype),
            create_graph=True,
            materialize_grads=True,
        )
        return gradient

    return y, pullback


@functools.cache
def torch_function() -> Any:
    """Class of `torch.autograd.Function` for `custom_gradient`.

    Arguments of its method `apply`: `forward` and `backward` of
    `custom_gradient`, and the tensors.
    """
    import torch

    class CustomGradient(torch.autograd.Function):
        @staticmethod
        def forward(ctx, forward, backward, *arguments):
            outputs, residuals = forward(*arguments)
            ctx.functions = forward, backward
            ctx.structure = keras.tree.map_structure(lambda _: 0, residuals)
            ctx.num_arguments = len(arguments)
            ctx.save_for_backward(*arguments, *keras.tree.flatten(residuals))
            return outputs

        @staticmethod
        def backward(ctx, *gradients):
            forward, backward = ctx.functions
            arguments = ctx.saved_tensors[: ctx.num_arguments]
            if torch.is_grad_enabled():
                # In a gradient of the gradient, the residuals depend on the
                # arguments.
                _, residuals = forward(*arguments)
            else:
                residuals = keras.tree.pack_sequence_as(
                    ctx.structure, list(ctx.saved_tensors[ctx.num_arguments :])
                )
            return None, None, *backward(residuals, gradients)

    return CustomGradient


def compiled_outputs_and_gradient(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    compiled_forward: Callable[..., Any],
    compiled_backward: Callable[..., Any],
) -> Callable[..., Any]:
    """Function for `tf.custom_gradient` that runs compiled functions.

    See `custom_gradient` for the arguments. No `tf.GradientTape` watches the
    arguments of the compiled functions: TensorFlow would add to the outputs of
    a watched function what its gradient needs, which XLA cannot return from a
    loop.

    Example, a square with the gradient 2 x, differentiated twice:

    >>> import tensorflow as tf
    >>> pair = (
    ...     lambda x: ((x * x,), (x,)),
    ...     lambda residuals, gradients: (2 * residuals[0] * gradients[0],),
    ... )
    >>> compiled = [tf.function(f, jit_compile=True) for f in pair]
    >>> square = custom_gradient(*pair, compiled)
    >>> slope = lambda x: vjp(lambda x: square(x)[0], x)[1](ops.ones(()))
    >>> float(slope(3.0)), float(vjp(slope, 3.0)[1](ops.ones(())))
    (6.0, 2.0)
    """
    import tensorflow as tf

    def unwatched(structure):
        return keras.tree.map_structure(
            lambda x: tf.stop_gradient(
                tf.raw_ops.PreventGradient(
                    input=x,
                    message="Forward-mode differentiation of a function that "
                    "XLA compiles is not implemented: use reverse mode, or "
                    "call layers with `training=False`.",
                )
                if x.dtype.is_floating
                else x
            ),
            structure,
        )

    def differentiate(function, arguments, d_results):
        """Gradient of a function with respect to its arguments."""
        with tf.GradientTape() as tape:
            tape.watch([x for x in arguments if x.dtype.is_floating])
            results = function(*arguments)
        return tape.gradient(results, arguments, d_results)

    def outputs_and_gradient(*arguments):
        outputs, residuals = compiled_forward(*unwatched(arguments))

        # In a gradient of the gradient, the residuals depend on the arguments.
        @tf.custom_gradient
        def residuals_of(*arguments):
            def gradient(*d_residuals):
                return differentiate(
                    lambda *x: keras.tree.flatten(forward(*x)[1]),
                    arguments,
                    d_residuals,
                )

            return keras.tree.flatten(unwatched(residuals)), gradient

        residuals = keras.tree.pack_sequence_as(
            residuals, residuals_of(*arguments)
        )

        def gradient(*d_outputs):
            inputs = (residuals, d_outputs)

            def gradients_of(function, tensors):
                gradients = function(
                    *keras.tree.pack_sequence_as(inputs, list(tensors))
                )
                return gradients, [g for g in gradients if g is not None]

            @tf.custom_gradient
            def d_arguments(*tensors):
                gradients, connected = gradients_of(
                    compiled_backward, unwatched(tensors)
                )
                has_gradient[:] = [g is not None for g in gradients]

                def gradient(*d_gradients):
                    return differentiate(
                        lambda *x: gradients_of(backward, x)[1],
                        tensors,
                        d_gradients,
                    )

                return connected, gradient

            has_gradient: list[bool] = []
            gradients = iter(d_arguments(*keras.tree.flatten(inputs)))
            return tuple(
                next(gradients) if has else None for has in has_gradient
            )

        return outputs, gradient

    return outputs_and_gradient


def backend() -> str:
    """Name of the Keras backend, if this module supports it.

    Returns:
        `"tensorflow"`, `"jax"` or `"torch"`.

    Raises:
        ValueError: If the backend is not TensorFlow, JAX or PyTorch.

    Example:

    >>> backend() == keras.backend.backend()
    True
    """
    name = keras.backend.backend()
    if name not in ("tensorflow", "jax", "torch"):
        raise ValueError(
            "Derivatives are implemented for the backends 'tensorflow', 'jax' "
            "and 'torch': set KERAS_BACKEND to one of them before Keras is "
            f"imported. Received: backend={name!r}"
        )
    return name
