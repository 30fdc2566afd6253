"""The usual kinds of autoencoder of small pictures: how each is trained."""

import collections.abc
import dataclasses

import keras

from dlunits.models import (
    ContractiveAutoencoder,
    dense_autoencoder,
    dense_variational_autoencoder,
)
from dlunits.regularizers import KLSparsity
from dlunits.training.denoising_recipe import fit_to_clean

SHAPE = (28, 28, 1)
PIXELS = 28 * 28


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What makes a kind of autoencoder.

    Args:
        build: Function of the size of the code to a model of 28x28 pictures
            in [0, 1].
        wide: Whether the code is to have more units than there are pixels.
        loss: What `compile` takes; `None` for a model with a loss of its own.
        mask: Number in [0, 1], the share of pixels that are blackened before
            the model has to give the whole picture back.
    """

    build: collections.abc.Callable
    wide: bool = False
    loss: str | None = "mse"
    mask: float = 0.0


def deep(code_size, **options):
    """784-512-256-code and back, ReLU: a small code of a curved surface."""
    return dense_autoencoder(
        SHAPE, code_size, (512, 256), output_activation="sigmoid", **options
    )


def shallow(code_size, **options):
    """784-code-784, sigmoid: one layer of features."""
    return dense_autoencoder(
        SHAPE,
        code_size,
        code_activation="sigmoid",
        output_activation="sigmoid",
        **options,
    )


def tied(code_size):
    """The same, coming back through the kernel of the features, transposed."""
    return shallow(code_size, tied=True)


def contractive(code_size, weight):
    parts = tied(code_size)
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
    working,
    *,
    code_size,
    epochs,
    batch_size=128,
    learning_rate=2e-3,
    patience=None,
    seed=0,
):
    """Trains one of the kinds, or goes on where it was stopped.

    Validation pictures are corrupted as the training pictures are, but the
    same way in every epoch.

    Args:
        kind: Name of a recipe.
        data: `dlunits.data.digits.Digits`.
        working: `dlunits.training.WorkingDirectory` of the run.
        code_size: Positive integer, numbers in the code.
        epochs: Integer, passes over the training pictures.
        batch_size: Integer, pictures a step.
        learning_rate: Number, Adam's largest step size; it falls to 0.
        patience: Integer, see `WorkingDirectory.fit`, or `None`.
        seed: Integer, decides all that is random.

    Returns:
        `(model, history)`: `dlunits.models.Autoencoder`, and a dict of metric
        name to its values, one an epoch.

    Raises:
        ValueError: If there are fewer pictures than one batch needs, or the
            loss stops being finite.
        OSError: If a file cannot be written.
    """
    import tensorflow as tf

    from dlunits.data import batches, corruption

    keras.utils.set_random_seed(seed)
    recipe = RECIPES[kind]
    model = recipe.build(code_size)
    return model, fit_to_clean(
        model,
        recipe.loss,
        data,
        working,
        epochs=epochs,
        steps_per_epoch=batches.steps_a_pass(len(data.train[0]), batch_size),
        batch_size=batch_size,
        learning_rate=learning_rate,
        patience=patience,
        corrupt=(
            corruption.masking_noise(recipe.mask) if recipe.mask else as_it_is
        ),
        prepare=lambda pictures: tf.cast(pictures, tf.float32) / 255,
        seed=seed,
    )


def as_it_is(pictures, seed):
    """A corruption that does nothing, and draws nothing for it."""
    return pictures
