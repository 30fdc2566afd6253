"""Handwritten digits and other small images to tell apart, as arrays."""

import dataclasses
import hashlib
import pathlib

import numpy as np

from dlunits.data.images.image_folder import read_image_folder
from dlunits.data.tfds_store import (
    check_host,
    data_directories,
    download,
    find_prepared,
    read_prepared,
)

TITLES = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST"}

# The smallest of the files that TFDS downloads, asked for before it starts.
PROBES = {
    "mnist": "https://storage.googleapis.com/cvdf-datasets/mnist/"
    "t10k-labels-idx1-ubyte.gz",
    "fashion_mnist": "http://fashion-mnist.s3-website.eu-central-1."
    "amazonaws.com/t10k-labels-idx1-ubyte.gz",
}

DATASETS = ("auto", *TITLES, "digits")

# Where a data set has no test split of its own.
TEST_FRACTION = 1 / 6


@dataclasses.dataclass(frozen=True)
class ImageDataset:
    """Images and labels of a data set, in three parts that share no image.

    Each part is a pair `(images, labels)`: uint8 `(n, 28, 28, 1)` and int32
    `(n,)`, indices into `class_names`. Published sets are light on black;
    images out of a folder keep the polarity they have there.

    Args:
        name: Name of the data set that was loaded, such as `"mnist"`.
        handwriting: Whether the images are digits made as MNIST's are, and
            so as `dlunits.data.images.handwriting` draws them.
        source: One sentence for the log and the report: what was used, from
            where and, if it was chosen automatically, why.
        class_names: Tuple of strings.
        train, validation, test: What to train on, to choose by, and to judge
            by once.
    """

    name: str
    handwriting: bool
    source: str
    class_names: tuple
    train: tuple
    validation: tuple
    test: tuple

    @property
    def fingerprint(self):
        """Hexadecimal digits that change with any image, label or split."""
        digest = hashlib.sha256(repr(self.class_names).encode())
        for images, labels in (self.train, self.validation, self.test):
            digest.update(np.ascontiguousarray(images))
            digest.update(np.ascontiguousarray(labels))
        return digest.hexdigest()[:16]


def load(dataset="auto", *, data_dir=None, validation_fraction=1 / 12, seed=0):
    """Loads a data set of 28x28 images, split in three.

    - `"mnist"`, `"fashion_mnist"`: prepared by TFDS in `data_dir`, in
      `$TFDS_DATA_DIR` or in `~/tensorflow_datasets`; else downloaded through
      TFDS to the first of these that is set.
    - `"digits"`: the 1,797 digits inside scikit-learn, `to_mnist_format`.
    - a path: a folder of images with one subfolder a class, see
      `read_image_folder`.
    - `"auto"`: MNIST as above, or `"digits"` if there is neither a prepared
      MNIST nor a network; `ImageDataset.source` says so. A data set asked for
      by its name is never replaced by another.

    The test part is the published test split, whole and in its order; for
    `"digits"` and folders it is a sixth. The validation part comes out of
    what is left. Both are drawn by `seed` and stratified: every class gives
    its share, at least one image.

    Args:
        dataset: One of the names above, or the path of a folder.
        data_dir: Folder of data sets prepared by TFDS. It must exist.
        validation_fraction: Part of the training split that is set apart for
            validation, between 0 and 1. With the default MNIST gives 5,000
            of 60,000.
        seed: Non-negative integer.

    Returns:
        `ImageDataset`.

    Raises:
        ValueError: If `dataset` is not known, `validation_fraction` or `seed`
            is out of range, or a class has too few images for three parts.
        OSError: If `data_dir`, the prepared data set or an image can not be
            read, or if the data set has to be downloaded and can not be: a
            host that does not answer is given up after 2 seconds.

    Example:

    >>> digits = load("digits")
    >>> [len(labels) for _, labels in (
    ...     digits.train, digits.validation, digits.test)]  # sum: 1797
    [1372, 125, 300]
    """
    if not 0 < validation_fraction < 1:
        raise ValueError(
            "`validation_fraction` must lie between 0 and 1. Received: "
            f"{validation_fraction=}"
        )
    if seed < 0:
        raise ValueError(f"`seed` must not be negative. Received: {seed=}")

    name, why = _choose(data_dir) if dataset == "auto" else (dataset, "")
    if name in TITLES:
        source, splits, class_names = _published(name, data_dir)
    elif name == "digits":
        source, splits, class_names = _embedded()
    else:
        source, splits, class_names = _folder(name)
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
        name, handwriting, f"{source}{why}.", class_names, *parts
    )


