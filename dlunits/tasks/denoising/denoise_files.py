"""Denoising of image files with a SavedModel."""

import pathlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from dlunits.data.images.image_files import (
    DecodedImage,
    find_significant_bits,
    read_image,
    write_image,
)
from dlunits.serving.load import find_version, load_saved_model
from dlunits.typing import Array, Path, Tensor


class DenoisedFile(NamedTuple):
    """Result of denoising an image file.

    Attributes:
        file: Path of the input.
        target: Path of the result.
        problem: Reason why there is no result, one line, or `None`.
        significant_bits: Significant bits of a file of 16 bits, at whose scale
            the result is written, or `None`; see
            `dlunits.data.images.image_files.find_significant_bits`.
    """

    file: pathlib.Path
    target: pathlib.Path
    problem: str | None
    significant_bits: int | None = None


def load_denoiser(folder: Path) -> Callable[[Tensor], dict[str, Tensor]]:
    """Loads the endpoint `denoise` of a SavedModel.

    Args:
        folder: Folder of a version of the SavedModel, or of all versions; then
            the latest one is loaded.

    Returns:
        Function of images to a dict with `denoised`, see
        `dlunits.tasks.denoising.serve.denoiser_endpoints`.

    Raises:
        ValueError: If there is no SavedModel, it is damaged, or it has no such
            endpoint.
    """
    folder = find_version(folder)
    model = load_saved_model(folder)
    endpoint = getattr(model, "denoise", None)
    outputs = [
        function.structured_outputs
        for function in getattr(endpoint, "concrete_functions", ())
    ]
    if not any(isinstance(o, dict) and "denoised" in o for o in outputs):
        raise ValueError(
            f"The SavedModel in {folder} does not denoise: choose one that "
            "apps/denoising_mnist.py exported"
        )
    return lambda images: model.denoise(images)  # keeps its variables alive


def denoise_files(
    denoise: Callable[[Tensor], dict[str, Any]],
    files: Iterable[pathlib.Path],
    folder: pathlib.Path,
    *,
    invert: bool = False,
    overwrite: bool = False,
) -> Iterator[DenoisedFile]:
    """Denoises image files and writes the results as PNG files.

    `photo.jpg` becomes `photo.png`, with the same size, scale and transparency
    and with its EXIF orientation applied. Files of 16 bits in one folder have
    the same number of significant bits. A file that cannot be denoised does not
    stop the others: its result has the reason.

    Args:
        denoise: Function of images to a dict with `denoised`.
        files: Image files.
        folder: Existing folder of the results.
        invert: Whether to invert the images before and after denoising, for
            dark on light images and a model of light on dark images.
        overwrite: Whether to replace existing files. Input files, and results
            of this call, are never replaced.

    Yields:
        `DenoisedFile` of each file.

    Example: a model that returns its input.

    >>> import tempfile
    >>> from PIL import Image
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> (folder / "results").mkdir()
    >>> Image.new("L", (50, 40), 128).save(folder / "good.png")
    >>> _ = (folder / "bad.png").write_text("no image")
    >>> results = denoise_files(
    ...     lambda images: {"denoised": images},
    ...     [folder / "good.png", folder / "bad.png"],
    ...     folder / "results",
    ... )
    >>> [result.problem for result in results]
    [None, 'is not an image, or has a format that Pillow does not support']
    """
    files = list(files)
    written: dict[pathlib.Path, pathlib.Path] = {}
    inputs = {file.resolve() for file in files}
    bits = {
        parent: find_significant_bits(f for f in files if f.parent == parent)
        for parent in {file.parent for file in files}
    }
    for file in files:
        target = folder / f"{file.stem}.png"
        try:
            check_target(target, inputs, written, overwrite)
            image = read_image(file, significant_bits=bits[file.parent])
            write_image(target, denoise_image(denoise, image, invert))
        except (OSError, ValueError) as error:
            yield DenoisedFile(file, target, str(error))
        except (tf.errors.OpError, MemoryError) as error:
            reason = (str(error) or "out of memory").splitlines()[0]
            yield DenoisedFile(file, target, f"cannot be denoised: {reason}")
        else:
            written[target] = file
            yield DenoisedFile(file, target, None, image.significant_bits)


def check_target(
    target: pathlib.Path,
    inputs: set[pathlib.Path],
    written: dict[pathlib.Path, pathlib.Path],
    overwrite: bool,
) -> None:
    """Raises ValueError for files that must not be replaced."""
    if target in written:
        raise ValueError(
            f"would replace {target}, the result of {written[target]}: choose "
            "another folder for one of them"
        )
    if target.resolve() in inputs:
        raise ValueError(
            f"would replace {target}, an input file: choose another folder"
        )
    if target.exists() and not overwrite:
        raise ValueError(
            f"would replace {target}, which exists: allow it with overwrite, "
            "or choose another folder"
        )


def denoise_image(
    denoise: Callable[[Tensor], dict[str, Any]],
    image: DecodedImage,
    invert: bool,
) -> DecodedImage:
    """Denoises each color channel of an image separately."""

    def inverted(values: Array) -> Array:
        return 1 - values if invert else values

    colors = [
        inverted(denoise(tf.constant(inverted(channel)[None]))["denoised"][0])
        for channel in np.moveaxis(image.colors, -1, 0)
    ]
    return image.replace_colors(np.stack(colors, axis=-1))
