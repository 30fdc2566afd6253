"""Image data sets for anomaly detection, from a folder or from one class."""

import dataclasses
from collections.abc import Callable

import numpy as np

from dlunits.data.images import image_datasets
from dlunits.data.images.image_files import (
    describe_bits,
    list_visible,
    read_gray_images,
)
from dlunits.data.tables.anomaly_labels import NORMAL
from dlunits.paths import expand_user
from dlunits.typing import Array, Path

MIN_IMAGE_SIZE = 8


@dataclasses.dataclass(frozen=True, eq=False)
class AnomalyImages:
    """Images of one size with names and, perhaps, anomaly labels.

    Args:
        images: uint8 `(num_images, image_size, image_size, 1)`.
        names: Name of each image: its file, or its index in a data set.
        labels: Booleans `(num_images,)`, true for an anomaly, or `None`.
        source: Where the images come from, for messages and reports.
        problems: One line per file that cannot be read.
        significant_bits: Significant bits of the files of 16 bits of a folder,
            see `dlunits.data.images.image_files.find_significant_bits`, or
            `None`.

    Example:

    >>> data = AnomalyImages(
    ...     np.zeros((2, 8, 8, 1), "uint8"), ["good/1.png", "bent/1.png"],
    ...     labels=np.array([False, True]), source="Two images")
    >>> data.normal().names
    ['good/1.png']
    """

    images: Array
    names: list[str]
    labels: Array | None
    source: str
    problems: tuple[str, ...] = ()
    significant_bits: int | None = None

    def normal(self) -> "AnomalyImages":
        """The normal images, without labels.

        Returns:
            `AnomalyImages` without the images that are labeled as anomalies.

        Raises:
            ValueError: If all images are anomalies.
        """
        if self.labels is None:
            return self
        kept = np.flatnonzero(~self.labels)
        if not len(kept):
            raise ValueError(
                f"{self.source}, all of them anomalies by the names of their "
                "folders. Expected normal ones, in a folder named good, normal "
                "or ok."
            )
        return dataclasses.replace(
            self,
            images=self.images[kept],
            names=[self.names[index] for index in kept],
            labels=None,
        )


def load_image_folder(
    folder: Path,
    image_size: int,
    progress: Callable[[int, int], object] = lambda done, total: None,
    significant_bits: int | None = None,
) -> AnomalyImages:
    """Reads the images of a folder as square gray images.

    A folder that contains only images has no labels. In a folder that contains
    only subfolders, the images in `good`, `normal` or `ok` (or a synonym, see
    `dlunits.data.tables.anomaly_labels`) are normal and all others are
    anomalies.

    Args:
        folder: Path of the folder.
        image_size: Height and width in pixels, at least 8. The aspect ratio is
            kept, see `dlunits.data.images.image_files.read_gray_image`.
        progress: Called after each file with the number of files read so far
            and the number of all files.
        significant_bits: As in `dlunits.data.images.image_files.read_image`.
            `None` infers them from the files.

    Returns:
        `AnomalyImages`. Files that cannot be read are listed in its
        `problems`.

    Raises:
        ValueError: If no image can be read, the folder contains both files and
            subfolders, or `image_size` is too small.

    Example:

    >>> import pathlib
    >>> import tempfile
    >>> from PIL import Image
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for name in "good", "scratched":
    ...     (folder / name).mkdir()
    ...     Image.new("L", (50, 40), 99).save(folder / name / "1.png")
    >>> images = load_image_folder(folder, image_size=32)
    >>> images.images.shape, images.names, images.labels.tolist()
    ((2, 32, 32, 1), ['good/1.png', 'scratched/1.png'], [False, True])
    """
    folder = expand_user(folder)
    if image_size < MIN_IMAGE_SIZE:
        raise ValueError(
            f"`image_size` must be at least {MIN_IMAGE_SIZE} pixels. Received: "
            f"{image_size}"
        )
    inside = list_visible(folder)
    files = [path for path in inside if path.is_file()]
    folders = [path for path in inside if path.is_dir()]
    if files and folders:
        raise ValueError(
            f"{folder} contains both files and folders, such as "
            f"{files[0].name!r} and {folders[0].name!r}. Expected either "
            "images, or folders of images."
        )
    labeled = bool(folders)
    if labeled:
        files = [file for each in folders for file in list_visible(each)]
    found = read_gray_images(files, image_size, significant_bits, progress)
    problems = [f"{file}: {why}" for file, why in found.problems.items()]
    if not found.images:
        raise ValueError(
            f"{folder} contains no image that can be read. Expected image "
            "files, or subfolders of them."
            + (f" First of {len(problems)}: {problems[0]}" if problems else "")
        )
    names = [file.relative_to(folder).as_posix() for file in found.files]
    source = f"{folder}: {len(found.images):,} images"
    if bits := describe_bits(found.significant_bits):
        source += f", {bits}"
    labels = None
    if labeled:
        words = [name.partition("/")[0].lower() for name in names]
        labels = np.array([word not in NORMAL for word in words])
    return AnomalyImages(
        np.stack(found.images),
        names,
        labels,
        source,
        tuple(problems),
        found.significant_bits,
    )


def load_one_class(
    dataset: str, normal_class: str | int, data_dir: Path | None = None
) -> tuple[AnomalyImages, AnomalyImages]:
    """One-class data set: one class is normal, all others are anomalies.

    Args:
        dataset: Name or folder, as in
            `dlunits.data.images.image_datasets.load`.
        normal_class: Name of the normal class, such as `"3"`.
        data_dir: Folder of prepared data sets, as in `load`.

    Returns:
        `(train, test)`: the normal class of the training and validation
        splits without labels, and the whole test split with labels.

    Raises:
        ValueError: If the data set has no such class.

    Example:

    >>> train, test = load_one_class("digits", "3")
    >>> len(train.images), test.labels.mean().round(2).item()
    (153, 0.9)
    """
    data = image_datasets.load(dataset, data_dir=data_dir)
    names = [str(name) for name in data.class_names]
    if str(normal_class) not in names:
        raise ValueError(
            f"`normal_class` must be one of {', '.join(names)}. Received: "
            f"{normal_class}"
        )
    normal = names.index(str(normal_class))
    train = np.concatenate(
        [
            images[labels == normal]
            for images, labels in (data.train, data.validation)
        ]
    )
    images, labels = data.test
    places = [f"test {i}, class {names[k]}" for i, k in enumerate(labels)]
    source = f"{data.source} Class {normal_class} is normal."
    return (
        AnomalyImages(train, [""] * len(train), None, source),
        AnomalyImages(images, places, labels != normal, source),
    )