def stratified_split(images, labels, fraction, seed, class_names):
    """Splits images and labels in two, each class in the same proportion.

    Class by class the shares are rounded so that their sum is `fraction` of
    all images, rounded; but every class gives at least one image. Both parts
    keep the order of the images.

    Args:
        images: Array `(n, ...)`.
        labels: Integer array `(n,)`, indices into `class_names`.
        fraction: Part of the images that is held out.
        seed: Seed of `numpy.random.default_rng`.
        class_names: Names for the error message.

    Returns:
        `(kept, held_out)`, both `(images, labels)`.

    Raises:
        ValueError: If a class would have no image left.

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
                f"Received: {count} of class {class_names[label]!r} to take "
                f"{share} from. Add images, or make the part held out smaller."
            )
        mask[rng.permutation(np.flatnonzero(labels == label))[:share]] = True
    return (images[~mask], labels[~mask]), (images[mask], labels[mask])


def stratified_sample(data, number, seed):
    """That many training images in [0, 1] and their labels, stratified.

    Drawn one after the other from the class that is furthest behind its share,
    so that a class of few images has at least one of them.
    """
    images, labels = data.train
    order = np.random.default_rng([seed, number]).permutation(len(labels))
    position = np.empty(len(labels))
    for label in np.unique(labels):
        members = order[labels[order] == label]
        position[members] = np.arange(len(members)) / len(members)
    rows = np.argsort(position, kind="stable")[:number]
    return images[rows] / np.float32(255), labels[rows]


def to_mnist_format(images):
    """Makes 8x8 gray digits look like MNIST's 28x28.

    As MNIST was made: the digit fills a field of 20x20 (by Lanczos
    interpolation), which lies in the 28x28 so that the center of mass of the
    ink is the center of the image. Interpolation alone makes the strokes
    wider than MNIST's; without the faintest quarter of the ink 13 % of the
    pixels are more than half black, and so they are in MNIST.

    Reference: LeCun et al., 1998, "Gradient-based learning applied to
    document recognition", section III.A.

    Args:
        images: Array `(n, 8, 8)`, ink from 0 to 16.

    Returns:
        uint8 array `(n, 28, 28, 1)`, ink from 0 to 255.

    Example:

    >>> ink = np.zeros((1, 8, 8))
    >>> ink[0, :, 5] = 16  # a stroke right of the middle ends in the middle
    >>> np.flatnonzero(to_mnist_format(ink)[0, 14, :, 0]).tolist()
    [12, 13, 14, 15]
    """
    from PIL import Image

    digits = np.zeros((len(images), 28, 28, 1), "uint8")
    middles = np.arange(20) + 0.5  # of the pixels of the field
    for image, digit in zip(images, digits, strict=True):
        field = Image.fromarray(image.astype("float32") / 16).resize(
            (20, 20), Image.Resampling.LANCZOS
        )
        ink = np.clip((np.asarray(field) - 0.25) / 0.75, 0, 1)
        if not ink.any():
            continue  # blank stays blank
        center = np.array([middles @ ink.sum(1), middles @ ink.sum(0)])
        top, left = np.clip(np.round(14 - center / ink.sum()), 0, 8).astype(int)
        digit[top : top + 20, left : left + 20, 0] = np.round(255 * ink)
    return digits


def _choose(data_dir):
    """Name of the data set that "auto" stands for, and why."""
    if find_prepared("mnist", data_dir):
        return "mnist", " (automatic choice: it was found there)"
    try:
        _fetch("mnist", data_dir)
    except OSError as error:
        return "digits", f", because {error}"
    return "mnist", " (automatic choice: it could be downloaded)"


def _fetch(name, data_dir):
    try:
        check_host(PROBES[name])
        return download(name, data_dir)
    except OSError as error:
        places = ", ".join(map(str, data_directories(data_dir)))
        raise OSError(
            f"{TITLES[name]} is not prepared in {places}, and {error}"
        ) from error


def _published(name, data_dir):
    directory = find_prepared(name, data_dir)
    if directory is None:
        try:
            directory = _fetch(name, data_dir)
        except OSError as error:
            raise OSError(
                f"{error}. Name a folder that holds {name} prepared by TFDS "
                "(`data_dir` or TFDS_DATA_DIR), connect to the network, or "
                "use the dataset 'digits', which needs neither."
            ) from error
    splits, class_names = read_prepared(directory)
    if {"train", "test"} - splits.keys() or any(
        images.shape[1:] != (28, 28, 1) for images, _ in splits.values()
    ):
        shapes = {split: images.shape for split, (images, _) in splits.items()}
        raise OSError(
            f"{TITLES[name]} must have the splits 'train' and 'test' of 28x28 "
            f"images. Received: {shapes} in {directory}. Delete that folder "
            "to have it downloaded again, or name another data directory."
        )
    source = f"{TITLES[name]}, prepared by TFDS in {directory}"
    return source, splits, class_names


def _embedded():
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    images = to_mnist_format(images.reshape(-1, 8, 8))
    source = (
        f"scikit-learn's {len(images):,} handwritten digits of 8x8, "
        "resized to 28x28"
    )
    class_names = tuple("0123456789")
    return source, {"train": (images, labels.astype("int32"))}, class_names


def _folder(path):
    folder = pathlib.Path(path).expanduser()
    if not str(path) or not folder.is_dir():
        raise ValueError(
            f"`dataset` must be one of {', '.join(DATASETS)}, or the path of "
            "a folder with one subfolder of images a class. Received: "
            f"dataset={str(path)!r}"
        )
    images, labels, class_names = read_image_folder(folder)
    source = (
        f"{len(images):,} images of {len(class_names)} classes in "
        f"{folder.resolve()}, in gray 28x28"
    )
    return source, {"train": (images, labels)}, class_names
