"""Images to learn from and to judge, with names and perhaps labels."""

import dataclasses
import pathlib

import numpy as np

from dlunits.data.images import image_datasets
from dlunits.data.images.image_folder import read_image, visible
from dlunits.data.tables.anomaly_labels import NORMAL

SMALLEST_SIDE = 8


@dataclasses.dataclass(frozen=True)
class AnomalyImages:
    """Images of one size.

    Args:
        images: uint8 `(images, side, side, 1)`.
        names: List of texts, of files for example.
        labels: Booleans `(images,)`, true for an anomaly, or `None`.
        source: Text, where they came from.
        problems: Lines about files that could not be read.
    """

    images: np.ndarray
    names: list
    labels: np.ndarray | None
    source: str
    problems: tuple = ()

    def normal(self):
        """The set of those that no label calls an anomaly.

        Raises:
            ValueError: If all are.
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
            names=[self.names[place] for place in kept],
            labels=None,
        )


def load_image_folder(folder, side, progress=lambda done, number: None):
    """Reads the images of a folder, gray, `side` pixels high and wide.

    A folder with images alone holds those to learn from, or to judge. One
    with subfolders alone holds labeled ones: those in `good`, `normal` or
    `ok` (or another word for it, see `dlunits.data.tables.anomaly_labels`) are
    normal, all others are anomalies.

    Args:
        folder: Path.
        side: Integer of at least 8. The aspect is kept, see
            `dlunits.data.images.image_folder.read_image`.
        progress: Function of the numbers of files done and of all.

    Returns:
        `AnomalyImages`; what cannot be read is among its problems.

    Raises:
        ValueError: If there is no image in it, there are files and folders
            both, or `side` is too small.

    Example:

    >>> import tempfile
    >>> from PIL import Image
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for name in "good", "scratched":
    ...     (folder / name).mkdir()
    ...     Image.new("L", (50, 40), 99).save(folder / name / "1.png")
    >>> images = load_image_folder(folder, side=32)
    >>> images.images.shape, images.names, images.labels.tolist()
    ((2, 32, 32, 1), ['good/1.png', 'scratched/1.png'], [False, True])
    """
    folder = pathlib.Path(folder).expanduser()
    if side < SMALLEST_SIDE:
        raise ValueError(
            f"`side` must be at least {SMALLEST_SIDE} pixels. Received: {side}"
        )
    inside = visible(folder)
    files = [path for path in inside if path.is_file()]
    folders = [path for path in inside if path.is_dir()]
    if files and folders:
        raise ValueError(
            f"{folder}: holds files and folders both, {files[0].name!r} and "
            f"{folders[0].name!r} for example. Expected images alone, or "
            "folders of them alone."
        )
    labeled = bool(folders)
    if labeled:
        files = [file for each in folders for file in visible(each)]
    images, names, problems = [], [], []
    for done, file in enumerate(files, 1):
        try:
            images.append(read_image(file, side))
            names.append(file.relative_to(folder).as_posix())
        except OSError as error:
            problems.append(" ".join(str(error).split()))
        progress(done, len(files))
    if not images:
        raise ValueError(
            f"{folder}: holds no image that can be read. Expected image "
            "files, or subfolders of them."
            + (f" First of {len(problems)}: {problems[0]}" if problems else "")
        )
    labels = None
    if labeled:
        words = [name.partition("/")[0].lower() for name in names]
        labels = np.array([word not in NORMAL for word in words])
    return AnomalyImages(
        np.stack(images),
        names,
        labels,
        f"{folder}: {len(images):,} images",
        tuple(problems),
    )


def load_one_class(dataset, normal_class, data_dir=None):
    """One class of a data set to learn from, and all of them to judge.

    Args:
        dataset: As `dlunits.data.images.image_datasets.load`.
        normal_class: Name of the class, `"3"` for example.
        data_dir: As `load`.

    Returns:
        `(known, new)`: `AnomalyImages` of the class, out of the training and
        validation splits, and of the whole test split, in which the other
        classes are anomalies.

    Raises:
        ValueError: If there is no such class.

    Example:

    >>> known, new = load_one_class("digits", "3")
    >>> len(known.images), new.labels.mean().round(2).item()
    (153, 0.9)
    """
    data = image_datasets.load(dataset, data_dir=data_dir)
    names = [str(name) for name in data.class_names]
    if str(normal_class) not in names:
        raise ValueError(
            f"`normal_class` must be one of {', '.join(names)}. Received: "
            f"{normal_class}"
        )
    number = names.index(str(normal_class))
    known = np.concatenate(
        [
            images[labels == number]
            for images, labels in (data.train, data.validation)
        ]
    )
    images, labels = data.test
    places = [f"test {i}, class {names[k]}" for i, k in enumerate(labels)]
    source = f"{data.source} Class {normal_class} is normal."
    return (
        AnomalyImages(known, [""] * len(known), None, source),
        AnomalyImages(images, places, labels != number, source),
    )
