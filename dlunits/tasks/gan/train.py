"""How a GAN learns to draw small images, and when it has collapsed."""

import functools
import pathlib
import warnings

import keras
import numpy as np

from dlunits.atomic_files import atomic_write
from dlunits.models import convolutional_gan
from dlunits.training.warmup_cosine import warmup_cosine

# Fewer images are passed over several times in one epoch.
IMAGES_PER_EPOCH = 20_000

GRID = 8  # images of the grid, a side


def train_gan(
    data,
    run_directory,
    *,
    loss="non_saturating",
    conditional=False,
    latent_dim=64,
    label_smoothing=0.0,
    epochs,
    batch_size=128,
    learning_rate=2e-3,
    seed=0,
):
    """Trains a GAN, or goes on where it was stopped.

    After every epoch the same numbers are drawn from anew: a grid of images
    is written into the folder `samples` of the run, and the spread of the
    generated images is compared with that of the real ones.

    Args:
        data: `dlunits.data.images.image_datasets.ImageDataset`.
        run_directory: `dlunits.training.RunDirectory` of the run.
        loss: See `dlunits.models.GAN`.
        conditional: Whether the class to draw is given.
        latent_dim: Positive integer, random numbers an image.
        label_smoothing: Number in [0, 1).
        epochs: Integer, passes over the training images.
        batch_size: Integer, images a step.
        learning_rate: Positive number, Adam's largest step size, which falls
            to 0.
        seed: Integer, decides all that is random.

    Returns:
        `(model, history)`: `dlunits.models.GAN`, and a dict of metric name to
        its values, one an epoch.

    Raises:
        ValueError: If there are fewer images than one batch needs, or a loss
            stops being finite; the message names it.
        OSError: If a file cannot be written.
    """
    from dlunits.data import batches

    keras.utils.set_random_seed(seed)
    images, labels = data.train
    turns = 2 if loss == "wasserstein" else 1  # of the discriminator
    model = convolutional_gan(
        images.shape[1:],
        latent_dim,
        len(data.class_names) if conditional else None,
        loss=loss,
        label_smoothing=label_smoothing,
        discriminator_steps=turns,
        seed=seed,
    )
    steps = batches.steps_per_epoch(len(images), batch_size)
    steps *= max(1, IMAGES_PER_EPOCH // len(images))
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
        for count in (1, turns)
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
    """Writes a grid of generated images after every epoch, as PNG.

    Of a conditional GAN each column has a class of its own.

    Args:
        folder: Where they go, as `epoch_0001.png` and so on.
    """

    def __init__(self, folder):
        super().__init__()
        self.folder = pathlib.Path(folder)

    def on_epoch_end(self, epoch, logs=None):
        self.folder.mkdir(parents=True, exist_ok=True)
        count = GRID * (self.model.num_classes or GRID)
        grid = make_grid(self.model.generate(count, seed=0), GRID)
        write_png(self.folder / f"epoch_{epoch + 1:04d}.png", grid)


class CollapseWarning(keras.callbacks.Callback):
    """Says so when the generator draws the same image again and again.

    The gauge is the mean squared distance of two images, of a conditional
    GAN of two of one class. Where the one of generated images is less than a
    fifth of that of real ones, the generator has few images left. In the
    logs it is `diversity`, their quotient.

    Args:
        images: uint8 array `(n, height, width, channels)`, real images.
        labels: Integer array `(n,)` for a conditional GAN, else `None`.

    Example, two kinds of pixels:

    >>> CollapseWarning(np.array([[[[0]]], [[[255]]]], "uint8")).spread
    0.5
    """

    least = 0.2

    def __init__(self, images, labels=None):
        super().__init__()
        self.conditional = labels is not None
        self.spread = spread(
            images[:5000].astype("float32") / 255,
            labels[:5000] if self.conditional else None,
        )
        self.warned = False

    def on_epoch_end(self, epoch, logs=None):
        made, labels = self.model.generate(256, seed=1), None
        if self.conditional:
            labels = np.arange(len(made)) % self.model.num_classes
        diversity = spread(made, labels) / max(self.spread, 1e-12)
        logs["diversity"] = diversity
        if diversity < self.least and not self.warned:
            warnings.warn(
                f"After epoch {epoch + 1} the generated images differ "
                f"{diversity:.0%} as much as real ones: the generator may have "
                "collapsed. Try another loss, or a smaller rate.",
                stacklevel=1,
            )
        self.warned = diversity < self.least


def spread(images, labels):
    """Mean squared distance of two of them, with labels of one class.

    Example, the same image of each class:

    >>> spread(np.array([[0.0], [1.0], [0.0], [1.0]]), np.array([3, 4, 3, 4]))
    0.0
    """
    if labels is None:
        return mean_squared_distance(images)
    classes = [images[labels == label] for label in np.unique(labels)]
    return float(np.mean([mean_squared_distance(own) for own in classes]))


def mean_squared_distance(images):
    """Of two images drawn from them: twice the variance, summed.

    Example:

    >>> mean_squared_distance(np.array([[0.0], [1.0]]))
    0.5
    """
    return float(2 * np.var(images, axis=0).sum())


def make_grid(images, rows):
    """Lays images out row by row; what is left of the last stays black.

    (count, height, width, channels) -> (rows * height, columns * width,
    channels), uint8.

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


def write_png(path, grid):
    """Writes an image `(height, width, channels)`, whole or not at all."""
    from PIL import Image

    with atomic_write(path) as file:
        Image.fromarray(grid.squeeze(-1) if grid.shape[-1] == 1 else grid).save(
            file, "PNG"
        )


def write_gif(path, folder, milliseconds=300):
    """Makes one moving image (GIF) of the grids in a folder.

    Args:
        path: File to write.
        folder: Where `SampleGrids` wrote.
        milliseconds: Integer, time of a grid.

    Returns:
        The path.

    Raises:
        OSError: If there is no grid, or the file cannot be written.
    """
    from PIL import Image

    names = sorted(pathlib.Path(folder).glob("epoch_*.png"))
    if not names:
        raise OSError(f"{folder} has no grids (epoch_0001.png, ...)")
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
