"""The usual kinds of autoencoder of small images: how each is trained."""

import collections.abc
import dataclasses

import keras

from dlunits.models import (
    ContractiveAutoencoder,
    dense_autoencoder,
    dense_variational_autoencoder,
)
from dlunits.regularizers import KLSparsity
from dlunits.training.fit_denoising import fit_denoising

SHAPE = (28, 28, 1)
PIXELS = 28 * 28


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What makes a kind of autoencoder.

    Args:
        build: Function of the size of the code to a model of 28x28 images
            in [0, 1].
        wide: Whether the code is to have more units than there are pixels.
        loss: What `compile` takes; `None` for a model with a loss of its own.
        mask: Number in [0, 1], the share of pixels that are blackened before
            the model has to give the whole image back.
    """

    build: collections.abc.Callable
    wide: bool = False
    loss: str | None = "mse"
    mask: float = 0.0


def deep(latent_dim, **options):
    """784-512-256-code and back, ReLU: a small code of a curved surface."""
    return dense_autoencoder(
        SHAPE, latent_dim, (512, 256), output_activation="sigmoid", **options
    )


def shallow(latent_dim, **options):
    """784-code-784, sigmoid: one layer of features."""
    return dense_autoencoder(
        SHAPE,
        latent_dim,
        code_activation="sigmoid",
        output_activation="sigmoid",
        **options,
    )


def tied(latent_dim):
    """The same, coming back through the kernel of the features, transposed."""
    return shallow(latent_dim, tied=True)


def contractive(latent_dim, weight):
    parts = tied(latent_dim)
    return ContractiveAutoencoder(parts.encoder, parts.decoder, weight)


# The published weight of contraction, 0.1, stands beside an error that is
# summed over pixels; Keras' is their mean. The usual weight of sparsity, 3
# beside that sum, leaves units too active: benchmarks/sparse_code.py has this.
RECIPES = {
    "linear": Recipe(lambda size: dense_autoencoder(SHAPE, size)),
    "undercomplete": Recipe(deep),
    "overcomplete": Recipe(tied, wide=True, loss="binary_crossentropy"),
    "sparse": Recipe(
        lambda size: shallow(
            size, activity_regularizer=KLSparsity(0.05, weight=0.01)
        ),
        wide=True,
        loss="binary_crossentropy",
    ),
    "denoising": Recipe(tied, wide=True, loss="binary_crossentropy", mask=0.5),
    "contractive": Recipe(
        lambda size: contractive(size, 0.1 / PIXELS),
        wide=True,
        loss="binary_crossentropy",
    ),
    "variational": Recipe(
        lambda size: dense_variational_autoencoder(SHAPE, size), loss=None
    ),
    "dropout": Recipe(lambda size: deep(size, dropout=0.1)),
    "l2": Recipe(lambda size: deep(size, l2=1e-6)),
}


def train_autoencoder(
    kind,
    data,
    run_directory,
    *,
    latent_dim,
    epochs,
    batch_size=128,
    learning_rate=2e-3,
    patience=None,
    seed=0,
):
    """Trains one of the kinds, or goes on where it was stopped.

    Validation images are corrupted as the training images are, but the
    same way in every epoch.

    Args:
        kind: Name of a recipe.
        data: `dlunits.data.images.image_datasets.ImageDataset`.
        run_directory: `dlunits.training.RunDirectory` of the run.
        latent_dim: Positive integer, numbers in the code.
        epochs: Integer, passes over the training images.
        batch_size: Integer, images a step.
        learning_rate: Number, Adam's largest step size; it falls to 0.
        patience: Integer, see `RunDirectory.fit`, or `None`.
        seed: Integer, decides all that is random.

    Returns:
        `(model, history)`: `dlunits.models.Autoencoder`, and a dict of metric
        name to its values, one an epoch.

    Raises:
        ValueError: If there are fewer images than one batch needs, or the
            loss stops being finite.
        OSError: If a file cannot be written.
    """
    import tensorflow as tf

    from dlunits.data import batches
    from dlunits.data.images import corruption

    keras.utils.set_random_seed(seed)
    recipe = RECIPES[kind]
    model = recipe.build(latent_dim)
    return model, fit_denoising(
        model,
        recipe.loss,
        data,
        run_directory,
        epochs=epochs,
        steps_per_epoch=batches.steps_per_epoch(len(data.train[0]), batch_size),
        batch_size=batch_size,
        learning_rate=learning_rate,
        patience=patience,
        corrupt=(
            corruption.masking_noise(recipe.mask) if recipe.mask else as_it_is
        ),
        prepare=lambda images: tf.cast(images, tf.float32) / 255,
        seed=seed,
    )


def as_it_is(images, seed):
    """A corruption that does nothing, and draws nothing for it."""
    return images
