"""Training of GANs of small images, with sample grids and collapse warnings."""

import functools
import pathlib
import warnings
from typing import Any

import keras
import numpy as np

from dlunits.atomic_files import atomic_write
from dlunits.data.images.image_datasets import ImageDataset
from dlunits.data.images.image_files import DecodedImage, write_image
from dlunits.models import GAN, convolutional_gan
from dlunits.training.run_directory import RunDirectory
from dlunits.training.warmup_cosine import warmup_cosine
from dlunits.typing import Array, Path

# Smaller data sets are repeated in an epoch.
IMAGES_PER_EPOCH = 20_000

GRID_ROWS = 8


def train_gan(
    data: ImageDataset,
    run_directory: RunDirectory,
    *,
    loss: str = "non_saturating",
    conditional: bool = False,
    latent_dim: int = 64,
    label_smoothing: float = 0.0,
    epochs: int,
    steps_per_epoch: int | None = None,
    batch_size: int = 128,
    learning_rate: float = 2e-3,
    seed: int = 0,
) -> tuple[GAN, dict[str, list[float]]]:
    """Trains a GAN, or resumes the run in `run_directory`.

    After every epoch, images are generated from the same latent vectors. They
    are saved as a grid in the subfolder `samples` of the run, and their
    diversity is compared with that of real images, see `CollapseWarning`.

    Args:
        data: Images to train on and to validate with.
        run_directory: Folder of the checkpoint and the history.
        loss: Adversarial loss, see `dlunits.models.GAN`.
        conditional: Whether the class is an input of generator and
            discriminator.
        latent_dim: Dimension of the latent vector of an image.
        label_smoothing: One-sided label smoothing: the target for real images
            is 1 - this value, in [0, 1).
        epochs: Number of epochs. An epoch has at least about 20,000 images:
            smaller data sets are repeated.
        steps_per_epoch: Number of steps per epoch. `None` uses the rule above.
        batch_size: Number of images per step.
        learning_rate: Peak learning rate of both Adam optimizers.
        seed: Seed of the initial weights, the order and the latent vectors.

    Returns:
        `(model, history)`: the GAN after the last epoch, and a dict from the
        name of a metric to its values, one per epoch.

    Raises:
        ValueError: If there are fewer images than one batch needs, or a loss
            becomes infinite or NaN; the message contains its name.
        OSError: If a file cannot be written.
    """
    from dlunits.data import batches

    keras.utils.set_random_seed(seed)
    images, labels = data.train
    discriminator_steps = 2 if loss == "wasserstein" else 1
    model = convolutional_gan(
        images.shape[1:],
        latent_dim,
        len(data.class_names) if conditional else None,
        loss=loss,
        label_smoothing=label_smoothing,
        discriminator_steps=discriminator_steps,
        seed=seed,
    )
    full_pass = batches.steps_per_epoch(
        len(images), batch_size, IMAGES_PER_EPOCH
    )
    steps = steps_per_epoch or full_pass
    optimizers = [
        keras.optimizers.Adam(
            warmup_cosine(
                learning_rate,
                steps=epochs * steps * count,
                warmup_steps=steps * count // 4,
            ),
            beta_1=0.0,
            beta_2=0.99,
        )
        for count in (1, discriminator_steps)
    ]
    model.compile(*optimizers)
    history = run_directory.fit(
        model,
        functools.partial(
            batches.training_batches,
            images,
            labels,
            batch_size=batch_size,
            seed=seed,
            prepare=batches.rescale_images,
        ),
        epochs=epochs,
        steps_per_epoch=steps,
        validation_batches=batches.evaluation_batches(
            *data.validation, prepare=batches.rescale_images
        ),
        callbacks=[
            SampleGrids(run_directory.path / "samples"),
            CollapseWarning(images, labels if conditional else None),
        ],
    )
    return model, history


