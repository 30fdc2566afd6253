"""Image files in all common formats and color modes, read with Pillow."""

import dataclasses
import pathlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from dlunits.atomic_files import atomic_write
from dlunits.paths import check_regular, expand_user
from dlunits.typing import Array, Path

if TYPE_CHECKING:
    from PIL import Image

MAX_MEGAPIXELS = 64.0
# What Pillow itself accepts before it reports a decompression bomb.
PILLOW_MEGAPIXELS = 178.9
MIN_SIDE = 28  # pixels
ORIENTATION = 0x0112  # EXIF tag
PNG_BIT_DEPTH = 24  # place of the byte in the header of a PNG file


@dataclasses.dataclass(frozen=True, eq=False)
class DecodedImage:
    """Pixels of an image file, with its orientation applied.

    Args:
        pixels: uint8 or uint16 array `(height, width, channels)`. The channels
            are gray, gray and alpha, RGB, or RGB and alpha.
        profile: ICC color profile that the file contains, or `None`.

    Example:

    >>> image = DecodedImage(np.array([[[51, 255]]], "uint8"))
    >>> image.has_alpha, image.colors.shape, f"{image.colors.item():.1f}"
    (True, (1, 1, 1), '0.2')
    """

    pixels: Array
    profile: bytes | None = None

    @property
    def has_alpha(self) -> bool:
        """Whether the last channel is alpha."""
        return self.pixels.shape[-1] in (2, 4)

    @property
    def colors(self) -> Array:
        """Channels without alpha: float32 `(height, width, 1 or 3)`, 0 to 1."""
        colors = self.pixels[..., :-1] if self.has_alpha else self.pixels
        return colors.astype("float32") / np.iinfo(colors.dtype).max

    @property
    def alpha(self) -> Array | None:
        """Alpha channel `(height, width, 1)` as stored; `None` without one."""
        return self.pixels[..., -1:] if self.has_alpha else None

    def replace_colors(self, colors: Array) -> "DecodedImage":
        """Image with other colors, and the same depth, alpha and profile.

        Args:
            colors: Floats of the shape of `self.colors`. They are rounded to
                the depth of the image; values outside [0, 1] become 0 or 1.

        Raises:
            ValueError: If a value is NaN or infinite, or the shape differs.
        """
        if not np.isfinite(colors).all():
            raise ValueError("has pixels that are not finite numbers")
        alpha = [] if self.alpha is None else [self.alpha]
        expected = (*self.pixels.shape[:2], self.pixels.shape[2] - len(alpha))
        if colors.shape != expected:
            raise ValueError(
                f"`colors` must have the shape {expected}. Received: "
                f"{colors.shape}"
            )
        dtype = self.pixels.dtype
        pixels = np.round(np.clip(colors, 0, 1) * np.iinfo(dtype).max)
        pixels = np.concatenate([pixels.astype(dtype), *alpha], axis=-1)
        return dataclasses.replace(self, pixels=pixels)

    def to_uint8(self) -> Array:
        """Pixels with 8 bits per value: the upper 8 of 16."""
        if self.pixels.dtype == "uint8":
            return self.pixels
        return (self.pixels >> 8).astype("uint8")

    def to_gray(self) -> Array:
        """Luminance (ITU-R BT.601) over a white background.

            L = 0.299 R + 0.587 G + 0.114 B

        Returns:
            uint8 array `(height, width)`.

        Example:

        >>> red = np.array([[[255, 0, 0]]], "uint8")
        >>> DecodedImage(red).to_gray().item()  # 0.299 * 255
        76
        """
        from PIL import Image

        image = to_pillow(self.to_uint8())
        if self.has_alpha:
            white = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(white, image.convert("RGBA"))
        return np.asarray(image.convert("L"))


