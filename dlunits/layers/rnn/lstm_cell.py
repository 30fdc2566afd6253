"""Long short-term memory, one time step."""

import keras
from keras import ops

from dlunits.activations import derivative_by_value
from dlunits.layers.rnn.recurrent_kernel import products_of_step


@keras.saving.register_keras_serializable(package="dlunits")
class LSTMCell(keras.layers.LSTMCell):
    """One time step of an LSTM, as the equations say it.

    Keras' cell in all but how it reads: the same arguments and the same
    weights. For a whole sequence take `dlunits.layers.LSTM`, which is faster;
    use the cell in `keras.layers.RNN` or by itself, step by step.

        i, f, o   = sigma(W x_t + U h_{t-1} + b)   input, forget, output gate
        candidate = tanh(W x_t + U h_{t-1} + b)
        c_t       = f * c_{t-1} + i * candidate
        h_t       = o * tanh(c_t)

    each with its own columns of W, U and b, in the order i, f, candidate, o.

    Reference: Hochreiter and Schmidhuber, 1997,
    https://doi.org/10.1162/neco.1997.9.8.1735; forget gates by Gers et al.,
    2000, https://doi.org/10.1162/089976600300015015.

    Args:
        units: Positive integer.
        Others: Those of `keras.layers.LSTMCell`.

    Call arguments:
        inputs: x_t.
        states: List of h_{t-1} and c_{t-1}.
        training: Whether dropout acts.

    Input shape: `(batch, features)`; states `(batch, units)`.

    Output shape: h_t `(batch, units)`, and the list of h_t and c_t.

    Example, where all gates are open by half, and the candidate is 0:

    >>> cell = LSTMCell(1, kernel_initializer="zeros", unit_forget_bias=False)
    >>> x, states = ops.ones((1, 1)), [ops.zeros((1, 1)), ops.ones((1, 1))]
    >>> h, (_, c) = cell(x, states)
    >>> float(c[0, 0]), round(float(h[0, 0]), 3)  # 0.5 * 1, 0.5 * tanh(0.5)
    (0.5, 0.231)
    """

    def call(self, inputs, states, training=False):
        a, product = products_of_step(self, inputs, states[0], training)
        equations = LSTMEquations(self.activation, self.recurrent_activation)
        states, _ = equations.step(a, states, product)
        return states[0], list(states)


class LSTMEquations:
    """The equations of an LSTM and their adjoint.

    See `dlunits.layers.rnn.bptt.BackpropagationThroughTime` for what they are
    asked for.

    Example, where all gates are open by half, and the candidate is 0:

    >>> from dlunits.layers.rnn.recurrent_kernel import RecurrentKernel
    >>> tanh, sigmoid = keras.activations.tanh, keras.activations.sigmoid
    >>> U, states = ops.zeros((1, 4)), (ops.zeros((1, 1)), ops.ones((1, 1)))
    >>> equations = LSTMEquations(tanh, sigmoid)
    >>> (_, c), kept = equations.step(U, states, RecurrentKernel(U))
    >>> float(c[0, 0])
    0.5
    """

    num_kept = 5
    num_gradients = 1

    def __init__(self, activation, recurrent_activation):
        self.f = activation
        self.sigma = recurrent_activation

    def step(self, a, states, product):
        """One step: a (batch, 4 * units); h and c (batch, units)"""
        h, c_before = states
        i, f, candidate, o = ops.split(a + product(h), 4, axis=-1)
        input_gate = self.sigma(i)
        forget_gate = self.sigma(f)
        candidate = self.f(candidate)
        output_gate = self.sigma(o)
        c = forget_gate * c_before + input_gate * candidate
        h = output_gate * self.f(c)
        kept = input_gate, forget_gate, candidate, output_gate, c_before
        return (h, c), kept

    def adjoint(self, kept, h_before, gradients, product):
        """Gradients with respect to h_t and c_t -> to the step before."""
        input_gate, forget_gate, candidate, output_gate, c_before = kept
        of_h, of_c = gradients
        d, d_sigma = map(derivative_by_value, (self.f, self.sigma))
        f_of_c = self.f(forget_gate * c_before + input_gate * candidate)
        of_c = of_c + of_h * output_gate * d(f_of_c)
        of_a = ops.concatenate(
            [
                of_c * candidate * d_sigma(input_gate),
                of_c * c_before * d_sigma(forget_gate),
                of_c * input_gate * d(candidate),
                of_h * f_of_c * d_sigma(output_gate),
            ],
            axis=-1,
        )
        return (product.adjoint(of_a), of_c * forget_gate), (of_a,)

    def kernel_gradient(self, product, h_before, kept, gradients):
        return product.kernel_gradient(h_before, gradients[0])
