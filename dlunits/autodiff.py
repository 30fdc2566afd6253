"""Derivatives of a function of a batch: what `keras.ops` leaves out.

The only place that knows how each backend differentiates. What comes out is
differentiable again, so a penalty on a derivative reaches the weights.
"""

import keras
from keras import ops


def vjp(function, x):
    """Evaluates a function and gives its vector-Jacobian product.

        y = f(x),    pullback(v) = v^T df/dx

    Args:
        function: Function of one tensor to one tensor, in `keras.ops`.
        x: Floating-point tensor.

    Returns:
        `(y, pullback)`: `pullback` takes a tensor like `y` to one like `x`.

    Raises:
        ValueError: If the backend is neither TensorFlow nor JAX.

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

    import tensorflow as tf

    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = function(x)

    def pullback(v):
        return tape.gradient(y, x, v, tf.UnconnectedGradients.ZERO)

    return y, pullback


def jvp(function, x, tangent):
    """Evaluates a function and its derivative in one direction.

        y = f(x),    y' = df/dx v

    Args:
        function: Function of one tensor to one tensor, in `keras.ops`.
        x: Floating-point tensor.
        tangent: The direction `v`, a tensor like `x`.

    Returns:
        `(y, y')`, of the same shape.

    Raises:
        ValueError: If the backend is neither TensorFlow nor JAX.

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

    import tensorflow as tf

    with tf.autodiff.ForwardAccumulator(x, tangent) as accumulator:
        y = function(x)
    return y, accumulator.jvp(y, tf.UnconnectedGradients.ZERO)


def jacobian(function, x):
    """Evaluates a function of a batch and the whole Jacobian of each example.

    It takes as many passes as the output has numbers: for tests and small
    networks.

        J[n, i, j] = dy[n, i] / dx[n, j]

    Args:
        function: Function of a tensor `(batch, ...)` to a tensor
            `(batch, ...)` that treats each example by itself.
        x: Floating-point tensor `(batch, ...)`.

    Returns:
        `(y, J)`, with `J` of shape `(batch, *y.shape[1:], *x.shape[1:])`.

    Raises:
        ValueError: If the backend is neither TensorFlow nor JAX.

    Example:

    >>> _, J = jacobian(ops.square, ops.convert_to_tensor([[3.0, 4.0]]))
    >>> ops.convert_to_numpy(J).tolist()  # 2 x on the diagonal
    [[[6.0, 0.0], [0.0, 8.0]]]
    """
    x = ops.convert_to_tensor(x)
    if backend() == "jax":
        import jax

        one = jax.jacrev(lambda row: function(row[None])[0])
        return function(x), jax.vmap(one)(x)

    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return y, tape.batch_jacobian(y, x, tf.UnconnectedGradients.ZERO)


def gradients(function, variables, state=()):
    """Evaluates a loss and its gradients with respect to Keras variables.

    What the function assigns on its way, statistics or seeds, stays assigned.
    Keras differentiates all trainable weights of a model; this, those that
    are named.

    Args:
        function: Function without arguments to a scalar and anything else,
            made of tensors.
        variables: List of `keras.Variable`.
        state: List of all other variables that `function` reads or assigns;
            JAX needs to know them.

    Returns:
        `(loss, other, gradients)`, one gradient a variable.

    Raises:
        ValueError: If the backend is neither TensorFlow nor JAX.

    Example, d(x^2)/dx = 2 x:

    >>> x = keras.Variable(3.0)
    >>> loss, _, (slope,) = gradients(lambda: (ops.square(x), None), [x])
    >>> float(loss), float(slope)
    (9.0, 6.0)
    """
    if backend() == "jax":
        import jax

        def of_values(values):
            known = [(variable, variable.value) for variable in state]
            known += zip(variables, values, strict=True)
            with keras.StatelessScope(state_mapping=known) as scope:
                loss, other = function()
            after = [scope.get_current_value(variable) for variable in state]
            return loss, (other, after)

        values = [variable.value for variable in variables]
        evaluated = jax.value_and_grad(of_values, has_aux=True)(values)
        (loss, (other, after)), slopes = evaluated
        for variable, value in zip(state, after, strict=True):
            variable.assign(value)
        return loss, other, slopes

    import tensorflow as tf

    variables = [variable.value for variable in variables]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(variables)
        loss, other = function()
    slopes = tape.gradient(
        loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    return loss, other, slopes


def custom_gradient(forward, backward):
    """Makes a function whose gradient is written out.

    On a backend that is neither TensorFlow nor JAX, `forward` is differentiated
    as it stands.

    Args:
        forward: Function of tensors to `(outputs, kept)`, both tuples of
            tensors; it closes over no tensor.
        backward: Function of `kept` and of the gradients with respect to the
            outputs, two tuples, to the tuple of gradients with respect to the
            arguments, `None` where there is none.

    Returns:
        Function of the arguments of `forward` to its outputs.

    Example, a square whose gradient is written as 2 x:

    >>> square = custom_gradient(
    ...     lambda x: ((x * x,), (x,)),
    ...     lambda kept, gradients: (2 * kept[0] * gradients[0],),
    ... )
    >>> (y,), pullback = square([3.0]), vjp(lambda x: square(x)[0], [3.0])[1]
    >>> float(y[0]), float(pullback([1.0])[0])
    (9.0, 6.0)
    """
    name = keras.backend.backend()
    if name == "jax":
        import jax

        function = jax.custom_vjp(lambda *arguments: forward(*arguments)[0])
        function.defvjp(forward, backward)
    elif name == "tensorflow":
        import tensorflow as tf

        @tf.custom_gradient
        def function(*arguments):
            outputs, kept = forward(*arguments)
            return outputs, lambda *gradients: backward(kept, gradients)

    else:

        def function(*arguments):
            return forward(*arguments)[0]

    return lambda *arguments: function(*map(ops.convert_to_tensor, arguments))


def backend():
    """Returns the name of the backend, one of those served here.

    Raises:
        ValueError: If the backend is neither TensorFlow nor JAX.

    Example:

    >>> backend() == keras.backend.backend()
    True
    """
    name = keras.backend.backend()
    if name not in ("tensorflow", "jax"):
        raise ValueError(
            "Derivatives are written for the backends 'tensorflow' and 'jax': "
            "set KERAS_BACKEND to one of them before Keras is imported. "
            f"Received: backend={name!r}"
        )
    return name
