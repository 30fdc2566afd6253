"""Fixtures that the tests of several folders use."""

import os
import pathlib
import tempfile

import pytest

PROJECT = pathlib.Path(__file__).parents[1]


# On JAX, compilation takes most of the time of the tests, so compiled programs
# are cached and optimized less.
#
# Many tests compile the same program: JAX's cache in memory is per function
# object. Each worker process has its own cache folder, since JAX does not write
# its files atomically. The processes that a test starts use the same settings,
# so that they compute the same. JAX reads the variables when it is imported,
# which any other conftest.py may do.
COMPILED = tempfile.TemporaryDirectory(prefix="dlunits_compiled_")
os.environ.update(
    JAX_COMPILATION_CACHE_DIR=COMPILED.name,
    JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS="0",
    JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES="-1",
    JAX_DISABLE_MOST_OPTIMIZATIONS="1",
)


def pytest_unconfigure():
    COMPILED.cleanup()


@pytest.fixture(scope="session")
def project():
    """Folder of the checkout: apps and benchmarks are run from here."""
    return PROJECT


@pytest.fixture(scope="session")
def shared_data():
    """Folder of real data (MNIST, USPS, ...), see CONTRIBUTING.md."""
    folder = pathlib.Path(
        os.environ.get("DLUNITS_DATA", PROJECT / "../shared/data")
    ).resolve()
    if not folder.is_dir():
        pytest.skip(f"No data in {folder}: set DLUNITS_DATA to its folder.")
    return folder


@pytest.fixture(scope="session")
def color_modes(tmp_path_factory):
    """One gray image as files of many color modes, depths and orientations.

    Returns the folder, the image (uint8, 64x64, a dark L on light paper with
    a gradient) and, by file name, the largest error that the format causes.
    """
    import numpy as np
    import tensorflow as tf
    from PIL import Image

    folder = tmp_path_factory.mktemp("modes")
    image = np.add.outer(np.arange(64), np.arange(64)).astype("uint8")
    image = 255 - image // 4  # 224 ... 255
    image[12:52, 16:24] = image[44:52, 16:40] = 20
    gray = Image.fromarray(image)
    black = Image.fromarray(np.zeros_like(image))
    opacity = Image.fromarray(255 - image)
    deep = image[..., None].astype("uint16") * 257
    errors = {}

    def save(stored, name, error=0, **options):
        stored.save(folder / name, **options)
        errors[name] = error

    save(gray, "gray.png")
    save(gray.convert("RGB"), "rgb.png")
    save(gray.convert("RGB"), "rgb.jpg", 6, quality=95)
    save(Image.fromarray(deep[..., 0]), "gray16.png")
    save(Image.fromarray(deep[..., 0]), "gray16.tiff")
    save(Image.fromarray(image.astype("float32") / 255), "float.tiff")
    save(Image.merge("LA", (black, opacity)), "gray_alpha.png", 1)
    save(Image.merge("RGBA", (*[black] * 3, opacity)), "rgb_alpha.png", 1)
    save(gray.convert("CMYK"), "cmyk.tiff")
    save(gray.convert("CMYK"), "cmyk.jpg", 6, quality=95)
    save(
        gray.convert("RGB").convert("P", palette=Image.Palette.ADAPTIVE),
        "p.png",
    )
    # The palette is inverted; color 0, the lightest paper, is transparent.
    palette = Image.fromarray(255 - image, "P")
    palette.putpalette([255 - value // 3 for value in range(768)])
    save(palette, "p_transparent.png", transparency=0)
    for channels, name in ((2, "gray_alpha16.png"), (3, "rgb16.png")):
        pixels = np.repeat(deep, channels, axis=-1)
        if channels == 2:
            pixels[..., 0], pixels[..., 1] = 0, 65_535 - deep[..., 0]
        encoded = tf.io.encode_png(pixels).numpy()
        (folder / name).write_bytes(encoded)
        errors[name] = 1
    # The stored image is transformed; the EXIF orientation reverses it.
    inverse = {2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}
    methods = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    for orientation, undone in inverse.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = gray.transpose(methods[undone])
        for suffix, error in (("jpg", 6), ("png", 0)):
            name = f"turned{orientation}.{suffix}"
            save(stored, name, error, exif=exif)
    return folder, image, errors
