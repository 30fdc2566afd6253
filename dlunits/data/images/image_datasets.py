"""Image classification data sets with 28x28 gray images, as arrays."""

import dataclasses
import hashlib
import pathlib
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from dlunits.data.images.image_files import describe_bits
from dlunits.data.images.image_folder import ImageFolder, read_image_folder
from dlunits.data.images.images_on_disk import ImagesOnDisk
from dlunits.data.tfds_store import (
    check_host,
    data_directories,
    download,
    find_prepared,
    read_prepared,
)
from dlunits.paths import expand_user
from dlunits.typing import Array, Path

# Images and labels. Images of a large folder are read when they are indexed.
Split: TypeAlias = tuple[Array, Array]

# Description, splits by name, and names of the classes.
Source: TypeAlias = tuple[str, dict[str, Split], tuple[str, ...]]

TITLES = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST"}

# The smallest file that TFDS downloads; requested first to test the network.
PROBES = {
    "mnist": "https://storage.googleapis.com/cvdf-datasets/mnist/"
    "t10k-labels-idx1-ubyte.gz",
    "fashion_mnist": "http://fashion-mnist.s3-website.eu-central-1."
    "amazonaws.com/t10k-labels-idx1-ubyte.gz",
}

DATASETS = ("auto", *TITLES, "digits")

# For data sets without a test split.
TEST_FRACTION = 1 / 6


