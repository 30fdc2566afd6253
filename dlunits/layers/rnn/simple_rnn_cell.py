"""A fully recurrent network, one time step."""

import keras

from dlunits.activations import derivative_by_value
from dlunits.layers.rnn.recurrent_kernel import products_of_step


@keras.saving.register_keras_serializable(package="dlunits")
class SimpleRNNCell(keras.layers.SimpleRNNCell):
    """One time step of a simple recurrent network, as the equation says it.

    Keras' cell in all but how it reads: the same arguments and the same
    weights. For a whole sequence take `dlunits.layers.SimpleRNN`, which is
    faster; use the cell in `keras.layers.RNN` or by itself, step by step.

        h_t = f(W x_t + U h_{t-1} + b)

    with f = tanh, the input x, the state h, kernel W, recurrent kernel U and
    bias b.

    Reference: Elman, 1990, https://doi.org/10.1207/s15516709cog1402_1.

    Args:
        units: Positive integer.
        Others: Those of `keras.layers.SimpleRNNCell`.

    Call arguments:
        inputs: x_t.
        states: List of h_{t-1}.
        training: Whether dropout acts.

    Input shape: `(batch, features)`; states `(batch, units)`.

    Output shape: h_t `(batch, units)`, and the list of it.

    Example:

    >>> cell = SimpleRNNCell(
    ...     1, kernel_initializer="ones", recurrent_initializer="ones"
    ... )
    >>> one = keras.ops.ones((1, 1))
    >>> h, _ = cell(one, [one])
    >>> round(float(h[0, 0]), 3)  # tanh(1 + 1)
    0.964
    """

    def call(self, inputs, states, training=False):
        states = keras.tree.flatten(states)
        a, product = products_of_step(self, inputs, states[0], training)
        (h,), _ = SimpleRNNEquations(self.activation).step(a, states, product)
        return h, [h]


class SimpleRNNEquations:
    """The equation of a simple recurrent network and its adjoint.

    See `dlunits.layers.rnn.bptt.BackpropagationThroughTime` for what they are
    asked for.

    Example, whose slope is 1 where h = tanh(0):

    >>> from dlunits.layers.rnn.recurrent_kernel import RecurrentKernel
    >>> equations = SimpleRNNEquations(keras.activations.tanh)
    >>> zero, product = keras.ops.zeros((1, 1)), RecurrentKernel([[3.0]])
    >>> (h,), kept = equations.step(zero, (zero,), product)
    >>> _, (of_a,) = equations.adjoint(kept, zero, (zero + 2,), product)
    >>> float(of_a[0, 0])
    2.0
    """

    num_kept = 1
    num_gradients = 1

    def __init__(self, activation):
        self.f = activation

    def step(self, a, states, product):
        """One step: a and h (batch, units)"""
        [h] = states
        h = self.f(a + product(h))
        return (h,), (h,)

    def adjoint(self, kept, h_before, gradients, product):
        """Gradient with respect to h_t -> to h_{t-1}, and to a_t."""
        [h], [of_h] = kept, gradients
        of_a = of_h * derivative_by_value(self.f)(h)
        return (product.adjoint(of_a),), (of_a,)

    def kernel_gradient(self, product, h_before, kept, gradients):
        return product.kernel_gradient(h_before, gradients[0])
