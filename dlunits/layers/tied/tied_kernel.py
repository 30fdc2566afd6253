"""Base class of layers that share the kernel of another layer."""

import types
from typing import Any

import keras

from dlunits.typing import Config, Shape


@keras.saving.register_keras_serializable(package="dlunits")
class TiedKernel(keras.layers.Layer):
    """Base class of layers that apply the transposed kernel of another layer.

    It maps the outputs of the other layer back to the shape of its inputs. The
    kernel is one variable, a weight of both layers. Subclasses set
    `tied_layer_class`, the class of the layers that they can be tied to, and
    implement `call` and `compute_output_shape`.

    Args:
        tied_to: Built Keras layer with a kernel `(..., inputs, outputs)`.
        activation: Activation of the outputs.
        use_bias: Whether to add a bias.
        bias_initializer: Initializer of the bias.
        **kwargs: Arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If `tied_to` is not built or of another class, or if the
            input does not have as many features as `tied_to` has outputs.

    Example, with 4 x 3 weights of the kernel and 4 of the bias:

    >>> from dlunits.layers import TiedDense
    >>> encoder = keras.layers.Dense(3)
    >>> encoder.build((None, 4))
    >>> decoder = TiedDense(encoder)
    >>> decoder.build((None, 3))
    >>> isinstance(decoder, TiedKernel), decoder.count_params()
    (True, 16)
    """

    tied_layer_class: type[keras.layers.Layer] = keras.layers.Layer

    def __init__(
        self,
        tied_to: keras.layers.Layer,
        activation: Any = None,
        use_bias: bool = True,
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if not isinstance(tied_to, self.tied_layer_class) or not tied_to.built:
            raise ValueError(
                "`tied_to` must be a built "
                f"`keras.layers.{self.tied_layer_class.__name__}`: put it into "
                f"a model first. Received: {tied_to}"
            )
        # In a namespace Keras does not track the layer, whose bias is not a
        # weight of this one.
        self.tie = types.SimpleNamespace(layer=tied_to)
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.bias_initializer = keras.initializers.get(bias_initializer)

    @property
    def channel_axis(self) -> int:
        """Axis of the features in inputs and outputs."""
        return -1

    @property
    def tied_to(self) -> keras.layers.Layer:
        """Layer that shares its kernel."""
        return self.tie.layer

    def copy_tied_to(self, tied_to: keras.layers.Layer) -> "TiedKernel":
        """Returns a copy of the layer that is tied to another layer."""
        return type(self)(**{**self.base_config(), "tied_to": tied_to})

    def build(self, input_shape: Shape) -> None:
        kernel = self.tied_to.kernel
        *_, inputs, outputs = kernel.shape
        if input_shape[self.channel_axis] != outputs:
            raise ValueError(
                f"The input must have {outputs} features, the number of "
                f"outputs of {self.tied_to.name!r}. Received: {input_shape=}"
            )
        self.kernel = kernel
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=(inputs,), initializer=self.bias_initializer
            )

    def base_config(self) -> Config:
        """Returns the configuration without `tied_to`."""
        return {
            **super().get_config(),
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "bias_initializer": keras.initializers.serialize(
                self.bias_initializer
            ),
        }

    def get_config(self) -> Config:
        return {
            **self.base_config(),
            "tied_to": keras.saving.serialize_keras_object(self.tied_to),
        }

    @classmethod
    def from_config(cls, config: Config) -> "TiedKernel":
        tied_to = keras.saving.deserialize_keras_object(config["tied_to"])
        return cls(**{**config, "tied_to": tied_to})
