"""Base class of layers that share the kernel of another layer."""

import contextlib
import contextvars
import types
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import keras

from dlunits.typing import Config, Shape

SOURCES: contextvars.ContextVar[dict[str, keras.layers.Layer]]
SOURCES = contextvars.ContextVar("SOURCES")


@keras.saving.register_keras_serializable(package="dlunits")
class TiedKernel(keras.layers.Layer):
    """Base class of layers that apply the transposed kernel of another layer.

    It maps the outputs of the other layer back to the shape of its inputs. The
    kernel is one variable, a weight of both layers. It is trained unless the
    other layer is frozen; `trainable` of this layer freezes its bias. If the
    other layer is quantized, the kernel is no longer shared: this layer keeps
    it in floating point. Subclasses set `tied_layer_class`, the class of the
    layers that they can be tied to, and implement `call` and
    `compute_output_shape`.

    `keras.models.clone_model` and a file of the decoder alone copy this layer
    without the model of the other one. The copy has its own kernel, and a
    warning is issued. Copy an autoencoder with
    `type(model).from_config(model.get_config())`, which keeps the ties.

    Args:
        tied_to: Built Keras layer with a kernel `(..., inputs, outputs)`.
        activation: Activation of the outputs.
        use_bias: Whether to add a bias.
        bias_initializer: Initializer of the bias.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Tensor.

    Input shape: That of the outputs of `tied_to`.

    Output shape: That of the inputs of `tied_to`.

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
        self.may_be_untied = False
        self.bias_initializer = keras.initializers.get(bias_initializer)

    @property
    def channel_axis(self) -> int:
        """Axis of the features in inputs and outputs."""
        return -1

    @property
    def tied_to(self) -> keras.layers.Layer:
        """Layer that shares its kernel."""
        return self.tie.layer

    @property
    def trainable(self) -> bool:
        """Whether the bias is trained; the kernel is trained with `tied_to`."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        shared = self.built and self.kernel is self.tied_to.kernel
        kernel_trainable = shared and self.kernel.trainable
        keras.layers.Layer.trainable.fset(self, value)
        if shared:
            self.kernel.trainable = kernel_trainable

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        # When a model is loaded, all layers are made before the first call.
        if self.may_be_untied and not is_called(self.tied_to):
            warnings.warn(
                f"The copied layer {self.name!r} is not tied: it has a kernel "
                f"of its own, because {self.tied_to.name!r} was not copied "
                "with it. To copy an autoencoder with its ties, call "
                "`type(model).from_config(model.get_config())` instead of "
                "`keras.models.clone_model`.",
                stacklevel=2,
            )
        self.may_be_untied = False
        return super().__call__(*args, **kwargs)

    def build(self, input_shape: Shape) -> None:
        kernel = self.tied_to.kernel
        *_, inputs, outputs = kernel.shape
        if input_shape[self.channel_axis] != outputs:
            raise ValueError(
                f"The input must have {outputs} features, the number of "
                f"outputs of {self.tied_to.name!r}. Received: {input_shape=}"
            )
        if has_float_kernel(self.tied_to):
            # Trainable here, so that a frozen kernel is also the first weight.
            trainable, kernel.trainable = kernel.trainable, True
            self.kernel = kernel
            kernel.trainable = trainable
        else:
            self.kernel = self.add_weight(name="kernel", shape=kernel.shape)
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=(inputs,), initializer=self.bias_initializer
            )

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "bias_initializer": keras.initializers.serialize(
                self.bias_initializer
            ),
            "tied_to": keras.saving.serialize_keras_object(self.tied_to),
        }

    @classmethod
    def from_config(cls, config: Config) -> "TiedKernel":
        name = config["tied_to"]["config"]["name"]
        sources = SOURCES.get(None)
        if sources and name in sources:
            return cls(**{**config, "tied_to": sources[name]})
        tied_to = keras.saving.deserialize_keras_object(config["tied_to"])
        layer = cls(**{**config, "tied_to": tied_to})
        layer.may_be_untied = sources is None
        return layer


def has_float_kernel(layer: keras.layers.Layer) -> bool:
    """Whether a layer is not quantized, so that its kernel can be shared."""
    return keras.backend.is_float_dtype(layer.kernel.dtype)


def is_called(layer: keras.layers.Layer) -> bool:
    """Whether a layer is part of a model."""
    try:
        layer.input  # noqa: B018
    except (AttributeError, ValueError):
        return False
    return True


@contextlib.contextmanager
def tied_to_layers(layers: Iterable[keras.layers.Layer]) -> Iterator[None]:
    """Context in which layers from a config are tied to `layers` by name.

    The config of a tied layer contains a copy of the layer it is tied to.

    Args:
        layers: Keras layers to tie to.
    """
    token = SOURCES.set({layer.name: layer for layer in layers})
    try:
        yield
    finally:
        SOURCES.reset(token)
