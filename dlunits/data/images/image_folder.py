"""Image classification data sets: a folder with one subfolder per class."""

import pathlib

import numpy as np

from dlunits.data.images.image_files import read_gray_image
from dlunits.paths import expand_user
from dlunits.typing import Array, Path

IMAGE_SIZE = 28  # pixels
SYSTEM_FILES = {"Thumbs.db", "desktop.ini"}  # written by file managers


def read_image_folder(folder: Path) -> tuple[Array, Array, tuple[str, ...]]:
    """Reads a folder that has one subfolder of images per class.

    The classes are the subfolders, sorted by name as text: `"10"` comes before
    `"2"`. The images of a class are its files, sorted by name. Hidden files
    and folders are ignored. Each image becomes gray, with 28x28 pixels, see
    `dlunits.data.images.image_files.read_gray_image`.

    Args:
        folder: Path of the folder.

    Returns:
        `(images, labels, class_names)`: uint8 `(n, 28, 28, 1)`, int32 `(n,)`,
        and the names of the subfolders.

    Raises:
        ValueError: If there are fewer than two subfolders, or one without
            images.
        OSError: If a folder or an image cannot be read; the message contains
            its path.

    Example:

    >>> import tempfile
    >>> from PIL import Image
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for name, gray in ("cat", 10), ("dog", 200):
    ...     (folder / name).mkdir()
    ...     Image.new("L", (50, 40), gray).save(folder / name / "1.png")
    >>> images, labels, class_names = read_image_folder(folder)
    >>> class_names, labels.tolist(), images.max(axis=(1, 2, 3)).tolist()
    (('cat', 'dog'), [0, 1], [10, 200])
    """
    folder = expand_user(folder)
    class_folders = [path for path in list_visible(folder) if path.is_dir()]
    if len(class_folders) < 2:
        raise ValueError(
            "An image folder must contain one subfolder per class, and at "
            f"least two classes. Received: {folder} with the subfolders "
            f"{[path.name for path in class_folders]}"
        )
    images: list[Array] = []
    labels: list[int] = []
    for label, class_folder in enumerate(class_folders):
        files = list_visible(class_folder)
        if not files:
            raise ValueError(
                "Every class folder must contain at least one image. Received: "
                f"{class_folder}, which is empty. Add images or delete it."
            )
        images.extend(map(read_class_image, files))
        labels.extend([label] * len(files))
    return (
        np.stack(images),
        np.array(labels, "int32"),
        tuple(path.name for path in class_folders),
    )


def read_class_image(path: pathlib.Path) -> Array:
    """Reads a file of a class folder, `(28, 28, 1)`."""
    if path.is_dir():
        raise IsADirectoryError(
            "A class folder must contain image files only. Received: the "
            f"folder {path}. Choose the folder right above the class folders."
        )
    try:
        return read_gray_image(path, IMAGE_SIZE)
    except ValueError as error:
        raise OSError(
            "A class folder must contain readable images only. Received: "
            f"{path} ({error}). Repair or delete that file."
        ) from error


def list_visible(folder: pathlib.Path) -> list[pathlib.Path]:
    """Sorted entries of a folder without hidden and system files."""
    return sorted(
        path
        for path in folder.iterdir()
        if not path.name.startswith(".") and path.name not in SYSTEM_FILES
    )
