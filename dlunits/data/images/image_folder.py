"""Image classification data sets: a folder with one subfolder per class."""

import dataclasses
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

from dlunits.data.images.image_files import (
    find_significant_bits,
    list_visible,
    read_gray_images,
    read_rgb_image,
)
from dlunits.data.images.images_on_disk import ImagesOnDisk
from dlunits.free_memory import GIB, free_memory
from dlunits.paths import expand_user
from dlunits.typing import Array, Path

IMAGE_SIZE = 28  # pixels
MAX_NAMED = 100  # unreadable files that a message lists


@dataclasses.dataclass(frozen=True, eq=False)
class ImageFolder:
    """Images of a folder with one subfolder per class.

    Args:
        images: uint8 `(n, 28, 28, 1)`, or in color `(n, size, size, 3)`.
        labels: int32 `(n,)`, indices into `class_names`.
        class_names: Names of the subfolders.
        significant_bits: Significant bits of the files of 16 bits, see
            `dlunits.data.images.image_files.find_significant_bits`, or `None`.
        files: Paths of the images.

    Example:

    >>> folder = ImageFolder(
    ...     np.zeros((2, 28, 28, 1), "uint8"), np.array([0, 1], "int32"),
    ...     ("cat", "dog"), None, list(map(pathlib.Path, ("a.png", "b.png"))))
    >>> [folder.class_names[label] for label in folder.labels]
    ['cat', 'dog']
    """

    images: Array
    labels: Array
    class_names: tuple[str, ...]
    significant_bits: int | None
    files: list[pathlib.Path]


def read_image_folder(folder: Path) -> ImageFolder:
    """Reads a folder that has one subfolder of images per class.

    The classes are the subfolders, sorted by name as text: `"10"` comes before
    `"2"`. The images of a class are its files, sorted by name. Hidden files
    and folders and those of file managers are ignored. Each image is converted
    to gray with 28x28 pixels, see
    `dlunits.data.images.image_files.read_gray_images`.

    Args:
        folder: Path of the folder.

    Returns:
        `ImageFolder`.

    Raises:
        ValueError: If there are fewer than two subfolders, or one without
            images.
        OSError: If a folder or an image cannot be read; the message contains
            the paths of all such images.

    Example:

    >>> import tempfile
    >>> from PIL import Image
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for name, gray in ("cat", 10), ("dog", 200):
    ...     (folder / name).mkdir()
    ...     Image.new("L", (50, 40), gray).save(folder / name / "1.png")
    >>> found = read_image_folder(folder)
    >>> found.class_names, found.labels.tolist()
    (('cat', 'dog'), [0, 1])
    >>> found.images.max(axis=(1, 2, 3)).tolist()
    [10, 200]
    """
    files, labels, class_names = list_class_files(folder)
    found = read_gray_images(files, IMAGE_SIZE)
    check_readable(found.problems)
    return ImageFolder(
        np.stack(found.images),
        labels,
        class_names,
        found.significant_bits,
        files,
    )


