"""Image files of any kind to pixels in [0, 1], and back to PNG."""

import dataclasses
import pathlib

import numpy as np
import tensorflow as tf

from dlunits.atomic_files import atomic_write

MEGAPIXELS = 64  # a larger image is not decoded

# EXIF orientation -> what turns the stored image upright.
UPRIGHT = {
    2: np.fliplr,
    3: lambda x: np.rot90(x, 2),
    4: np.flipud,
    5: lambda x: np.swapaxes(x, 0, 1),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: np.swapaxes(np.rot90(x, 2), 0, 1),
    8: np.rot90,
}


@dataclasses.dataclass(frozen=True)
class DecodedImage:
    """What an image file shows, upright.

    Args:
        colors: `(height, width, 1 or 3)`, float32 in [0, 1].
        alpha: `(height, width, 1)`, how opaque each pixel is, as the file has
            it, or `None`.
        dtype: `"uint8"` or `"uint16"`, the file's depth.
        profile: Bytes of the ICC profile, what the colors mean, or `None`.
    """

    colors: np.ndarray
    alpha: np.ndarray | None = None
    dtype: str = "uint8"
    profile: bytes | None = None


def read_image(path):
    """Reads an image as it is meant to be seen, at its full depth.

    It is turned upright as its EXIF tag says. What is transparent stays in
    `alpha`. Palettes, CMYK and the like become RGB. 16 bits a pixel are kept;
    floats must lie in [0, 1] and count as 16 bits.

    Args:
        path: `pathlib.Path` of an image file of a kind that Pillow reads.

    Returns:
        `DecodedImage`.

    Raises:
        ValueError: With one line that says what is wrong with the file.
    """
    from PIL import Image

    limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None  # checked here, from the header alone
    try:
        if path.stat().st_size == 0:
            raise ValueError("is empty")
        with Image.open(path) as image:
            width, height = image.size
            if width * height > MEGAPIXELS * 1_000_000:
                raise ValueError(
                    f"has {width * height / 1e6:.1f} megapixels, at most "
                    f"{MEGAPIXELS} are read: cut it in parts"
                )
            frames = getattr(image, "n_frames", 1)
            if frames > 1 and image.format != "MPO":  # a phone's photo
                raise ValueError(
                    f"holds {frames} images: save each as a file of its own"
                )
            pixels, has_alpha = pixels_of(image, path)
            orientation = image.getexif().get(0x0112, 1)
            profile = image.info.get("icc_profile")
            if image.mode not in ("L", "LA", "RGB", "RGBA", "P"):
                profile = None
    except ValueError:
        raise
    except Image.UnidentifiedImageError:
        raise ValueError("is not an image, or of a kind unknown here") from None
    except Exception as error:  # Pillow's decoders raise many kinds
        reason = getattr(error, "strerror", None) or f"is damaged: {error}"
        reason = reason.splitlines()[0]
        raise ValueError(reason[0].lower() + reason[1:]) from None
    finally:
        Image.MAX_IMAGE_PIXELS = limit
    pixels = UPRIGHT.get(orientation, np.asarray)(pixels)
    alpha = None
    if has_alpha:
        pixels, alpha = pixels[..., :-1], pixels[..., -1:]
    return DecodedImage(
        pixels.astype("float32") / np.iinfo(pixels.dtype).max,
        alpha,
        pixels.dtype.name,
        profile,
    )


def pixels_of(image, path):
    """Pixels `(height, width, channels)`, and whether the last is alpha."""
    if image.format == "PNG" and bit_depth(path) == 16:
        # Pillow would give colors 8 bits.
        pixels = tf.io.decode_png(path.read_bytes(), dtype=tf.uint16).numpy()
        return pixels, pixels.shape[-1] in (2, 4)
    bits = getattr(image, "tag_v2", {}).get(258, (8,))
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return as_16_bits(np.asarray(image))[..., None], False
    if max(bits) > 8:
        raise ValueError(
            f"has colors of {max(bits)} bits in a {image.format} file: save "
            "it as PNG"
        )
    has_alpha = image.has_transparency_data
    gray = image.mode in ("1", "L", "LA", "La")
    image = image.convert(("L" if gray else "RGB") + "A" * has_alpha)
    return np.atleast_3d(np.asarray(image)), has_alpha


def bit_depth(path):
    """Bits a value of a PNG file, byte 24 of its header."""
    with path.open("rb") as file:
        return file.read(25)[24]


def as_16_bits(values):
    """Integers from 0 to 65,535 or floats in [0, 1] -> uint16."""
    most = 1 if values.dtype.kind == "f" else 65_535
    if not ((values >= 0) & (values <= most)).all():  # NaN neither
        raise ValueError(
            f"has pixels that do not lie between 0 and {most:,}: "
            f"{values.min()} to {values.max()}"
        )
    return np.round(values * (65_535 / most)).astype("uint16")


def write_image(path, image):
    """Writes a PNG file, whole or not at all.

    It has the depth, the transparency and, at 8 bits, the ICC profile that
    the image was read with.

    Args:
        path: `pathlib.Path` of the file, in a folder that exists. A file
            that was there before is replaced.
        image: `DecodedImage`.

    Raises:
        OSError: If it cannot be written.
        ValueError: If a pixel is not finite.
    """
    if not np.isfinite(image.colors).all():
        raise ValueError("has pixels that are not finite numbers")
    most = np.iinfo(image.dtype).max
    pixels = np.clip(image.colors, 0, 1) * most
    pixels = np.round(pixels).astype(image.dtype)
    if image.alpha is not None:
        pixels = np.concatenate([pixels, image.alpha], axis=-1)
    with atomic_write(path) as file:
        if image.dtype == "uint16":  # colors too, which Pillow has not
            file.write(tf.io.encode_png(pixels).numpy())
            return
        from PIL import Image

        encoded = Image.fromarray(
            pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels
        )
        encoded.save(file, "PNG", icc_profile=image.profile)


def find_image_files(places):
    """Names every file that is meant, in order: files, and those of folders.

    Args:
        places: Iterable of paths. Of a folder, its files are taken, without
            hidden ones and those in further folders. What is not there is
            named all the same, for the reader to say so.

    Returns:
        List of `pathlib.Path`, none twice.

    Raises:
        ValueError: If that is no file at all.

    Example:

    >>> find_image_files(["b.png", "a.png", "b.png"])
    [PosixPath('b.png'), PosixPath('a.png')]
    """
    files = {}
    for place in places:
        path = pathlib.Path(place).expanduser()
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.is_file())
            files |= {p: None for p in inside if not p.name.startswith(".")}
        else:
            files[path] = None
    if not files:
        raise ValueError(f"No files in {', '.join(map(str, places))}")
    return list(files)
