"""Dense layer with the transposed kernel of another dense layer."""

import keras
from keras import ops

from dlunits.layers.tied.tied_kernel import TiedKernel
from dlunits.typing import Shape, Tensor


@keras.saving.register_keras_serializable(package="dlunits")
class TiedDense(TiedKernel):
    """Dense layer whose kernel is the transposed kernel of another one.

    Use it as the decoder of an autoencoder with tied weights. It halves the
    number of weights, and prevents the encoder's weights from shrinking while
    the decoder's grow.

        y = f(h W^T + c)

    `h` is the input, `W` the kernel of `tied_to`, `c` the bias of this layer
    and `f` the activation.

    Reference: Vincent et al., 2010, "Stacked denoising autoencoders",
    section 2.2, https://jmlr.org/papers/v11/vincent10a.html.

    Args:
        tied_to: Built `keras.layers.Dense` layer.
        activation: Activation `f`.
        use_bias: Whether to add the bias `c`.
        bias_initializer: Initializer of `c`.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Tensor.

    Input shape: `(batch, ..., units of tied_to)`.

    Output shape: `(batch, ..., inputs of tied_to)`.

    Raises:
        ValueError: If `tied_to` is not a built dense layer, or if the input
            does not have as many features as `tied_to` has units.

    Example:

    >>> encoder = keras.layers.Dense(1, kernel_initializer="ones")
    >>> code = encoder(ops.convert_to_tensor([[3.0, 4.0]]))  # 3 + 4
    >>> ops.convert_to_numpy(TiedDense(encoder)(code)).tolist()
    [[7.0, 7.0]]
    """

    tied_layer_class = keras.layers.Dense

    def call(self, inputs: Tensor) -> Tensor:
        outputs = ops.matmul(inputs, ops.transpose(self.kernel))
        if self.bias is not None:
            outputs = outputs + self.bias
        return self.activation(outputs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.tied_to.kernel.shape[0])
