"""An encoder and a decoder, trained to give back what goes in."""

import keras

from dlunits.layers.tied.tied_kernel import TiedKernel
from dlunits.models.autoencoders.layer_graph import all_layers, producer


@keras.saving.register_keras_serializable(package="dlunits")
class Autoencoder(keras.Model):
    """Describes its input by a code from which it can be drawn again.

    Use it to compress, to clean, to find features or to find what does not
    belong: any two Keras models will do whose shapes fit.

        code           z = encoder(x)
        reconstruction r = decoder(z)
        loss           L(x, r), such as "mse" or "binary_crossentropy"

    It is *undercomplete* if `z` has fewer numbers than `x`, else
    *overcomplete*; then something besides the bottleneck, such as noise,
    sparsity or contraction, must keep it from copying.

    `fit(x)` trains it to reconstruct `x`; `fit(noisy, clean)` trains it to
    clean, and so does a `tf.data.Dataset` of such pairs. `compile` is Keras'.

    Reference: Goodfellow, Bengio and Courville, 2016, "Deep Learning",
    chapter 14, https://www.deeplearningbook.org.

    Args:
        encoder: Built Keras model of one input and one output.
        decoder: Built Keras model from the shape of the code back to the
            shape of the encoder's input.
        dtype: Policy that the config names; the layers have their own. `None`
            takes Keras' current one.

    Input shape: The encoder's, `(batch, ...)`.

    Output shape: The same.

    Raises:
        ValueError: If the shapes do not fit, a penalty on activations such as
            `dlunits.regularizers.KLSparsity` is not for the activation of its
            layer, or the decoder is tied to a layer of the encoder that its
            name does not tell from the others.

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

    def __init__(self, encoder, decoder, dtype=None, **kwargs):
        check_shapes(encoder, decoder)
        check_ties(decoder, encoder)
        for part in (encoder, decoder):
            check_activities(part)
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
    def latent_dim(self):
        """Numbers in the code of one example."""
        return count(self.decoder.input_shape)

    @property
    def overcomplete(self):
        """Whether the code has at least as many numbers as the input."""
        return self.latent_dim >= count(self.encoder.input_shape)

    def encode(self, x, batch_size=None):
        """Returns the codes of the examples as a NumPy array.

        Args:
            x: Array `(num_examples, ...)`, or a `tf.data.Dataset` of batches.
            batch_size: Integer, examples at a time.
        """
        return self.encoder.predict(x, batch_size=batch_size, verbose=0)

    def decode(self, codes, batch_size=None):
        """Returns what the codes stand for as a NumPy array.

        Args:
            codes: Array `(num_examples, ...)`, shaped as `encode` gives them.
            batch_size: Integer, codes at a time.
        """
        return self.decoder.predict(codes, batch_size=batch_size, verbose=0)

    def reconstruct(self, x, batch_size=None):
        """Returns `decode(encode(x))` in one pass.

        Args:
            x: Array `(num_examples, ...)`, or a `tf.data.Dataset` of batches.
            batch_size: Integer, examples at a time.
        """
        return self.predict(x, batch_size=batch_size, verbose=0)

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        return super().compute_loss(
            x, x if y is None else y, y_pred, sample_weight, training
        )

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return super().compute_metrics(
            x, x if y is None else y, y_pred, sample_weight
        )

    def get_config(self):
        return {
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "decoder": keras.saving.serialize_keras_object(self.decoder),
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            "name": self.name,
            "trainable": self.trainable,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        encoder, decoder = (
            keras.saving.deserialize_keras_object(
                config.pop(part), custom_objects
            )
            for part in ("encoder", "decoder")
        )
        return cls(encoder, tie_again(decoder, encoder), **config)


def tie_again(decoder, encoder):
    """Ties a decoder that was read from its config to the encoder beside it.

    A config can only hold a copy of the layer that another is tied to; the
    encoder's layer of that name is the one that was meant.
    """
    named = {layer.name: layer for layer in all_layers(encoder)}

    def source(layer):
        return named.get(layer.tied_to.name, layer.tied_to)

    if all(source(layer) is layer.tied_to for layer in tied_layers(decoder)):
        return decoder

    def clone(layer):
        if isinstance(layer, TiedKernel):
            return layer.copy_tied_to(source(layer))
        return type(layer).from_config(layer.get_config())

    return keras.models.clone_model(
        decoder, clone_function=clone, recursive=True
    )


def tied_layers(model):
    return [
        layer for layer in all_layers(model) if isinstance(layer, TiedKernel)
    ]


def check_ties(decoder, encoder):
    """Refuses ties that `tie_again` could not find by their names."""
    layers = list(all_layers(encoder))
    for tied in tied_layers(decoder):
        source = tied.tied_to
        named = {id(layer) for layer in layers if layer.name == source.name}
        shared = any(weight is tied.kernel for weight in encoder.weights)
        if named != ({id(source)} if shared else set()):
            raise ValueError(
                "What a decoder is tied to must have a name that no other "
                "layer of the encoder has, and must not be wrapped in another "
                "layer: by its name it is found again when the model is "
                f"loaded. Received: {tied.name!r} tied to {source.name!r}, "
                f"and the encoder's {[layer.name for layer in layers]}"
            )


def check_shapes(encoder, decoder):
    for part, name in ((encoder, "encoder"), (decoder, "decoder")):
        shapes = [getattr(part, "input_shape", None)]
        shapes.append(getattr(part, "output_shape", None))
        if not all(isinstance(shape, tuple) for shape in shapes):
            raise ValueError(
                f"`{name}` must be a built Keras model of one input and one "
                "output: give it a `keras.Input`. Received: "
                f"{part} with the shapes {shapes}"
            )
    pairs = [
        ("code", encoder.output_shape, "take", decoder.input_shape),
        ("input", encoder.input_shape, "give back", decoder.output_shape),
    ]
    for what, shape, does, other in pairs:
        if len(shape) != len(other) or any(
            None not in (a, b) and a != b
            for a, b in zip(shape[1:], other[1:], strict=True)
        ):
            raise ValueError(
                f"`decoder` must {does} the encoder's {what}. Received: "
                f"encoder {encoder.input_shape} -> {encoder.output_shape}, "
                f"decoder {decoder.input_shape} -> {decoder.output_shape}"
            )


def check_activities(layer, model=None):
    """Lets penalties that are not for every activation say so.

    They are activity regularizers, or those of a `MovingMeanSparsity`.

    Args:
        layer: Keras layer or model, checked with all layers in it.
        model: The model that `layer` is in.
    """
    for name in ("activity_regularizer", "regularizer"):
        penalty = getattr(layer, name, None)
        if hasattr(penalty, "check_layer"):
            penalty.check_layer(producer(layer, model) or layer)
    for part in getattr(layer, "layers", ()):
        check_activities(part, layer)


def count(shape):
    """(None, 7, 7, 2) -> 98"""
    product = 1
    for size in shape[1:]:
        product *= size
    return product
