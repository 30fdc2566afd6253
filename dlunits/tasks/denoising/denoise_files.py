"""Image files through a served denoiser, one after the other."""

import pathlib

import numpy as np
import tensorflow as tf

from dlunits.data.images.image_files import read_image, write_image


def load_denoiser(folder):
    """Loads the endpoint `denoise` of a SavedModel.

    Args:
        folder: `pathlib.Path` of the SavedModel, or of the folder of its
            versions, of which the last is taken.

    Returns:
        Function of `images`, see `dlunits.tasks.denoising.serve`.

    Raises:
        ValueError: If there is no SavedModel, it is damaged, or it has no such
            endpoint; one line says which.
    """
    folder = pathlib.Path(folder).expanduser()
    versions = [
        path
        for path in (folder.iterdir() if folder.is_dir() else ())
        if path.name.isdecimal()
    ]
    if versions and not (folder / "saved_model.pb").is_file():
        folder = max(versions, key=lambda path: int(path.name))
    if not (folder / "saved_model.pb").is_file():
        raise ValueError(f"No SavedModel in {folder}")
    try:
        model = tf.saved_model.load(str(folder))
    except (OSError, ValueError, tf.errors.OpError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"The SavedModel in {folder} is damaged: {reason}"
        ) from None
    endpoint = getattr(model, "denoise", None)
    outputs = [
        function.structured_outputs
        for function in getattr(endpoint, "concrete_functions", ())
    ]
    if not any(isinstance(o, dict) and "cleaned" in o for o in outputs):
        raise ValueError(
            f"The SavedModel in {folder} does not denoise: name one that "
            "apps/denoising_mnist.py exported"
        )
    return lambda images: model.denoise(images)  # keeps its variables alive


def denoise_files(denoise, files, folder, *, invert=False, overwrite=False):
    """Cleans image files, and goes on where one of them is bad.

    Each becomes a PNG file of its own name, `photo.jpg` is cleaned into
    `photo.png`, with its size, depth and transparency; it is turned upright.
    Colors are cleaned one by one.

    Args:
        denoise: Function from `(1, height, width)`, float32 in [0, 1], to a
            dict with `cleaned` of the same shape.
        files: Iterable of `pathlib.Path`.
        folder: `pathlib.Path` of a folder that exists.
        invert: Whether to clean the negative of each image: one that is
            dark on light, by a model of images that are light on dark.
        overwrite: Whether a file that is there already may be replaced. None
            of the images to clean ever is, nor the result of another.

    Yields:
        `(file, target, problem)`: `pathlib.Path` of both, and `None`, or one
        line that says why there is no such target.

    Example, of a model that leaves all as it is:

    >>> import tempfile
    >>> from PIL import Image
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> (folder / "cleaned").mkdir()
    >>> Image.new("L", (50, 40), 128).save(folder / "good.png")
    >>> _ = (folder / "bad.png").write_text("no image")
    >>> results = denoise_files(
    ...     lambda images: {"cleaned": images},
    ...     [folder / "good.png", folder / "bad.png"],
    ...     folder / "cleaned",
    ... )
    >>> [problem for file, target, problem in results]
    [None, 'is not an image, or has a format that Pillow does not know']
    """
    files, written = list(files), {}
    originals = {file.resolve() for file in files}
    for file in files:
        target = folder / f"{file.stem}.png"
        try:
            check_target(target, originals, written, overwrite)
            image = read_image(file)
            write_image(target, cleaned(denoise, image, invert))
        except (OSError, ValueError) as error:
            yield file, target, str(error)
        except (tf.errors.OpError, MemoryError) as error:
            reason = (str(error) or "no memory is left").splitlines()[0]
            yield file, target, f"cannot be cleaned: {reason}"
        else:
            written[target] = file
            yield file, target, None


def check_target(target, originals, written, overwrite):
    if target in written:
        raise ValueError(
            f"would replace {target}, the cleaned {written[target]}: clean it "
            "into another folder"
        )
    if target.resolve() in originals:
        raise ValueError(
            f"would replace {target}, an image to clean: choose another folder"
        )
    if target.exists() and not overwrite:
        raise ValueError(
            f"would replace {target}, which was there before: allow it, or "
            "choose another folder"
        )


def cleaned(denoise, image, invert):
    """A `DecodedImage` whose colors went through `denoise` one by one."""

    def negative(values):
        return 1 - values if invert else values

    colors = [
        negative(denoise(tf.constant(negative(channel)[None]))["cleaned"][0])
        for channel in np.moveaxis(image.colors, -1, 0)
    ]
    return image.replace_colors(np.stack(colors, axis=-1))
