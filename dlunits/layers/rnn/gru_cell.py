"""A gated recurrent unit, one time step."""

import keras
from keras import ops

from dlunits.activations import derivative_by_value
from dlunits.layers.rnn.recurrent_kernel import products_of_step


@keras.saving.register_keras_serializable(package="dlunits")
class GRUCell(keras.layers.GRUCell):
    """One time step of a gated recurrent unit, as the equations say it.

    Keras' cell in all but how it reads: the same arguments and the same
    weights. For a whole sequence take `dlunits.layers.GRU`, which is faster;
    use the cell in `keras.layers.RNN` or by itself, step by step.

        z, r      = sigma(W x_t + U h_{t-1} + b)         update, reset gate
        candidate = tanh(W x_t + U (r * h_{t-1}) + b)    reset_after=False
                  = tanh(W x_t + r * (U h_{t-1} + b') + b)          =True
        h_t       = z * h_{t-1} + (1 - z) * candidate

    each with its own columns of W, U and b, in the order z, r, candidate.
    `reset_after=False` is the unit as published; `True`, Keras' default, has
    one product a step where that has two, and a bias b' of its own.

    Reference: Cho et al., 2014, https://arxiv.org/abs/1406.1078.

    Args:
        units: Positive integer.
        Others: Those of `keras.layers.GRUCell`.

    Call arguments:
        inputs: x_t.
        states: List of h_{t-1}.
        training: Whether dropout acts.

    Input shape: `(batch, features)`; states `(batch, units)`.

    Output shape: h_t `(batch, units)`, and the list of it.

    Example, where the gates are open by half, and the candidate is 0:

    >>> cell = GRUCell(
    ...     1, kernel_initializer="zeros", recurrent_initializer="zeros"
    ... )
    >>> h, _ = cell(ops.ones((1, 1)), [ops.ones((1, 1))])
    >>> float(h[0, 0])
    0.5
    """

    def call(self, inputs, states, training=False):
        states = keras.tree.flatten(states)
        a, product = products_of_step(self, inputs, states[0], training)
        equations = (
            ResetAfterEquations if self.reset_after else ResetBeforeEquations
        )(self.activation, self.recurrent_activation)
        (h,), _ = equations.step(a, states, product)
        return h, [h]


class ResetAfterEquations:
    """Those of a unit that resets after the product, and their adjoint.

    See `dlunits.layers.rnn.bptt.BackpropagationThroughTime` for what they are
    asked for.

    Example, where the gates are open by half, and the candidate is 0:

    >>> from dlunits.layers.rnn.recurrent_kernel import RecurrentKernel
    >>> tanh, sigmoid = keras.activations.tanh, keras.activations.sigmoid
    >>> a, U = ops.zeros((1, 3)), RecurrentKernel(ops.zeros((1, 3)))
    >>> equations = ResetAfterEquations(tanh, sigmoid)
    >>> (h,), _ = equations.step(a, (ops.ones((1, 1)),), U)
    >>> float(h[0, 0])
    0.5
    """

    num_kept = 4
    num_gradients = 2

    def __init__(self, activation, recurrent_activation):
        self.f = activation
        self.sigma = recurrent_activation

    def step(self, a, states, product):
        """One step: a (batch, 3 * units), h (batch, units)"""
        [h] = states
        a_z, a_r, a_candidate = ops.split(a, 3, axis=-1)
        h_z, h_r, h_candidate = ops.split(product(h), 3, axis=-1)
        update_gate = self.sigma(a_z + h_z)
        reset_gate = self.sigma(a_r + h_r)
        candidate = self.f(a_candidate + reset_gate * h_candidate)
        h = update_gate * h + (1 - update_gate) * candidate
        return (h,), (update_gate, reset_gate, candidate, h_candidate)

    def adjoint(self, kept, h_before, gradients, product):
        """Gradient with respect to h_t -> to h_{t-1}; to a_t and U h_{t-1}."""
        update_gate, reset_gate, candidate, h_candidate = kept
        [of_h] = gradients
        d, d_sigma = map(derivative_by_value, (self.f, self.sigma))
        of_candidate = of_h * (1 - update_gate) * d(candidate)
        of_z = of_h * (h_before - candidate) * d_sigma(update_gate)
        of_r = of_candidate * h_candidate * d_sigma(reset_gate)
        of_a = ops.concatenate([of_z, of_r, of_candidate], axis=-1)
        of_product = ops.concatenate(
            [of_z, of_r, of_candidate * reset_gate], axis=-1
        )
        of_before = of_h * update_gate + product.adjoint(of_product)
        return (of_before,), (of_a, of_product)

    def kernel_gradient(self, product, h_before, kept, gradients):
        return product.kernel_gradient(h_before, gradients[1])


class ResetBeforeEquations(ResetAfterEquations):
    """Those of a unit that resets before the product, as published.

    Example, where the gates are open by half, and the candidate is 0:

    >>> from dlunits.layers.rnn.recurrent_kernel import RecurrentKernel
    >>> tanh, sigmoid = keras.activations.tanh, keras.activations.sigmoid
    >>> a, U = ops.zeros((1, 3)), RecurrentKernel(ops.zeros((1, 3)))
    >>> equations = ResetBeforeEquations(tanh, sigmoid)
    >>> (h,), _ = equations.step(a, (ops.ones((1, 1)),), U)
    >>> float(h[0, 0])
    0.5
    """

    num_kept = 3
    num_gradients = 1

    def step(self, a, states, product):
        """One step: a (batch, 3 * units), h (batch, units)"""
        [h] = states
        a_z, a_r, a_candidate = ops.split(a, 3, axis=-1)
        h_z, h_r = ops.split(product.of_gates(0, 2)(h), 2, axis=-1)
        update_gate = self.sigma(a_z + h_z)
        reset_gate = self.sigma(a_r + h_r)
        candidate = self.f(a_candidate + product.of_gates(2, 3)(reset_gate * h))
        h = update_gate * h + (1 - update_gate) * candidate
        return (h,), (update_gate, reset_gate, candidate)

    def adjoint(self, kept, h_before, gradients, product):
        """Gradient with respect to h_t -> to h_{t-1}, and to a_t."""
        update_gate, reset_gate, candidate = kept
        [of_h] = gradients
        d, d_sigma = map(derivative_by_value, (self.f, self.sigma))
        of_candidate = of_h * (1 - update_gate) * d(candidate)
        of_reset = product.of_gates(2, 3).adjoint(of_candidate)
        of_z = of_h * (h_before - candidate) * d_sigma(update_gate)
        of_r = of_reset * h_before * d_sigma(reset_gate)
        of_gates = ops.concatenate([of_z, of_r], axis=-1)
        of_before = (
            of_h * update_gate
            + of_reset * reset_gate
            + product.of_gates(0, 2).adjoint(of_gates)
        )
        of_a = ops.concatenate([of_gates, of_candidate], axis=-1)
        return (of_before,), (of_a,)

    def kernel_gradient(self, product, h_before, kept, gradients):
        _, reset_gate, _ = kept
        [of_a] = gradients
        units = h_before.shape[-1]
        of_gates, of_candidate = ops.split(of_a, [2 * units], axis=-1)
        return ops.concatenate(
            [
                product.of_gates(0, 2).kernel_gradient(h_before, of_gates),
                product.of_gates(2, 3).kernel_gradient(
                    reset_gate * h_before, of_candidate
                ),
            ],
            axis=-1,
        )
