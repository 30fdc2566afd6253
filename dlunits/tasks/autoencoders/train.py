"""Training recipes of common types of autoencoder for 28x28 images."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras

from dlunits.data.images.image_datasets import ImageDataset
from dlunits.data.shard import WHOLE, Shard
from dlunits.models import (
    Autoencoder,
    ContractiveAutoencoder,
    dense_autoencoder,
    dense_variational_autoencoder,
)
from dlunits.regularizers import KLSparsity
from dlunits.training.fit_denoising import fit_denoising
from dlunits.training.run_directory import RunDirectory
from dlunits.typing import Tensor

SHAPE = (28, 28, 1)
PIXELS = 28 * 28


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Model and loss of a type of autoencoder.

    Args:
        build: Function of `latent_dim` to a model of 28x28 images in [0, 1].
        overcomplete: Whether the type has an overcomplete code, with at least
            as many units as there are pixels.
        loss: Argument of `compile`; `None` for a model with its own loss.
        mask: Fraction of the input pixels that are set to 0 in training, in
            [0, 1]; the target is the whole image.
    """

    build: Callable[[int], Autoencoder]
    overcomplete: bool = False
    loss: str | None = "mse"
    mask: float = 0.0


def build_deep(latent_dim: int, **options: Any) -> Autoencoder:
    """Autoencoder with layers of 784-512-256-code-256-512-784 units, ReLU."""
    return dense_autoencoder(
        SHAPE, latent_dim, (512, 256), output_activation="sigmoid", **options
    )


def build_shallow(latent_dim: int, **options: Any) -> Autoencoder:
    """Autoencoder with layers of 784-code-784 units, sigmoid."""
    return dense_autoencoder(
        SHAPE,
        latent_dim,
        code_activation="sigmoid",
        output_activation="sigmoid",
        **options,
    )


def build_tied(latent_dim: int) -> Autoencoder:
    """Shallow autoencoder with tied weights."""
    return build_shallow(latent_dim, tied=True)


def build_contractive(latent_dim: int, weight: float) -> Autoencoder:
    """Shallow contractive autoencoder with tied weights."""
    parts = build_tied(latent_dim)
    return ContractiveAutoencoder(parts.encoder, parts.decoder, weight)


# The published weight of the contractive penalty, 0.1, is for an error summed
# over pixels; that of Keras is their mean. The common sparsity weight, 3 for
# the sum, leaves units too active: this one is from benchmarks/sparse_code.py.
RECIPES = {
    "linear": Recipe(lambda size: dense_autoencoder(SHAPE, size)),
    "undercomplete": Recipe(build_deep),
    "overcomplete": Recipe(
        build_tied, overcomplete=True, loss="binary_crossentropy"
    ),
    "sparse": Recipe(
        lambda size: build_shallow(
            size, activity_regularizer=KLSparsity(0.05, weight=0.01)
        ),
        overcomplete=True,
        loss="binary_crossentropy",
    ),
    "denoising": Recipe(
        build_tied, overcomplete=True, loss="binary_crossentropy", mask=0.5
    ),
    "contractive": Recipe(
        lambda size: build_contractive(size, 0.1 / PIXELS),
        overcomplete=True,
        loss="binary_crossentropy",
    ),
    "variational": Recipe(
        lambda size: dense_variational_autoencoder(SHAPE, size), loss=None
    ),
    "dropout": Recipe(lambda size: build_deep(size, dropout=0.1)),
    "l2": Recipe(lambda size: build_deep(size, l2=1e-6)),
}


def train_autoencoder(
    autoencoder: str,
    data: ImageDataset,
    run_directory: RunDirectory,
    *,
    latent_dim: int,
    epochs: int,
    batch_size: int = 128,
    learning_rate: float = 2e-3,
    units: int | None = None,
    patience: int | None = None,
    seed: int = 0,
) -> tuple[Autoencoder, dict[str, list[float]]]:
    """Trains a type of autoencoder, or resumes the run in `run_directory`.

    Validation images are corrupted like training images, with the same noise
    in every epoch.

    Args:
        autoencoder: Type of the autoencoder, a key of `RECIPES`.
        data: Images to train on and to validate with.
        run_directory: Folder of the checkpoint and the history.
        latent_dim: Number of units of the code.
        epochs: Number of epochs.
        batch_size: Number of images per step.
        learning_rate: Peak learning rate of Adam.
        units: Units of each hidden layer of the variational autoencoder;
            `None` for those of `dense_variational_autoencoder`, 200.
        patience: Number of epochs without a lower validation loss after
            which training stops; `None` to train all epochs.
        seed: Seed of the initial weights, the order and the noise.

    Returns:
        `(model, history)`: the model with the weights of the epoch with the
        smallest validation loss, and a dict from the name of a metric to its
        values, one per epoch.

    Raises:
        ValueError: If `units` is given for another type of autoencoder, there
            are fewer images than one batch needs, or the loss becomes infinite
            or NaN.
        OSError: If a file cannot be written.
    """
    import tensorflow as tf

    from dlunits.data import batches
    from dlunits.data.images import corruption

    keras.utils.set_random_seed(seed)
    recipe = RECIPES[autoencoder]
    if units is None:
        model = recipe.build(latent_dim)
    elif autoencoder == "variational":
        model = dense_variational_autoencoder(SHAPE, latent_dim, (units, units))
    else:
        raise ValueError(
            "`units` is for the variational autoencoder. Received: "
            f"{units=} for {autoencoder!r}"
        )
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
            corruption.masking_noise(recipe.mask)
            if recipe.mask
            else no_corruption
        ),
        prepare=lambda images: tf.cast(images, tf.float32) / 255,
        seed=seed,
    )


def no_corruption(images: Tensor, seed: Tensor, shard: Shard = WHOLE) -> Tensor:
    """Returns the images unchanged, for recipes without noise."""
    return images