class SampleGrids(keras.callbacks.Callback):
    """Callback that saves a grid of generated images after every epoch.

    The columns of a conditional GAN are the classes.

    Args:
        folder: Folder of the PNG files `epoch_0001.png` and so on.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = pathlib.Path(folder)

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        count = GRID_ROWS * (self.model.num_classes or GRID_ROWS)
        grid = make_grid(self.model.generate(count, seed=0), GRID_ROWS)
        write_image(
            self.folder / f"epoch_{epoch + 1:04d}.png", DecodedImage(grid)
        )


class CollapseWarning(keras.callbacks.Callback):
    """Callback that warns of mode collapse.

        diversity = E |x - x'|^2 of generated images / E |x - x'|^2 of real ones

    where x and x' are two random images, of the same class if the GAN is
    conditional. The metric `diversity` is added to the logs of each epoch. The
    callback warns once when it falls below 0.2.

    Args:
        images: Real images, uint8 `(n, height, width, channels)`.
        labels: Integers `(n,)` for a conditional GAN, otherwise `None`.

    Example: a black and a white pixel.

    >>> CollapseWarning(np.array([[[[0]]], [[[255]]]], "uint8")).real_distance
    0.5
    """

    min_diversity = 0.2

    def __init__(self, images: Array, labels: Array | None = None) -> None:
        super().__init__()
        self.conditional = labels is not None
        self.real_distance = mean_pairwise_distance(
            images[:5000].astype("float32") / 255,
            None if labels is None else labels[:5000],
        )
        self.warned = False

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        generated, labels = self.model.generate(256, seed=1), None
        if self.conditional:
            labels = np.arange(len(generated)) % self.model.num_classes
        distance = mean_pairwise_distance(generated, labels)
        diversity = distance / max(self.real_distance, 1e-12)
        if logs is not None:
            logs["diversity"] = diversity
        if diversity < self.min_diversity and not self.warned:
            warnings.warn(
                f"After epoch {epoch + 1} the diversity of generated images is "
                f"{diversity:.0%} of that of real images: the generator may "
                "have collapsed. Try another loss or a smaller learning rate.",
                stacklevel=1,
            )
        self.warned = diversity < self.min_diversity


def mean_pairwise_distance(images: Array, labels: Array | None) -> float:
    """Mean squared distance of two random images, or of two of the same class.

    Without labels it is twice the total variance.

    Args:
        images: Array `(n, ...)`.
        labels: Integers `(n,)`, or `None`.

    Example: both classes have the images 0 and 1.

    >>> x, labels = np.array([[0.0], [0.0], [1.0], [1.0]]), np.arange(4) % 2
    >>> mean_pairwise_distance(x, labels)  # 0 or 1 with the same probability
    0.5
    """
    if labels is None:
        return float(2 * np.var(images, axis=0).sum())
    classes = [images[labels == label] for label in np.unique(labels)]
    return float(
        np.mean([mean_pairwise_distance(each, None) for each in classes])
    )


def make_grid(images: Array, rows: int) -> Array:
    """Arranges images in a grid, row by row; empty cells are black.

    Args:
        images: `(count, height, width, channels)` in [0, 1].
        rows: Number of rows.

    Returns:
        uint8 array `(rows * height, columns * width, channels)`.

    Example:

    >>> make_grid(np.ones((5, 2, 3, 1)), rows=2).shape
    (4, 9, 1)
    """
    count, height, width, channels = images.shape
    columns = -(-count // rows)
    grid = np.zeros((rows * columns, height, width, channels))
    grid[:count] = images
    grid = grid.reshape(rows, columns, height, width, channels)
    grid = grid.transpose(0, 2, 1, 3, 4)
    grid = grid.reshape(rows * height, columns * width, channels)
    return np.clip(np.rint(255 * grid), 0, 255).astype("uint8")


def write_gif(path: Path, folder: Path, milliseconds: int = 300) -> Path:
    """Writes an animated GIF of the sample grids of a run.

    Args:
        path: File to write.
        folder: Folder of the files of `SampleGrids`.
        milliseconds: Duration of each grid.

    Returns:
        The path.

    Raises:
        OSError: If the folder has no grids, or the file cannot be written.
    """
    from PIL import Image

    names = sorted(pathlib.Path(folder).glob("epoch_*.png"))
    if not names:
        raise OSError(f"{folder} has no grids, epoch_0001.png and so on")
    first, *others = (Image.open(name).convert("L") for name in names)
    with atomic_write(path) as file:
        first.save(
            file,
            "GIF",
            save_all=True,
            append_images=others,
            duration=milliseconds,
            loop=0,
        )
    return path
