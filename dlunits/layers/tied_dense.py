"""A dense layer that shares its kernel with another one."""

import types

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="dlunits")
class TiedDense(keras.layers.Layer):
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

    def __init__(
        self,
        tied_to,
        activation=None,
        use_bias=True,
        bias_initializer="zeros",
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not isinstance(tied_to, keras.layers.Dense) or not tied_to.built:
            raise ValueError(
                "`tied_to` must be a `keras.layers.Dense` that is built: put "
                f"it into a model first. Received: {tied_to}"
            )
        # Held out of Keras' sight: the other layer's bias is no weight of this.
        self.tie = types.SimpleNamespace(layer=tied_to)
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.bias_initializer = keras.initializers.get(bias_initializer)

    @property
    def tied_to(self):
        """The layer whose kernel it shares."""
        return self.tie.layer

    def tied_like(self, tied_to):
        """Returns a layer like this one, tied to another dense layer."""
        return type(self)(**{**self.options(), "tied_to": tied_to})

    def build(self, input_shape):
        kernel = self.tied_to.kernel
        if input_shape[-1] != kernel.shape[1]:
            raise ValueError(
                f"The input must have {kernel.shape[1]} features, the units "
                f"of {self.tied_to.name!r}. Received: {input_shape=}"
            )
        self.kernel = kernel
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(kernel.shape[0],),
                initializer=self.bias_initializer,
            )

    def call(self, inputs):
        outputs = ops.matmul(inputs, ops.transpose(self.kernel))
        if self.bias is not None:
            outputs = outputs + self.bias
        return self.activation(outputs)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.tied_to.kernel.shape[0])

    def options(self):
        return {
            **super().get_config(),
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "bias_initializer": keras.initializers.serialize(
                self.bias_initializer
            ),
        }

    def get_config(self):
        return {
            **self.options(),
            "tied_to": keras.saving.serialize_keras_object(self.tied_to),
        }

    @classmethod
    def from_config(cls, config):
        tied_to = keras.saving.deserialize_keras_object(config["tied_to"])
        return cls(**{**config, "tied_to": tied_to})
