"""A dense layer that shares its kernel with another one."""

import keras
from keras import ops

from dlunits.layers.tied.tied_kernel import TiedKernel


@keras.saving.register_keras_serializable(package="dlunits")
class TiedDense(TiedKernel):
    """Runs a dense layer backwards, with that layer's kernel transposed.

    Use it as the decoder of an autoencoder: it halves the weights, and keeps
    the code from shrinking while the decoder grows to make up for it.

        y = f(h W^T + c)

    `W` is the kernel of the layer it is tied to, one variable in both, `c` a
    bias of its own, `f` the activation.

    Reference: Vincent et al., 2010, "Stacked Denoising Autoencoders",
    section 2.2, https://jmlr.org/papers/v11/vincent10a.html.

    Args:
        tied_to: Built `keras.layers.Dense` layer.
        activation: The activation `f`.
        use_bias: Boolean, whether there is a `c`.
        bias_initializer: Initializer of `c`.

    Input shape: `(batch, ..., units of tied_to)`.

    Output shape: `(batch, ..., inputs of tied_to)`.

    Raises:
        ValueError: If `tied_to` is not a built dense layer, or the input does
            not have as many features as it has units.

    Example:

    >>> encode = keras.layers.Dense(1, kernel_initializer="ones")
    >>> code = encode(ops.convert_to_tensor([[3.0, 4.0]]))  # 3 + 4
    >>> ops.convert_to_numpy(TiedDense(encode)(code)).tolist()
    [[7.0, 7.0]]
    """

    kind = keras.layers.Dense

    def call(self, inputs):
        outputs = ops.matmul(inputs, ops.transpose(self.kernel))
        if self.bias is not None:
            outputs = outputs + self.bias
        return self.activation(outputs)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.tied_to.kernel.shape[0])
