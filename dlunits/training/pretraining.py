"""Features learnt without labels, and what they are worth with a few."""

import math

import keras
import numpy as np

from dlunits.layers import TiedDense
from dlunits.models.autoencoders.layer_graph import break_in_chain
from dlunits.training.warmup_cosine import warmup_cosine


def pretrain_layerwise(
    encoder,
    x,
    *,
    epochs,
    batch_size=128,
    learning_rate=1e-3,
    input_activation=None,
    noise=None,
    loss="mse",
    verbose="auto",
):
    """Trains the dense layers of an encoder one after the other, in place.

    Layer i learns to reconstruct what the layers before it make of `x`, with a
    tied decoder that is thrown away afterwards:

        h_0 = x,   h_i = f_i(h_{i-1} W_i + b_i)
        r_i = f_{i-1}(noise(h_{i-1}) through layer i, W_i^T + c_i)
        minimise L(h_{i-1}, r_i) over W_i, b_i, c_i

    Use it where a deep encoder learns badly from its start, or to learn from
    many examples without labels before `fine_tune` sees the few with labels.

    Reference: Bengio et al., 2007, "Greedy Layer-Wise Training of Deep
    Networks"; with noise: Vincent et al., 2010, "Stacked Denoising
    Autoencoders", https://jmlr.org/papers/v11/vincent10a.html.

    Args:
        encoder: Built Keras model, a chain of layers; its `Dense` layers are
            trained, whatever else is in it runs between them.
        x: Array `(num_examples, ...)`.
        epochs: Integer, passes over `x` for each layer.
        batch_size: Integer, examples a step.
        learning_rate: Number, Adam's largest step size.
        input_activation: Activation of the first layer's reconstruction, such
            as `"sigmoid"` for pixels in [0, 1]. The others end in the
            activation that made their input.
        noise: Keras layer that corrupts the input of every layer, such as
            `dlunits.layers.MaskingNoise(0.25)`, or `None`.
        loss: Loss of the reconstructions.
        verbose: As in `keras.Model.fit`.

    Returns:
        Dict of layer name to the list of its losses, one an epoch.

    Raises:
        ValueError: If the encoder is no chain of layers or none of them is
            dense, or `x` holds NaN or infinity.

    Example, a code of 2 for numbers that lie on a plane:

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
            through = keras.Model(inputs, layer(inputs))
            hidden = through.predict(hidden, batch_size=1000, verbose=0)
    return losses


def fine_tune(
    encoder,
    x,
    labels,
    num_classes,
    *,
    epochs,
    pretrained=True,
    batch_size=32,
    learning_rate=1e-3,
    verbose="auto",
):
    """Makes a classifier of an encoder and trains all of it on labels.

        P(class | x) = softmax(encoder(x) W + b)

    The encoder itself stays as it is: the classifier starts from a copy,
    with the dropout and the penalties that the encoder's layers have. `W`
    and `b` start at 0. With random ones, a code of large numbers would begin
    as wrong and sure of it, and what was learnt before would be unlearnt.

    Reference: Hinton and Salakhutdinov, 2006, "Reducing the Dimensionality of
    Data with Neural Networks", https://doi.org/10.1126/science.1127647.

    Args:
        encoder: Built Keras model; a code of more than one axis is flattened.
        x: Array `(num_examples, ...)`.
        labels: Integers from 0 to `num_classes - 1`, `(num_examples,)`.
        num_classes: Integer.
        epochs: Integer, passes over `x`.
        pretrained: Boolean; without, the copy starts from new random weights,
            the baseline that shows what pre-training is worth.
        batch_size: Integer, examples a step.
        learning_rate: Number, Adam's largest step size; it falls to 0.
        verbose: As in `keras.Model.fit`.

    Returns:
        The classifier, a Keras model from `x` to `(batch, num_classes)`
        probabilities.

    Raises:
        ValueError: If `x` holds NaN or infinity, or a label is none.

    Example, one number, positive or not:

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


def check_finite(x):
    finite = np.isfinite(x).reshape(len(x), -1).all(axis=1)
    if not finite.all():
        raise ValueError(
            "Every number of `x` must be finite. Received: NaN or infinity in "
            f"{np.sum(~finite)} of {len(x)} examples, first in example "
            f"{np.argmin(finite)} (counted from 0)"
        )


def check_chain(encoder):
    fault = break_in_chain(encoder)
    if fault:
        raise ValueError(
            "`encoder` must be a chain of layers, each of which takes what the "
            "one before it gives, as in a `keras.Sequential`: a layer would "
            f"learn from other inputs than it gets. Received: {fault}"
        )
    if not any(isinstance(x, keras.layers.Dense) for x in encoder.layers):
        raise ValueError(
            "`encoder` must have a `keras.layers.Dense` to train. Received: "
            f"{[type(layer).__name__ for layer in encoder.layers]}"
        )


def check_labels(labels, num_classes):
    known = np.isin(labels, np.arange(num_classes))
    if not known.all():
        raise ValueError(
            f"Every label must be an integer from 0 to {num_classes - 1}, one "
            f"less than `num_classes`. Received: {np.sum(~known)} others of "
            f"{known.size}, such as {np.asarray(labels)[~known][0]}"
        )


def train(model, x, y, loss, *, epochs, batch_size, learning_rate, verbose):
    steps = epochs * math.ceil(len(x) / batch_size)
    schedule = warmup_cosine(
        learning_rate, steps=steps, warmup_steps=steps // 20
    )
    model.compile(keras.optimizers.Adam(schedule), loss)
    return model.fit(
        x, y, batch_size=batch_size, epochs=epochs, verbose=verbose
    ).history
