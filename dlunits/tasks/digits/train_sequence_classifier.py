"""How a recurrent network learns to read images row by row."""

import functools

import keras

from dlunits.models import RecurrentModel
from dlunits.training.warmup_cosine import warmup_cosine

# Fewer images are passed over several times, distorted anew, in one epoch.
IMAGES_PER_EPOCH = 20_000

# The norm of all gradients together that is not exceeded.
LARGEST_NORM = 1.0


def train_sequence_classifier(
    data,
    run_directory,
    *,
    cell="lstm",
    bidirectional=False,
    units=128,
    num_layers=1,
    dropout=0.2,
    epochs,
    batch_size=128,
    learning_rate=3e-3,
    augment=True,
    patience=None,
    seed=0,
):
    """Trains a network whose time steps are the rows of an image.

        x_t = row t,    h_t = cell(x_t, h_{t-1}),    p = softmax(W h_28 + b)

    It goes on where it was stopped. Training images are turned, sheared,
    scaled and shifted anew at every step; the gradient is clipped by its
    global norm.

    Reference: Le, Jaitly and Hinton, 2015, "A simple way to initialize
    recurrent networks of rectified linear units", section 4.2, which reads
    the same digits pixel by pixel, https://arxiv.org/abs/1504.00941.

    Args:
        data: `dlunits.data.images.image_datasets.ImageDataset`.
        run_directory: `dlunits.training.RunDirectory` of the run.
        cell: "lstm", "gru" or "rnn".
        bidirectional: Whether the rows are read from both ends.
        units: Integer, units of a layer, in each direction.
        num_layers: Integer, recurrent layers.
        dropout: Number in [0, 1), see `dlunits.models.RecurrentModel`.
        epochs: Integer, passes over the training images.
        batch_size: Integer, images a step.
        learning_rate: Number, Adam's largest step size; it falls to 0.
        augment: Whether training images are distorted.
        patience: Integer, see `RunDirectory.fit`, or `None`.
        seed: Integer, decides all that is random.

    Returns:
        `(model, history)`: `dlunits.models.RecurrentModel` of `(batch, 28,
        28)` in [0, 1], and a dict of metric name to its values, one an epoch.

    Raises:
        ValueError: If there are fewer images than one batch needs, or the
            loss stops being finite.
        OSError: If a file cannot be written.
    """
    from dlunits.data import batches

    keras.utils.set_random_seed(seed)
    model = RecurrentModel(
        "many_to_one",
        (28, 28),
        len(data.class_names),
        cell=cell,
        units=(units,) * num_layers,
        bidirectional=bidirectional,
        dropout=dropout,
        output_activation="softmax",
    )
    steps = batches.steps_per_epoch(len(data.train[0]), batch_size)
    if augment:
        steps *= max(1, IMAGES_PER_EPOCH // len(data.train[0]))
    schedule = warmup_cosine(
        learning_rate, steps=epochs * steps, warmup_steps=steps
    )
    model.compile(
        keras.optimizers.Adam(schedule, global_clipnorm=LARGEST_NORM),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    history = run_directory.fit(
        model,
        functools.partial(
            batches.training_batches,
            *data.train,
            batch_size=batch_size,
            seed=seed,
            prepare=distorted_rows() if augment else lambda x, _: as_rows(x),
        ),
        epochs=epochs,
        steps_per_epoch=steps,
        validation_batches=batches.evaluation_batches(
            *data.validation, prepare=as_rows
        ),
        patience=patience,
    )
    return model, history


def predict_rows(model, images):
    """The probabilities that a row reader gives.

    Args:
        model: Model of `(batch, 28, 28)` in [0, 1].
        images: uint8 array `(n, 28, 28, 1)`.

    Returns:
        Array `(n, num_classes)`.

    Example, a model that says how dark each of the rows is:

    >>> import numpy as np
    >>> inputs = keras.Input((28, 28))
    >>> mean = keras.Model(inputs, keras.ops.mean(inputs, axis=-1))
    >>> images = np.full((2, 28, 28, 1), 51, "uint8")
    >>> round(float(predict_rows(mean, images)[1, 27]), 3)  # 51 / 255
    0.2
    """
    from dlunits.data import batches

    labels = range(len(images))  # not looked at
    batched = batches.evaluation_batches(images, list(labels), prepare=as_rows)
    return model.predict(batched, verbose=0)


def as_rows(images):
    """uint8 (batch, 28, 28, 1) -> (batch, 28 rows, 28 pixels) in [0, 1]"""
    import tensorflow as tf

    return tf.cast(images[..., 0], tf.float32) / 255


def distorted_rows():
    """The same with distortions, as a function of images and a seed."""
    from dlunits.data.images.augmentation import RandomAffine

    distort = RandomAffine()  # into 32x32, of which the middle is taken
    return lambda images, seed: distort(images, seed)[:, 2:-2, 2:-2, 0]
