"""What layers have in common that share their kernel with another one."""

import types

import keras


@keras.saving.register_keras_serializable(package="dlunits")
class TiedKernel(keras.layers.Layer):
    """Runs another layer backwards, by one kernel that is a weight of both.

    Of a layer from `inputs` to `outputs` features it makes one from `outputs`
    to `inputs`. Subclasses set `kind`, the class of layer that they can be
    tied to, and write `call` and `compute_output_shape`.

    Args:
        tied_to: Built Keras layer whose kernel is `(..., inputs, outputs)`.
        activation: Activation of the result.
        use_bias: Boolean, whether there is a bias of its own.
        bias_initializer: Initializer of the bias.

    Raises:
        ValueError: If `tied_to` is not built or of another kind, or the input
            does not have as many features as it puts out.

    Example, 4 x 3 weights of the kernel and 4 of the bias:

    >>> from dlunits.layers import TiedDense
    >>> encode = keras.layers.Dense(3)
    >>> encode.build((None, 4))
    >>> decode = TiedDense(encode)
    >>> decode.build((None, 3))
    >>> isinstance(decode, TiedKernel), decode.count_params()
    (True, 16)
    """

    kind = keras.layers.Layer
    features_axis = -1

    def __init__(
        self,
        tied_to,
        activation=None,
        use_bias=True,
        bias_initializer="zeros",
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not isinstance(tied_to, self.kind) or not tied_to.built:
            raise ValueError(
                f"`tied_to` must be a `keras.layers.{self.kind.__name__}` that "
                f"is built: put it into a model first. Received: {tied_to}"
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
        """Returns a layer like this one, tied to another layer."""
        return type(self)(**{**self.options(), "tied_to": tied_to})

    def build(self, input_shape):
        kernel = self.tied_to.kernel
        *_, inputs, outputs = kernel.shape
        if input_shape[self.features_axis] != outputs:
            raise ValueError(
                f"The input must have {outputs} features, as many as "
                f"{self.tied_to.name!r} puts out. Received: {input_shape=}"
            )
        self.kernel = kernel
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=(inputs,), initializer=self.bias_initializer
            )

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
