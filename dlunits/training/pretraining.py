"""Greedy layer-wise pre-training without labels, fine-tuning with labels."""

import math
from typing import Any

import keras
import numpy as np

from dlunits.layers import TiedDense
from dlunits.models.autoencoders.layer_graph import non_sequential_part
from dlunits.training.warmup_cosine import warmup_cosine
from dlunits.typing import Array


def pretrain_layerwise(
    encoder: keras.Model,
    x: Array,
    *,
    epochs: int,
    batch_size: int = 128,
    learning_rate: float = 1e-3,
    input_activation: Any = None,
    noise: keras.layers.Layer | None = None,
    loss: Any = "mse",
    verbose: Any = "auto",
) -> dict[str, list[float]]:
    """Greedy layer-wise pre-training of an encoder's dense layers, in place.

    Use it for deep encoders that are hard to train from random weights, or to
    learn features from many unlabeled examples before `fine_tune` with few
    labels. Layer i is trained as an autoencoder of the outputs of the layers
    before it, with a tied decoder that is discarded afterwards:

        h_0 = x,  h_i = f_i(h_{i-1} W_i + b_i)
        r_i = f_{i-1}(f_i(noise(h_{i-1}) W_i + b_i) W_i^T + c_i)
        minimize L(h_{i-1}, r_i) over W_i, b_i, c_i

    f_i is the activation, W_i the kernel and b_i the bias of layer i; r_i is
    the reconstruction and c_i the bias of its decoder. f_0 is
    `input_activation`, L is `loss`.

    Reference: Bengio et al., 2007, "Greedy Layer-Wise Training of Deep
    Networks"; with noise: Vincent et al., 2010, "Stacked Denoising
    Autoencoders", https://jmlr.org/papers/v11/vincent10a.html.

    Args:
        encoder: Built Keras model, a chain of layers. Its `Dense` layers are
            trained, other layers are applied between them.
        x: Array `(num_examples, ...)`.
        epochs: Integer, epochs for each layer.
        batch_size: Integer, examples per mini-batch.
        learning_rate: Number, largest learning rate of Adam.
        input_activation: Activation f_0 of the reconstruction of `x`, such as
            `"sigmoid"` for pixels in [0, 1].
        noise: Keras layer that corrupts the inputs of each dense layer, such
            as `dlunits.layers.MaskingNoise(0.25)`, or `None`.
        loss: Loss L of the reconstructions.
        verbose: As in `keras.Model.fit`.

    Returns:
        Dict of layer name to the list of its losses, one per epoch.

    Raises:
        ValueError: If the encoder is not a chain of layers or has no `Dense`
            layer, or `x` contains NaN or infinity.

    Example, a code of size 2 for points on a line:

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(256, 2)) @ np.ones((2, 4))
    >>> code = keras.layers.Dense(2, name="code")
    >>> losses = pretrain_layerwise(
    ...     keras.Sequential([keras.Input((4,)), code]), x, epochs=50,
    ...     learning_rate=0.05, batch_size=32, verbose=0)
    >>> losses["code"][-1] < 1e-3 < losses["code"][0]
    True
    """
    check_finite(x)
    check_chain(encoder)
    losses, activation, hidden = {}, input_activation, x
    for layer in encoder.layers:
        inputs = keras.Input(hidden.shape[1:], dtype=hidden.dtype.name)
        if isinstance(layer, keras.layers.Dense):
            corrupted = noise(inputs) if noise is not None else inputs
            decode = TiedDense(layer, activation)
            one_layer = keras.Model(inputs, decode(layer(corrupted)))
            losses[layer.name] = train(
                one_layer,
                hidden,
                hidden,
                loss,
                epochs=epochs,
                batch_size=batch_size,
                learning_rate=learning_rate,
                verbose=verbose,
            )["loss"]
            activation = layer.activation
        if not isinstance(layer, keras.layers.InputLayer):
            one_layer = keras.Model(inputs, layer(inputs))
            hidden = one_layer.predict(hidden, batch_size=1000, verbose=0)
    return losses


