"""Training of a recurrent classifier of sequences of image rows."""

from collections.abc import Callable

import keras

from dlunits.data.images.image_datasets import ImageDataset
from dlunits.data.shard import WHOLE, Shard
from dlunits.models import RecurrentModel
from dlunits.tasks.digits.fit_classifier import fit_classifier, predict_images
from dlunits.training.run_directory import RunDirectory
from dlunits.typing import Array, Tensor

GLOBAL_CLIPNORM = 1.0


def train_sequence_classifier(
    data: ImageDataset,
    run_directory: RunDirectory,
    *,
    cell: str = "lstm",
    bidirectional: bool = False,
    units: int = 128,
    num_layers: int = 1,
    dropout: float = 0.2,
    epochs: int,
    steps_per_epoch: int | None = None,
    batch_size: int = 128,
    learning_rate: float = 3e-3,
    augment: bool = True,
    patience: int | None = None,
    seed: int = 0,
) -> tuple[RecurrentModel, dict[str, list[float]]]:
    """Trains a recurrent classifier, or resumes the run in `run_directory`.

    The time steps are the rows of an image (many-to-one):

        h_t = cell(x_t, h_{t-1}),    p = softmax(W h_28 + b)

    where x_t is row t, h_t the state, and p the class probabilities. With
    `augment`, every training image is distorted by a new random affine
    transform in every step. The gradient is clipped to a global norm of 1.

    Reference: Le, Jaitly and Hinton, 2015, "A simple way to initialize
    recurrent networks of rectified linear units", section 4.2, which reads
    the same digits pixel by pixel, https://arxiv.org/abs/1504.00941.

    Args:
        data: Images to train on and to validate with.
        run_directory: Folder of the checkpoint and the history.
        cell: `"lstm"`, `"gru"` or `"rnn"`.
        bidirectional: Whether to process the rows in both directions.
        units: Number of units of a layer, per direction.
        num_layers: Number of recurrent layers.
        dropout: Dropout rate, see `dlunits.models.RecurrentModel`.
        epochs: Number of epochs. With `augment`, an epoch has at least about
            20,000 images: smaller data sets are repeated.
        steps_per_epoch: Number of steps per epoch. `None` uses the rule above.
        batch_size: Number of images per step.
        learning_rate: Peak learning rate of Adam.
        augment: Whether to distort the training images.
        patience: Number of epochs without a lower validation loss after
            which training stops; `None` to train all epochs.
        seed: Seed of the initial weights, the order, dropout and distortions.

    Returns:
        `(model, history)`: the model with the weights of the epoch with the
        smallest validation loss, and a dict from the name of a metric to its
        values, one per epoch. The model takes `(batch, 28, 28)` in [0, 1].

    Raises:
        ValueError: If there are fewer images than one batch needs, or the loss
            becomes infinite or NaN.
        OSError: If a file cannot be written.
    """
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
    history = fit_classifier(
        model,
        data,
        run_directory,
        prepare=to_rows,
        augment=augment_rows() if augment else None,
        epochs=epochs,
        steps_per_epoch=steps_per_epoch,
        batch_size=batch_size,
        learning_rate=learning_rate,
        patience=patience,
        seed=seed,
        global_clipnorm=GLOBAL_CLIPNORM,
    )
    return model, history


def predict_rows(model: keras.Model, images: Array) -> Array:
    """Class probabilities of images, as sequences of rows.

    Args:
        model: Model of `(batch, 28, 28)` in [0, 1].
        images: uint8 array `(n, 28, 28, 1)`.

    Returns:
        Array `(n, num_classes)`.

    Example: a model that returns the mean of each row.

    >>> import numpy as np
    >>> inputs = keras.Input((28, 28))
    >>> mean = keras.Model(inputs, keras.ops.mean(inputs, axis=-1))
    >>> images = np.full((2, 28, 28, 1), 51, "uint8")
    >>> round(float(predict_rows(mean, images)[1, 27]), 3)  # 51 / 255
    0.2
    """
    return predict_images(model, images, to_rows, verbose=0)


def to_rows(images: Tensor) -> Tensor:
    """uint8 (batch, 28, 28, 1) -> (batch, 28 rows, 28 pixels) in [0, 1]"""
    import tensorflow as tf

    return tf.cast(images[..., 0], tf.float32) / 255


def augment_rows() -> Callable[..., Tensor]:
    """Function of images and a seed to randomly distorted rows."""
    from dlunits.data.images.augmentation import RandomAffine

    distort = RandomAffine()  # to 32x32, cropped to 28x28

    def augment(images: Tensor, seed: Tensor, shard: Shard = WHOLE) -> Tensor:
        return distort(images, seed, shard)[:, 2:-2, 2:-2, 0]

    return augment
