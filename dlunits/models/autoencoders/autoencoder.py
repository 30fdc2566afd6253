"""Autoencoder: an encoder and a decoder trained to reconstruct the input."""

import math
from typing import Any

import keras

from dlunits.layers.tied.tied_kernel import (
    TiedKernel,
    has_float_kernel,
    tied_to_layers,
)
from dlunits.models.autoencoders.layer_graph import iterate_layers, producer
from dlunits.models.layer_states import layer_states, model_from_config
from dlunits.typing import Array, Config, Shape, Tensor


@keras.saving.register_keras_serializable(package="dlunits")
class Autoencoder(keras.Model):
    """Autoencoder of two Keras models, an encoder and a decoder.

    Use it for dimensionality reduction, denoising, feature learning and
    anomaly detection, with any two models whose shapes match.

        code            z = encoder(x)
        reconstruction  r = decoder(z)
        loss            L(x, r), such as "mse" or "binary_crossentropy"

    It is *undercomplete* if z has fewer numbers than x, else *overcomplete*.
    An overcomplete autoencoder needs a regularizer, such as noise, sparsity
    or contraction; otherwise it learns the identity.

    `fit(x)` trains it to reconstruct `x`; `fit(noisy, clean)`, or a
    `tf.data.Dataset` of such pairs, trains it to denoise. `compile` is that of
    `keras.Model`.

    Reference: Goodfellow, Bengio and Courville, 2016, "Deep Learning",
    chapter 14, https://www.deeplearningbook.org.

    Args:
        encoder: Built Keras model with one input and one output.
        decoder: Built Keras model that maps the shape of the code to the shape
            of the encoder's input.
        dtype: Dtype policy in the config of the model. The layers have their
            own. `None` for Keras' global policy.
        **kwargs: Keyword arguments of `keras.Model`, such as `name`.

    Input shape: That of the encoder, `(batch, ...)`.

    Output shape: The same.

    Raises:
        ValueError: If the shapes do not match; if a penalty on activations
            such as `dlunits.regularizers.KLSparsity` does not fit the
            activation of its layer; or if the decoder is tied to a layer of the
            encoder whose name is not unique.

    Example, a code that keeps the first of two numbers:

    >>> import numpy as np
    >>> from dlunits.layers import TiedDense
    >>> first = keras.layers.Dense(1, kernel_initializer="ones")
    >>> encoder = keras.Sequential([keras.Input((2,)), first])
    >>> decoder = keras.Sequential([keras.Input((1,)), TiedDense(first)])
    >>> autoencoder = Autoencoder(encoder, decoder)
    >>> first.set_weights([np.array([[1.0], [0.0]]), np.zeros(1)])
    >>> x = np.array([[3.0, 4.0]])
    >>> autoencoder.encode(x).tolist(), autoencoder.reconstruct(x).tolist()
    ([[3.0]], [[3.0, 0.0]])
    """

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        check_shapes(encoder, decoder)
        check_ties(decoder, encoder)
        for part in (encoder, decoder):
            check_activity_regularizers(part)
        inputs = keras.Input(
            encoder.input_shape[1:], dtype=encoder.inputs[0].dtype
        )
        super().__init__(inputs, decoder(encoder(inputs)), **kwargs)
        self.dtype_policy = keras.dtype_policies.get(
            dtype or keras.config.dtype_policy()
        )
        self.encoder = encoder
        self.decoder = decoder

    @property
    def latent_dim(self) -> int:
        """Size of the code of one example."""
        return example_size(self.decoder.input_shape)

    @property
    def overcomplete(self) -> bool:
        """Whether the code has at least as many numbers as the input."""
        return self.latent_dim >= example_size(self.encoder.input_shape)

    def encode(self, x: Any, batch_size: int | None = None) -> Array:
        """Computes the codes of examples.

        Args:
            x: Array `(num_examples, ...)`, or a `tf.data.Dataset` of batches.
            batch_size: Integer, examples per batch; `None` for 32.

        Returns:
            NumPy array `(num_examples, ...)`.
        """
        return self.encoder.predict(x, batch_size=batch_size, verbose=0)

    def decode(self, codes: Any, batch_size: int | None = None) -> Array:
        """Computes the reconstructions from codes.

        Args:
            codes: Array `(num_examples, ...)`, with the shape of `encode`.
            batch_size: Integer, codes per batch; `None` for 32.

        Returns:
            NumPy array `(num_examples, ...)`.
        """
        return self.decoder.predict(codes, batch_size=batch_size, verbose=0)

    def reconstruct(self, x: Any, batch_size: int | None = None) -> Array:
        """Computes `decode(encode(x))` in one forward pass.

        Args:
            x: Array `(num_examples, ...)`, or a `tf.data.Dataset` of batches.
            batch_size: Integer, examples per batch; `None` for 32.

        Returns:
            NumPy array `(num_examples, ...)`.
        """
        return self.predict(x, batch_size=batch_size, verbose=0)

    def compute_loss(
        self,
        x: Tensor = None,
        y: Tensor = None,
        y_pred: Tensor = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        """Computes the compiled loss; without `y` the target is `x`."""
        return super().compute_loss(
            x, x if y is None else y, y_pred, sample_weight, training
        )

    def compute_metrics(
        self, x: Tensor, y: Tensor, y_pred: Tensor, sample_weight: Tensor = None
    ) -> dict[str, Any]:
        """Computes the compiled metrics; without `y` the target is `x`."""
        return super().compute_metrics(
            x, x if y is None else y, y_pred, sample_weight
        )

    def get_config(self) -> Config:
        return {
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "decoder": keras.saving.serialize_keras_object(self.decoder),
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            "name": self.name,
            "trainable": self.trainable,
            **layer_states(self),
        }

    @classmethod
    def from_config(
        cls, config: Config, custom_objects: Config | None = None
    ) -> "Autoencoder":
        encoder = keras.saving.deserialize_keras_object(
            config["encoder"], custom_objects
        )
        with tied_to_layers(iterate_layers(encoder)):
            decoder = keras.saving.deserialize_keras_object(
                config["decoder"], custom_objects
            )
        parts = {"encoder": encoder, "decoder": decoder}
        return model_from_config(cls, {**config, **parts})


def tied_layers(model: keras.Model) -> list[TiedKernel]:
    """Layers whose kernel is that of another layer."""
    return [
        layer
        for layer in iterate_layers(model)
        if isinstance(layer, TiedKernel)
    ]


def check_ties(decoder: keras.Model, encoder: keras.Model) -> None:
    """Raises a `ValueError` if `from_config` could not restore a tie."""
    layers = list(iterate_layers(encoder))
    for tied in tied_layers(decoder):
        source = tied.tied_to
        named = {id(layer) for layer in layers if layer.name == source.name}
        shared = not has_float_kernel(source) or any(
            weight is tied.kernel for weight in encoder.weights
        )
        if named != ({id(source)} if shared else set()):
            raise ValueError(
                "A layer that the decoder is tied to must be a layer of the "
                "encoder, not wrapped in another layer, with a unique name: "
                "ties are restored by name when the model is loaded. "
                f"Received: {tied.name!r} tied to {source.name!r}, and the "
                f"encoder's layers {[layer.name for layer in layers]}"
            )


def check_shapes(encoder: keras.Model, decoder: keras.Model) -> None:
    """Raises a `ValueError` if the shapes of the parts do not match."""
    for part, name in ((encoder, "encoder"), (decoder, "decoder")):
        shapes = [getattr(part, "input_shape", None)]
        shapes.append(getattr(part, "output_shape", None))
        if not all(isinstance(shape, tuple) for shape in shapes):
            raise ValueError(
                f"`{name}` must be a built Keras model with one input and one "
                "output: define a `keras.Input`. Received: "
                f"{part} with the shapes {shapes}"
            )
    pairs = [
        ("input", "output", encoder.output_shape, decoder.input_shape),
        ("output", "input", encoder.input_shape, decoder.output_shape),
    ]
    for own, opposite, shape, other in pairs:
        if len(shape) != len(other) or any(
            None not in (a, b) and a != b
            for a, b in zip(shape[1:], other[1:], strict=True)
        ):
            raise ValueError(
                f"The {own} shape of `decoder` must be the {opposite} shape of "
                "`encoder`. Received: "
                f"encoder {encoder.input_shape} -> {encoder.output_shape}, "
                f"decoder {decoder.input_shape} -> {decoder.output_shape}"
            )


def check_activity_regularizers(
    layer: keras.layers.Layer, model: keras.Model | None = None
) -> None:
    """Calls `check_layer` of the activity regularizers of a model.

    It raises a `ValueError` if a penalty does not fit the activation. The
    penalties are activity regularizers, or regularizers of a
    `MovingMeanSparsity`.

    Args:
        layer: Keras layer or model, checked with all layers in it.
        model: Model that contains `layer`.
    """
    for name in ("activity_regularizer", "regularizer"):
        penalty: Any = getattr(layer, name, None)
        if hasattr(penalty, "check_layer"):
            penalty.check_layer(producer(layer, model) or layer)
    for part in getattr(layer, "layers", ()):
        check_activity_regularizers(part, layer)


def example_size(shape: Shape) -> int:
    """(None, 7, 7, 2) -> 98"""
    return math.prod(size or 0 for size in shape[1:])