def fine_tune(
    encoder: keras.Model,
    x: Array,
    labels: Array,
    num_classes: int,
    *,
    epochs: int,
    pretrained: bool = True,
    batch_size: int = 32,
    learning_rate: float = 1e-3,
    verbose: Any = "auto",
) -> keras.Model:
    """Fine-tuning: builds a classifier on an encoder and trains all layers.

        P(class | x) = softmax(encoder(x) W + b)

    The classifier contains a copy of the encoder with its dropout and
    regularizers; the encoder itself is not changed. W and b are the weights of
    the output layer. They are initialized with 0: with random values, large
    codes would give confident wrong outputs, whose gradients destroy the
    pre-trained weights.

    Reference: Hinton and Salakhutdinov, 2006, "Reducing the Dimensionality of
    Data with Neural Networks", https://doi.org/10.1126/science.1127647.

    Args:
        encoder: Built Keras model; a code of several axes is flattened.
        x: Array `(num_examples, ...)`.
        labels: Integer array `(num_examples,)`, from 0 to `num_classes - 1`.
        num_classes: Integer, number of classes.
        epochs: Integer, epochs of training.
        pretrained: Boolean; with `False` the copy has new random weights, as a
            baseline for pre-training.
        batch_size: Integer, examples per mini-batch.
        learning_rate: Number, largest learning rate of Adam; it decays to 0.
        verbose: As in `keras.Model.fit`.

    Returns:
        Keras model from `x` to class probabilities `(batch, num_classes)`.

    Raises:
        ValueError: If `x` contains NaN or infinity, or a label is out of
            range.

    Example, the sign of a number:

    >>> import numpy as np
    >>> encoder = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> x = np.linspace(-1, 1, 40)[:, None]
    >>> classifier = fine_tune(
    ...     encoder, x, (x[:, 0] > 0).astype(int), num_classes=2, epochs=20,
    ...     learning_rate=0.1, verbose=0)
    >>> classifier.predict(np.array([[-0.5], [0.5]]), verbose=0).argmax(axis=1)
    array([0, 1])
    """
    check_finite(x)
    check_labels(labels, num_classes)
    copy = keras.models.clone_model(encoder)
    if pretrained:
        copy.set_weights(encoder.get_weights())
    inputs = keras.Input(encoder.input_shape[1:])
    code = keras.layers.Flatten()(copy(inputs))
    scores = keras.layers.Dense(
        num_classes, "softmax", kernel_initializer="zeros"
    )(code)
    classifier = keras.Model(inputs, scores)
    train(
        classifier,
        x,
        labels,
        "sparse_categorical_crossentropy",
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        verbose=verbose,
    )
    return classifier


def check_finite(x: Array) -> None:
    """Raises a `ValueError` if `x` contains NaN or infinity."""
    finite = np.isfinite(x).reshape(len(x), -1).all(axis=1)
    if not finite.all():
        raise ValueError(
            "All values of `x` must be finite. Received: NaN or infinity in "
            f"{np.sum(~finite)} of {len(x)} examples, first in example "
            f"{np.argmin(finite)} (counted from 0)"
        )


def check_chain(encoder: keras.Model) -> None:
    """Raises a `ValueError` unless layers are chained and one is dense."""
    fault = non_sequential_part(encoder)
    if fault:
        raise ValueError(
            "`encoder` must be a chain of layers, each with the output of the "
            "previous layer as its only input, as in `keras.Sequential`. "
            f"Received: {fault}"
        )
    if not any(isinstance(x, keras.layers.Dense) for x in encoder.layers):
        raise ValueError(
            "`encoder` must have a `keras.layers.Dense` to train. Received: "
            f"{[type(layer).__name__ for layer in encoder.layers]}"
        )


def check_labels(labels: Array, num_classes: int) -> None:
    """Raises a `ValueError` if a label is out of range."""
    known = np.isin(labels, np.arange(num_classes))
    if not known.all():
        raise ValueError(
            f"Every label must be an integer from 0 to {num_classes - 1} = "
            f"`num_classes` - 1. Received: {np.sum(~known)} others of "
            f"{known.size}, such as {np.asarray(labels)[~known][0]}"
        )


def train(
    model: keras.Model,
    x: Array,
    y: Array,
    loss: Any,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    verbose: Any,
) -> dict[str, list[float]]:
    """Trains with Adam, warm-up over 5 % of the steps and cosine decay."""
    steps = epochs * math.ceil(len(x) / batch_size)
    schedule = warmup_cosine(
        learning_rate, steps=steps, warmup_steps=steps // 20
    )
    model.compile(keras.optimizers.Adam(schedule), loss)
    return model.fit(
        x, y, batch_size=batch_size, epochs=epochs, verbose=verbose
    ).history