def read_image(
    path: Path,
    *,
    max_bits: int = 16,
    gray: bool = False,
    min_size: int | None = None,
    first_frame: bool = False,
    max_megapixels: float = MAX_MEGAPIXELS,
) -> DecodedImage:
    """Reads an image file in any format and color mode that Pillow knows.

    All apps read image files with this function.

    - The EXIF orientation is applied.
    - Transparency of any kind becomes an alpha channel.
    - Palettes, CMYK, YCbCr and the like become RGB; black and white becomes
      gray.
    - 16 bits per value are kept. Integers of 32 bits must lie between 0 and
      65,535, floats between 0 and 1; both become 16 bits.

    Args:
        path: Path of the file.
        max_bits: 16 to keep the depth of the file, or 8 to read all files with
            8 bits per value, the upper 8 of 16.
        gray: Whether only `DecodedImage.to_gray` is needed. Then only the
            luminance of JPEG files is decoded, which is faster.
        min_size: JPEG files may be decoded at 1/2, 1/4 or 1/8 of their size,
            as long as no side becomes shorter than this, in pixels. Default:
            full size.
        first_frame: Whether to read the first image of a file that contains
            several, such as an animated GIF. By default it is refused.
        max_megapixels: Larger images are refused before they are decoded.

    Returns:
        `DecodedImage`.

    Raises:
        ValueError: If the file cannot be read. The message is one line without
            the path.

    Example:

    >>> import tempfile
    >>> from PIL import Image
    >>> path = pathlib.Path(tempfile.mkdtemp(), "cyan.tiff")
    >>> Image.new("CMYK", (4, 3), (255, 0, 0, 0)).save(path)
    >>> image = read_image(path)
    >>> image.pixels.shape, image.pixels[0, 0].tolist()
    ((3, 4, 3), [0, 255, 255])
    """
    from PIL import Image

    path = pathlib.Path(path)
    limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None  # checked here, before pixels are decoded
    try:
        check_regular(path)
        if path.stat().st_size == 0:
            raise ValueError("is empty")
        with Image.open(path) as image:
            check_size(image, max_megapixels)
            if not first_frame:
                check_frames(image)
            if gray or min_size:
                image.draft(
                    "L" if gray else None,
                    (min_size, min_size) if min_size else None,
                )
            pixels = decode_pixels(image, path, max_bits)
            return DecodedImage(pixels, color_profile(image))
    except ValueError:
        raise
    except Image.UnidentifiedImageError:
        raise ValueError(
            "is not an image, or has a format that Pillow does not know"
        ) from None
    except Exception as error:  # Pillow's decoders raise many types
        reason = getattr(error, "strerror", None) or f"is damaged: {error}"
        reason = reason.splitlines()[0]
        raise ValueError(reason[0].lower() + reason[1:]) from None
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def check_size(image: "Image.Image", max_megapixels: float) -> None:
    """Raises ValueError for images that are too large to decode.

    A side counts as `MIN_SIDE` pixels at least: models pad images to the size
    that they were trained on.
    """
    height, width = max(image.height, MIN_SIDE), max(image.width, MIN_SIDE)
    megapixels = height * width / 1e6
    if megapixels > max_megapixels:
        raise ValueError(
            f"has {megapixels:.1f} megapixels, at most {max_megapixels:g} are "
            "read: scale it down or crop it"
        )


def check_frames(image: "Image.Image") -> None:
    """Raises ValueError for files that contain several images."""
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # the format of some phones
        raise ValueError(
            f"contains {frames} images: save each as a file of its own"
        )


def decode_pixels(
    image: "Image.Image", path: pathlib.Path, max_bits: int
) -> Array:
    """Pixels `(height, width, channels)` of an opened image, upright."""
    from PIL import ImageOps

    deep_gray = image.mode in ("I", "F") or image.mode.startswith("I;16")
    if deep_gray:
        upright = ImageOps.exif_transpose(image)
        pixels = to_16_bits(np.asarray(upright))[..., None]
        return pixels if max_bits > 8 else (pixels >> 8).astype("uint8")
    if max_bits > 8:
        if image.format == "PNG" and png_bit_depth(path) == 16:
            return decode_deep_png(image, path)
        bits = max(getattr(image, "tag_v2", {}).get(258, (8,)))
        if bits > 8:
            raise ValueError(
                f"has colors of {bits} bits in a {image.format} file: save it "
                "as PNG"
            )
    upright = ImageOps.exif_transpose(image)
    mode = "L" if upright.mode in ("1", "L", "LA", "La") else "RGB"
    mode += "A" * upright.has_transparency_data
    return np.atleast_3d(np.asarray(upright.convert(mode)))


def decode_deep_png(image: "Image.Image", path: pathlib.Path) -> Array:
    """Pixels of a PNG file with 16 bits per color, upright.

    Pillow keeps the upper 8 bits of these only, therefore TensorFlow decodes
    them. The orientation is applied by Pillow to the indices of the pixels.
    """
    import tensorflow as tf
    from PIL import Image, ImageOps

    pixels = tf.io.decode_png(path.read_bytes(), dtype=tf.uint16).numpy()
    height, width, channels = pixels.shape
    order = np.arange(height * width, dtype="int32").reshape(height, width)
    indices = Image.fromarray(order)
    indices.getexif()[ORIENTATION] = image.getexif().get(ORIENTATION, 1)
    order = np.asarray(ImageOps.exif_transpose(indices))
    return pixels.reshape(-1, channels)[order]