@dataclasses.dataclass(frozen=True)
class ImageDataset:
    """Image classification data set with three disjoint splits.

    Each split is a pair `(images, labels)`: uint8 `(n, 28, 28, 1)` and int32
    `(n,)`, indices into `class_names`. Images of published data sets are light
    on black; images of a folder keep their polarity.

    Args:
        name: Name of the data set, such as `"mnist"`.
        handwriting: Whether the images are digits in the format of MNIST, as
            `dlunits.data.images.handwriting` extracts them from photos.
        source: One sentence for messages and reports: the data set that is
            used, its origin and, after an automatic choice, the reason.
        class_names: Name of each class.
        train, validation, test: Splits, `(images, labels)`.
        significant_bits: Significant bits of the files of 16 bits of a folder,
            see `dlunits.data.images.image_files.find_significant_bits`, or
            `None`.
        test_files: Paths of the images of the test split in a folder, or empty.

    Example:

    >>> data = load("digits")
    >>> data.class_names[:3], data.train[0].shape, data.train[1].shape
    (('0', '1', '2'), (1372, 28, 28, 1), (1372,))
    """

    name: str
    handwriting: bool
    source: str
    class_names: tuple[str, ...]
    train: Split
    validation: Split
    test: Split
    significant_bits: int | None = None
    test_files: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Hash of all images, labels and class names, 16 hexadecimal digits."""
        digest = hashlib.sha256(repr(self.class_names).encode())
        for images, labels in (self.train, self.validation, self.test):
            if isinstance(images, ImagesOnDisk):
                for number in range(len(images)):
                    digest.update(np.ascontiguousarray(images[number]).data)
            else:
                digest.update(np.ascontiguousarray(images).data)
            digest.update(np.ascontiguousarray(labels).data)
        return digest.hexdigest()[:16]


def load(
    dataset: str = "auto",
    *,
    data_dir: Path | None = None,
    validation_fraction: float = 1 / 12,
    seed: int = 0,
) -> ImageDataset:
    """Loads a data set of 28x28 images with three splits.

    - `"mnist"`, `"fashion_mnist"`: prepared by TensorFlow Datasets (TFDS) in
      `data_dir`, in `$TFDS_DATA_DIR` or in `~/tensorflow_datasets`; otherwise
      downloaded by TFDS to the first of these that is set.
    - `"digits"`: the 1,797 digits in scikit-learn, see `to_mnist_format`.
    - a path: a folder with one subfolder of images per class, see
      `dlunits.data.images.image_folder.read_image_folder`.
    - `"auto"`: MNIST as above, or `"digits"` if MNIST is neither prepared nor
      can be downloaded; `ImageDataset.source` contains the reason. A data set
      requested by its name is never replaced.

    The test split is the published one; of `"digits"` and folders it is one
    sixth. The validation split is taken from the rest. Both are stratified
    random samples with at least one image per class.

    Args:
        dataset: One of the names above, or the path of a folder.
        data_dir: Folder of data sets prepared by TFDS. It must exist.
        validation_fraction: Fraction of the training images that becomes the
            validation split, between 0 and 1. The default gives 5,000 of the
            60,000 images of MNIST.
        seed: Seed of the random splits, not negative.

    Returns:
        `ImageDataset`.

    Raises:
        ValueError: If `dataset` is not known, `validation_fraction` or `seed`
            is out of range, or a class has too few images for three splits.
        OSError: If `data_dir`, the prepared data set or an image cannot be
            read, or the data set cannot be downloaded. A host that does not
            answer within 2 seconds counts as unreachable.

    Example:

    >>> digits = load("digits")
    >>> [len(labels) for _, labels in (
    ...     digits.train, digits.validation, digits.test)]  # sum: 1797
    [1372, 125, 300]
    """
    if not 0 < validation_fraction < 1:
        raise ValueError(
            "`validation_fraction` must be between 0 and 1. Received: "
            f"{validation_fraction=}"
        )
    if seed < 0:
        raise ValueError(f"`seed` must not be negative. Received: {seed=}")

    significant_bits = None
    name, why = _choose(data_dir) if dataset == "auto" else (dataset, "")
    if name in TITLES:
        source, splits, class_names = _published(name, data_dir)
    elif name == "digits":
        source, splits, class_names = _embedded()
    else:
        source, folder = _folder(name)
        splits = {"train": (folder.images, folder.labels)}
        class_names = folder.class_names
        significant_bits = folder.significant_bits
        name = pathlib.Path(name).resolve().name

    train, test = splits["train"], splits.get("test")
    if test is None:
        train, test = stratified_split(
            *train, TEST_FRACTION, [seed, 0], class_names
        )
    train, validation = stratified_split(
        *train, validation_fraction, [seed, 1], class_names
    )
    parts = train, validation, test
    handwriting = name == "mnist" or source.startswith("scikit-learn")
    return ImageDataset(
        name,
        handwriting,
        f"{source}{why}.",
        class_names,
        *parts,
        significant_bits=significant_bits,
    )


def stratified_split(
    images: Array,
    labels: Array,
    fraction: float,
    seed: int | Sequence[int],
    class_names: Sequence[str],
) -> tuple[Split, Split]:
    """Random split of images and labels, stratified by class.

    The numbers of images per class are rounded such that their sum is
    `fraction` of all images, with at least one image per class. Both parts
    keep the order of the images.

    Args:
        images: Array `(n, ...)`.
        labels: Integer array `(n,)`, indices into `class_names`.
        fraction: Fraction of the images that is held out.
        seed: Seed of `numpy.random.default_rng`.
        class_names: Names for the error message.

    Returns:
        `(kept, held_out)`, both `(images, labels)`.

    Raises:
        ValueError: If no image of a class would be kept.

    Example:

    >>> labels = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    >>> kept, held_out = stratified_split(labels, labels, 1 / 4, 0, ("a", "b"))
    >>> kept[1].tolist(), held_out[1].tolist()  # a quarter of 4 is 1
    ([0, 0, 0, 1, 1, 1], [0, 1])
    """
    rng = np.random.default_rng(seed)
    counts = np.bincount(labels, minlength=len(class_names))
    sums = np.round(np.cumsum(counts) * fraction).astype(int)
    shares = np.maximum(np.diff(sums, prepend=0), 1)
    mask = np.zeros(len(labels), bool)
    for label, (count, share) in enumerate(zip(counts, shares, strict=True)):
        if share >= count:
            raise ValueError(
                "Every class needs images for training, validation and test. "
                f"Received: {count} of class {class_names[label]!r}, of which "
                f"{share} would be held out. Add images, or hold out a smaller "
                "fraction."
            )
        mask[rng.permutation(np.flatnonzero(labels == label))[:share]] = True
    return (images[~mask], labels[~mask]), (images[mask], labels[mask])


def stratified_sample(data: ImageDataset, number: int, seed: int) -> Split:
    """Random sample of the training images, stratified by class.

    Images are drawn one after the other, each from the class of which the
    smallest share has been drawn. Small classes have at least one image.

    Args:
        data: `ImageDataset`.
        number: Number of images.
        seed: Seed of the sample.

    Returns:
        `(images, labels)`: float32 `(number, 28, 28, 1)` in [0, 1], and int32
        `(number,)`.

    Example:

    >>> images, labels = stratified_sample(load("digits"), 20, seed=0)
    >>> images.shape, np.bincount(labels).tolist()
    ((20, 28, 28, 1), [2, 2, 2, 2, 2, 2, 2, 2, 2, 2])
    """
    images, labels = data.train
    order = np.random.default_rng([seed, number]).permutation(len(labels))
    position = np.empty(len(labels))
    for label in np.unique(labels):
        members = order[labels[order] == label]
        position[members] = np.arange(len(members)) / len(members)
    rows = np.argsort(position, kind="stable")[:number]
    return images[rows] / np.float32(255), labels[rows]


def to_mnist_format(images: Array) -> Array:
    """Converts 8x8 digits to 28x28 images in the format of MNIST.

    The digit is resized to 20x20 pixels (Lanczos interpolation) and placed
    such that its center of mass is the center of the 28x28 image. As
    interpolation makes strokes wider than those of MNIST, the lowest quarter
    of the range is removed; 13 % of the pixels are then above half of the
    maximum, as in MNIST.

    Reference: LeCun et al., 1998, "Gradient-based learning applied to
    document recognition", section III.A.

    Args:
        images: Array `(n, 8, 8)`, foreground from 0 to 16.

    Returns:
        uint8 array `(n, 28, 28, 1)`, foreground from 0 to 255.

    Example:

    >>> digit = np.zeros((1, 8, 8))
    >>> digit[0, :, 5] = 16  # a stroke right of the center becomes centered
    >>> np.flatnonzero(to_mnist_format(digit)[0, 14, :, 0]).tolist()
    [12, 13, 14, 15]
    """
    from PIL import Image

    digits = np.zeros((len(images), 28, 28, 1), "uint8")
    centers = np.arange(20) + 0.5  # of the resized pixels
    for image, digit in zip(images, digits, strict=True):
        resized = Image.fromarray(image.astype("float32") / 16).resize(
            (20, 20), Image.Resampling.LANCZOS
        )
        level = np.clip((np.asarray(resized) - 0.25) / 0.75, 0, 1)
        total = level.sum()
        if total == 0:
            continue  # a blank image stays blank
        center = np.array([centers @ level.sum(1), centers @ level.sum(0)])
        top, left = np.clip(np.round(14 - center / total), 0, 8).astype(int)
        digit[top : top + 20, left : left + 20, 0] = np.round(255 * level)
    return digits


def _choose(data_dir: Path | None) -> tuple[str, str]:
    """Data set of `"auto"`, and the reason for the choice."""
    if find_prepared("mnist", data_dir):
        return "mnist", " (automatic choice: it was found there)"
    try:
        _fetch("mnist", data_dir)
    except OSError as error:
        return "digits", f", because {error}"
    return "mnist", " (automatic choice: it could be downloaded)"


def _fetch(name: str, data_dir: Path | None) -> pathlib.Path:
    try:
        check_host(PROBES[name])
        return download(name, data_dir)
    except OSError as error:
        places = ", ".join(map(str, data_directories(data_dir)))
        raise OSError(
            f"{TITLES[name]} is not prepared in {places}, and {error}"
        ) from error


def _published(name: str, data_dir: Path | None) -> Source:
    directory = find_prepared(name, data_dir)
    if directory is None:
        try:
            directory = _fetch(name, data_dir)
        except OSError as error:
            raise OSError(
                f"{error}. Set `data_dir` or TFDS_DATA_DIR to a folder that "
                f"contains {name} prepared by TFDS, connect to the network, or "
                "use the data set 'digits', which needs neither."
            ) from error
    splits, class_names = read_prepared(directory)
    if {"train", "test"} - splits.keys() or any(
        images.shape[1:] != (28, 28, 1) for images, _ in splits.values()
    ):
        shapes = {split: images.shape for split, (images, _) in splits.items()}
        raise OSError(
            f"{TITLES[name]} must have the splits 'train' and 'test' of 28x28 "
            f"images. Received: {shapes} in {directory}. Delete that folder "
            "to download it again, or choose another data directory."
        )
    source = f"{TITLES[name]}, prepared by TFDS in {directory}"
    return source, splits, class_names


def _embedded() -> Source:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    images = to_mnist_format(images.reshape(-1, 8, 8))
    source = (
        f"scikit-learn's {len(images):,} handwritten digits of 8x8, "
        "resized to 28x28"
    )
    class_names = tuple("0123456789")
    return source, {"train": (images, labels.astype("int32"))}, class_names


def _folder(path: Path) -> tuple[str, ImageFolder]:
    folder = expand_user(path)
    if not str(path) or not folder.is_dir():
        raise ValueError(
            f"`dataset` must be one of {', '.join(DATASETS)}, or the path of "
            "a folder with one subfolder of images per class. Received: "
            f"dataset={str(path)!r}"
        )
    found = read_image_folder(folder)
    source = (
        f"{len(found.images):,} images of {len(found.class_names)} classes in "
        f"{folder.resolve()}, as gray 28x28"
    )
    if bits := describe_bits(found.significant_bits):
        source += f"; {bits}"
    return source, found
