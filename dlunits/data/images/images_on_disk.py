"""Image files as an array that is read from disk when it is indexed."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from dlunits.data.images.image_files import read_rgb_image
from dlunits.typing import Array, Path, Tensor


class ImagesOnDisk:
    """Color images of files, for folders that do not fit in memory.

    It is indexed as the uint8 array `(n, image_size, image_size, 3)` of the
    images, by a slice, a number or an array of numbers. Indexing reads the
    files each time, see `dlunits.data.images.image_files.read_rgb_image`.

    Args:
        paths: Paths of the files.
        image_size: Height and width of the images, in pixels.
        significant_bits: Significant bits of the files of 16 bits, see
            `dlunits.data.images.image_files.find_significant_bits`.

    Example:

    >>> import pathlib, tempfile
    >>> from PIL import Image
    >>> path = pathlib.Path(tempfile.mkdtemp(), "gray.png")
    >>> Image.new("L", (50, 40), 77).save(path)
    >>> images = ImagesOnDisk([path, path], image_size=8)
    >>> images.shape, images[:1].shape, images[1][0, 0].tolist()
    ((2, 8, 8, 3), (1, 8, 8, 3), [77, 77, 77])
    """

    def __init__(
        self,
        paths: Sequence[Path],
        image_size: int,
        significant_bits: int | None = None,
    ) -> None:
        self.paths = np.array([os.fspath(path) for path in paths])
        self.image_size = image_size
        self.significant_bits = significant_bits

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of the array of all images."""
        return len(self.paths), self.image_size, self.image_size, 3

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: Any) -> Array:
        chosen = self.paths[index]
        if isinstance(chosen, str):
            return self.read_file(chosen)
        images = np.empty((len(chosen), *self.shape[1:]), "uint8")
        for number, path in enumerate(chosen):
            images[number] = self.read_file(path)
        return images

    def read_file(self, path: str) -> Array:
        """Reads the image of one file.

        Args:
            path: Path of the file.

        Returns:
            uint8 array `(image_size, image_size, 3)`.

        Raises:
            OSError: If it can no longer be read.
        """
        try:
            return read_rgb_image(path, self.image_size, self.significant_bits)
        except ValueError as error:
            raise OSError(f"{path}: {error}") from None

    def read(self, rows: Tensor) -> Tensor:
        """Reads a batch of images in a `tf.data` pipeline.

        Args:
            rows: Integers `(batch,)`, numbers of the images.

        Returns:
            uint8 tensor `(batch, image_size, image_size, 3)`.
        """
        import tensorflow as tf

        images = tf.numpy_function(self.__getitem__, [rows], tf.uint8)
        return tf.ensure_shape(images, (None, *self.shape[1:]))

    def part(self, rows: Array) -> "ImagesOnDisk":
        """Selects images by number; they stay on disk."""
        return ImagesOnDisk(
            self.paths[rows].tolist(), self.image_size, self.significant_bits
        )


def rows_of(images: Array | ImagesOnDisk) -> tuple[Array, Any]:
    """Rows that an input pipeline iterates over, and the function to read them.

    Args:
        images: Array of images, or `ImagesOnDisk`.

    Returns:
        `(rows, read)`. For an array: the images, and the identity function. For
        images on disk: their numbers, and a function from a batch of numbers to
        images.

    Example:

    >>> rows, read = rows_of(np.zeros((2, 8, 8, 3), "uint8"))
    >>> rows.shape, read(5)
    ((2, 8, 8, 3), 5)
    """
    if isinstance(images, ImagesOnDisk):
        return np.arange(len(images)), images.read
    return images, lambda batch: batch
