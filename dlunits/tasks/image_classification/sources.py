"""Image classification data sets in color, and of any size, as arrays."""

import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

from dlunits.data.images import image_datasets
from dlunits.data.images.image_datasets import (
    DATASETS,
    TEST_FRACTION,
    ImageDataset,
    Split,
    stratified_split,
)
from dlunits.data.images.image_files import central_square, describe_bits
from dlunits.data.images.image_folder import (
    fits_in_memory,
    open_rgb_image_folder,
    read_rgb_image_folder,
)
from dlunits.data.images.images_on_disk import ImagesOnDisk
from dlunits.data.tfds_store import (
    find_prepared,
    image_shape,
    read_prepared,
)
from dlunits.paths import expand_user
from dlunits.typing import Path

VALIDATION_FRACTION = 1 / 12


def load(
    dataset: str,
    image_size: int,
    *,
    data_dir: Path | None = None,
    from_disk: bool | None = None,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> ImageDataset:
    """Loads a data set for AlexNet.

    - `"mnist"`, `"fashion_mnist"`, `"digits"`, `"auto"`: gray images of 28x28
      pixels, see `dlunits.data.images.image_datasets.load`.
    - a path: a folder with one subfolder of images per class. The images are
      in color, with `image_size` pixels, see
      `dlunits.data.images.image_folder.read_rgb_image_folder`.
    - any other name: a data set of images with labels that TensorFlow Datasets
      (TFDS) has prepared, such as `"cifar10"`. Square images of one size keep
      it, unless it is larger than `image_size`; of others, the central square
      becomes one of `image_size` pixels.

    The test split is the published one, named `test` or else `validation`;
    without one it is one sixth. The
    validation split is one twelfth of the rest. Both are stratified random
    samples with at least one image per class.

    Args:
        dataset: Name, or path of a folder.
        image_size: Height and width of the images of a folder, in pixels.
        data_dir: Folder of data sets prepared by TFDS.
        from_disk: Whether images of a folder are read from disk whenever they
            are needed, see `dlunits.data.images.images_on_disk`, rather than
            kept in memory. Default: if they do not fit in it.
        progress: Called after each file of a folder with the number of files
            read so far and the number of all files.

    Returns:
        `ImageDataset` whose images are uint8 `(n, height, width, 1 or 3)`, or
        `dlunits.data.images.images_on_disk.ImagesOnDisk`.

    Raises:
        ValueError: If there is no such data set, or a class has too few images
            for three splits, or the images of a folder need too much memory
            and `from_disk` is `False`.
        OSError: If the data set or an image cannot be read.

    Example:

    >>> load("digits", image_size=76).train[0].shape
    (1372, 28, 28, 1)
    """
    if dataset in DATASETS:
        return image_datasets.load(dataset, data_dir=data_dir)
    folder = expand_user(dataset)
    if dataset and folder.is_dir():
        return load_folder(folder, image_size, from_disk, progress)
    directory = find_prepared_set(dataset, data_dir)
    splits, class_names = read_prepared_set(directory, image_size)
    if "train" not in splits:
        raise ValueError(
            "The data set must have the split 'train'. Received: "
            f"{sorted(splits)} in {dataset}. Choose another data set."
        )
    train = splits["train"]
    test = splits.get("test", splits.get("validation"))
    if test is None:
        train, test = stratified_split(
            *train, TEST_FRACTION, [0, 0], class_names
        )
    train, validation = stratified_split(
        *train, VALIDATION_FRACTION, [0, 1], class_names
    )
    source = f"{dataset}, prepared by TFDS in {directory}."
    return ImageDataset(
        dataset, False, source, class_names, train, validation, test
    )


def load_folder(
    folder: pathlib.Path,
    image_size: int,
    from_disk: bool | None,
    progress: Callable[[int, int], object],
) -> ImageDataset:
    """Loads a folder with one subfolder of images per class, see `load`."""
    if from_disk is None:
        from_disk = not fits_in_memory(folder, image_size)
    read = open_rgb_image_folder if from_disk else read_rgb_image_folder
    found = read(folder, image_size, progress)
    names, labels, images = found.class_names, found.labels, found.images
    rows = np.arange(len(labels))
    kept, test = stratified_split(rows, labels, TEST_FRACTION, [0, 0], names)
    train, validation = stratified_split(
        *kept, VALIDATION_FRACTION, [0, 1], names
    )

    def part(split: Split) -> Any:
        chosen, labels_of_split = split
        if isinstance(images, ImagesOnDisk):
            return images.part(chosen), labels_of_split
        return images[chosen], labels_of_split

    source = (
        f"{len(labels):,} images of {len(names)} classes in "
        f"{folder.resolve()}, as {image_size}x{image_size} pixels in color"
    )
    if described := describe_bits(found.significant_bits):
        source += f"; {described}"
    if from_disk:
        source += "; read from disk in each step"
    return ImageDataset(
        folder.resolve().name,
        False,
        f"{source}.",
        names,
        part(train),
        part(validation),
        part(test),
        found.significant_bits,
        tuple(
            found.files[row].relative_to(folder).as_posix() for row in test[0]
        ),
    )


def read_prepared_set(
    directory: pathlib.Path, image_size: int
) -> tuple[dict[str, Split], tuple[str, ...]]:
    """Splits and class names of a data set of TFDS, of one size."""
    height, width, channels = image_shape(directory)
    if (
        channels in (1, 3)
        and height == width
        and (height or 0) in range(1, image_size + 1)
    ):
        return read_prepared(directory)
    return read_prepared(
        directory, lambda pixels: central_square(pixels, image_size)
    )


def find_prepared_set(dataset: str, data_dir: Path | None) -> pathlib.Path:
    """Folder of a data set of TFDS, or ValueError."""
    directory = find_prepared(dataset, data_dir) if dataset else None
    if directory is None:
        raise ValueError(
            f"`dataset` must be one of {', '.join(DATASETS)}, the path of a "
            "folder with one subfolder of images per class, or the name of a "
            f"data set that TFDS has prepared. Received: {dataset!r}"
        )
    return directory