def png_bit_depth(path: pathlib.Path) -> int:
    """Bits per value of a PNG file, from its header."""
    with path.open("rb") as file:
        return file.read(PNG_BIT_DEPTH + 1)[PNG_BIT_DEPTH]


def to_16_bits(values: Array) -> Array:
    """Integers from 0 to 65,535, or floats from 0 to 1, as uint16.

    >>> to_16_bits(np.array([0.0, 0.25, 1.0])).tolist()
    [0, 16384, 65535]
    """
    maximum = 1 if values.dtype.kind == "f" else 65_535
    if not ((values >= 0) & (values <= maximum)).all():  # also if NaN
        raise ValueError(
            f"has pixels that do not lie between 0 and {maximum:,}: "
            f"{values.min()} to {values.max()}"
        )
    return np.round(values * (65_535 / maximum)).astype("uint16")


def color_profile(image: "Image.Image") -> bytes | None:
    """ICC profile, if the colors keep their meaning when they are decoded."""
    if image.mode not in ("L", "LA", "RGB", "RGBA", "P"):
        return None
    return image.info.get("icc_profile")


def to_pillow(pixels: Array) -> "Image.Image":
    """Pillow image of uint8 pixels `(height, width, channels)`."""
    from PIL import Image

    return Image.fromarray(
        pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels
    )


def read_gray_image(path: Path, image_size: int) -> Array:
    """Reads an image file as a square gray image.

    Color becomes luminance and transparency becomes white, see
    `DecodedImage.to_gray`. The image is resized with its aspect ratio kept; the
    margins on two sides are filled with the median gray of its border. A gray
    image of exactly that size keeps all its pixels.

    Args:
        path: Path of the file.
        image_size: Height and width of the result, in pixels.

    Returns:
        uint8 array `(image_size, image_size, 1)`.

    Raises:
        ValueError: If the file cannot be read. The message is one line without
            the path.
    """
    from PIL import Image, ImageOps

    pixels = read_image(
        path,
        max_bits=8,
        gray=True,
        min_size=2 * image_size,
        first_frame=True,
        max_megapixels=PILLOW_MEGAPIXELS,
    ).to_gray()
    border = [pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]
    background = int(np.median(np.concatenate(border)))
    resized = ImageOps.pad(
        Image.fromarray(pixels), (image_size, image_size), color=background
    )
    return np.asarray(resized)[..., None]


def write_image(path: Path, image: DecodedImage) -> None:
    """Writes a PNG file with the depth, alpha and profile of the image.

    The file is replaced atomically. The profile is written with 8 bits per
    value only. An image of 8 bits is written as a JPEG file without alpha if
    the suffix of the path is `.jpg` or `.jpeg`.

    Args:
        path: Path of the file, in a folder that exists. An existing file is
            replaced.
        image: Image to write.

    Raises:
        OSError: If the file cannot be written.
    """
    with atomic_write(path) as file:
        if image.pixels.dtype == "uint16":  # Pillow cannot write such colors
            import tensorflow as tf

            file.write(tf.io.encode_png(image.pixels).numpy())
            return
        pillow_image = to_pillow(image.pixels)
        if pathlib.Path(path).suffix.lower() in (".jpg", ".jpeg"):
            gray = pillow_image.mode in ("L", "LA")
            pillow_image.convert("L" if gray else "RGB").save(
                file, "JPEG", quality=95, icc_profile=image.profile
            )
        else:
            pillow_image.save(file, "PNG", icc_profile=image.profile)


def find_image_files(paths: Iterable[Path]) -> list[pathlib.Path]:
    """Lists files, and the files in folders.

    Args:
        paths: Files and folders. A folder stands for its files, sorted by
            name, without hidden files and subfolders. Paths that do not exist
            are kept.

    Returns:
        Paths of files without duplicates.

    Raises:
        ValueError: If there is no file.

    Example:

    >>> find_image_files(["b.png", "a.png", "b.png"])
    [PosixPath('b.png'), PosixPath('a.png')]
    """
    expanded = [expand_user(path) for path in paths]
    files: dict[pathlib.Path, None] = {}
    for path in expanded:
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.is_file())
            files |= {p: None for p in inside if not p.name.startswith(".")}
        else:
            files[path] = None
    if not files:
        raise ValueError(f"No files in {', '.join(map(str, expanded))}")
    return list(files)