def read_rgb_image_folder(
    folder: Path,
    image_size: int,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> ImageFolder:
    """Reads a folder that has one subfolder of images per class, in color.

    It differs from `read_image_folder` in the images: each becomes the central
    square of the file in color, see
    `dlunits.data.images.image_files.read_rgb_image`.

    Args:
        folder: Path of the folder.
        image_size: Height and width of the images, in pixels.
        progress: Called after each file with the number of files read so far
            and the number of all files.

    Returns:
        `ImageFolder` with images `(n, image_size, image_size, 3)`.

    Raises:
        ValueError: As `read_image_folder`, or if the images take more than a
            third of the free memory, because the splits of a data set and the
            input pipeline copy them.
        OSError: As `read_image_folder`.

    Example:

    >>> import tempfile
    >>> from PIL import Image
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for name in "cat", "dog":
    ...     (folder / name).mkdir()
    ...     Image.new("RGB", (50, 40), "red").save(folder / name / "1.png")
    >>> read_rgb_image_folder(folder, image_size=8).images[0, 0, 0].tolist()
    [255, 0, 0]
    """
    files, labels, class_names = list_class_files(folder)
    check_free_memory(len(files), image_size)
    bits = find_significant_bits(files)
    images = np.empty((len(files), image_size, image_size, 3), "uint8")
    problems = {}
    for index, file in enumerate(files):
        try:
            images[index] = read_rgb_image(file, image_size, bits)
        except ValueError as error:
            problems[file] = str(error)
        progress(index + 1, len(files))
    check_readable(problems)
    return ImageFolder(images, labels, class_names, bits, files)


def open_rgb_image_folder(
    folder: Path,
    image_size: int,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> ImageFolder:
    """Opens a folder whose images are read from disk when they are indexed.

    It needs less memory than `read_rgb_image_folder`. Each file is read once to
    check that it can be read.

    Args:
        folder, image_size, progress: As in `read_rgb_image_folder`.

    Returns:
        `ImageFolder` whose images are
        `dlunits.data.images.images_on_disk.ImagesOnDisk`.

    Raises:
        ValueError: As `read_image_folder`.
        OSError: As `read_image_folder`.

    Example:

    >>> import tempfile
    >>> from PIL import Image
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for name in "cat", "dog":
    ...     (folder / name).mkdir()
    ...     Image.new("RGB", (50, 40), "red").save(folder / name / "1.png")
    >>> opened = open_rgb_image_folder(folder, image_size=8)
    >>> opened.images.shape, opened.images[1][0, 0].tolist()
    ((2, 8, 8, 3), [255, 0, 0])
    """
    files, labels, class_names = list_class_files(folder)
    bits = find_significant_bits(files)
    problems = {}
    for index, file in enumerate(files):
        try:
            read_rgb_image(file, image_size, bits)
        except ValueError as error:
            problems[file] = str(error)
        progress(index + 1, len(files))
    check_readable(problems)
    images: Any = ImagesOnDisk(files, image_size, bits)
    return ImageFolder(images, labels, class_names, bits, files)


def list_class_files(
    folder: Path,
) -> tuple[list[pathlib.Path], Array, tuple[str, ...]]:
    """Lists the files, labels and class names of a folder.

    Args:
        folder: Path of a folder with one subfolder per class.

    Returns:
        `(files, labels, class_names)`.

    Raises:
        ValueError: If there are fewer than two subfolders, or one without
            images.
        OSError: If a folder cannot be read, or a class folder contains one.
    """
    folder = expand_user(folder)
    class_folders = [path for path in list_visible(folder) if path.is_dir()]
    if len(class_folders) < 2:
        raise ValueError(
            "An image folder must contain one subfolder per class, and at "
            f"least two classes. Received: {folder} with the subfolders "
            f"{[path.name for path in class_folders]}"
        )
    files: list[pathlib.Path] = []
    labels: list[int] = []
    for label, class_folder in enumerate(class_folders):
        inside = list_visible(class_folder)
        if not inside:
            raise ValueError(
                "Every class folder must contain at least one image. Received: "
                f"{class_folder}, which is empty. Add images or delete it."
            )
        files.extend(inside)
        labels.extend([label] * len(inside))
    check_files(files)
    names = tuple(path.name for path in class_folders)
    return files, np.array(labels, "int32"), names


def needed_memory(num_images: int, image_size: int) -> int:
    """Bytes that color images of a folder take while a model is trained."""
    return 3 * num_images * image_size**2 * 3


def fits_in_memory(folder: Path, image_size: int) -> bool:
    """Whether a model can be trained on the images of a folder in memory.

    Args:
        folder: Path of a folder with one subfolder per class.
        image_size: Height and width of the images, in pixels.

    Returns:
        Whether three copies of all images fit in the free memory.

    Raises:
        ValueError, OSError: As `read_image_folder`, for the list of files.

    Example:

    >>> import tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for name in "cat", "dog":
    ...     (folder / name).mkdir()
    ...     (folder / name / "1.png").touch()
    >>> fits_in_memory(folder, image_size=8)  # 3 * 2 * 8^2 * 3 = 1,152 bytes
    True
    >>> fits_in_memory(folder, image_size=10_000_000)
    False
    """
    files, _, _ = list_class_files(folder)
    return needed_memory(len(files), image_size) <= free_memory()


def check_free_memory(num_images: int, image_size: int) -> None:
    """Raises ValueError if images need more memory than there is."""
    needed = needed_memory(num_images, image_size)
    free = free_memory()
    if needed > free:
        raise ValueError(
            f"{num_images:,} images of {image_size}x{image_size} pixels need "
            f"{needed / GIB:,.1f} GiB of memory, and {free / GIB:,.1f} GiB "
            "are free. Use smaller images or fewer of them."
        )


def check_files(paths: list[pathlib.Path]) -> None:
    """Raises IsADirectoryError for a folder in a class folder."""
    for path in paths:
        if path.is_dir():
            raise IsADirectoryError(
                "A class folder must contain image files only. Received: the "
                f"folder {path}. Choose the folder right above the class "
                "folders."
            )


def check_readable(problems: dict[pathlib.Path, str]) -> None:
    """Raises OSError with the names of all files that cannot be read."""
    if not problems:
        return
    named = [f"{path} ({reason})" for path, reason in problems.items()]
    more = len(named) - MAX_NAMED
    raise OSError(
        "A class folder must contain readable images only. Received: "
        + "; ".join(named[:MAX_NAMED])
        + (f"; and {more:,} more" if more > 0 else "")
        + (
            ". Repair or delete that file."
            if len(named) == 1
            else ". Repair or delete these files."
        )
    )
