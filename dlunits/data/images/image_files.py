"""Image files in all common formats and color modes, read with Pillow."""

import contextlib
import dataclasses
import functools
import pathlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dlunits.atomic_files import atomic_write
from dlunits.paths import check_regular, expand_user
from dlunits.typing import Array, Path

if TYPE_CHECKING:
    from PIL import Image

MAX_MEGAPIXELS = 64.0
# Size above which Pillow reports a decompression bomb.
PILLOW_MEGAPIXELS = 178.9
MIN_SIDE = 28  # pixels
MAX_PAGES = 100  # images of a file that are read one by one
ORIENTATION = 0x0112  # EXIF tag
BITS_PER_SAMPLE = 258  # TIFF tag
MAX_SAMPLE_VALUE = 281  # TIFF tag
PNG_BIT_DEPTH = 24  # position of the byte in the header of a PNG file
# Bit depths of cameras and scanners, whose values are stored in 16 bits.
DEPTHS = (8, 10, 12, 14, 16)
# Smallest maximum of floats outside of [0, 1]. With a smaller maximum, it is
# not clear which value is white.
MIN_FLOAT_MAXIMUM = 64
# Formats whose other images belong to the first one: previews of some phones,
# and layers.
SINGLE_IMAGE_FORMATS = ("MPO", "PSD")
# Files that file managers write.
SYSTEM_FILES = {
    "Thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    "Icon\r",
    "__MACOSX",
}
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")


@dataclasses.dataclass(frozen=True, eq=False)
class DecodedImage:
    """Pixels of an image file, with its orientation applied.

    Args:
        pixels: uint8 or uint16 array `(height, width, channels)`. The channels
            are gray, gray and alpha, RGB, or RGB and alpha.
        profile: ICC color profile that the file contains, or `None`.
        significant_bits: Number of bits that the colors use: 8 for uint8, and
            8 to 16 for uint16; `None` for all bits of the type. White is
            `2**significant_bits - 1`. The alpha channel uses all bits.

    Example:

    >>> image = DecodedImage(np.array([[[51, 255]]], "uint8"))
    >>> image.has_alpha, image.colors.shape, f"{image.colors.item():.1f}"
    (True, (1, 1, 1), '0.2')
    >>> scan = DecodedImage(np.array([[[819]]], "uint16"), significant_bits=12)
    >>> f"{scan.colors.item():.1f}", scan.to_uint8().item()  # of 4,095
    ('0.2', 51)
    """

    pixels: Array
    profile: bytes | None = None
    significant_bits: int | None = None

    @property
    def bits(self) -> int:
        """Number of bits that the colors use."""
        return self.significant_bits or 8 * self.pixels.dtype.itemsize

    @property
    def white(self) -> int:
        """Value of the brightest color."""
        return 2**self.bits - 1

    @property
    def has_alpha(self) -> bool:
        """Whether the last channel is alpha."""
        return self.pixels.shape[-1] in (2, 4)

    @property
    def colors(self) -> Array:
        """Channels without alpha: float32 `(height, width, 1 or 3)`, 0 to 1."""
        colors = self.pixels[..., :-1] if self.has_alpha else self.pixels
        return colors.astype("float32") / self.white

    @property
    def alpha(self) -> Array | None:
        """Alpha channel `(height, width, 1)` as stored; `None` without one."""
        return self.pixels[..., -1:] if self.has_alpha else None

    def replace_colors(self, colors: Array) -> "DecodedImage":
        """Image with other colors, and the same scale, alpha and profile.

        Args:
            colors: Floats of the shape of `self.colors`. They are rounded to
                the scale of the image; values outside [0, 1] become 0 or 1.

        Returns:
            `DecodedImage`.

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
        pixels = np.round(np.clip(colors, 0, 1) * self.white)
        pixels = np.concatenate(
            [pixels.astype(self.pixels.dtype), *alpha], axis=-1
        )
        return dataclasses.replace(self, pixels=pixels)

    def to_uint8(self) -> Array:
        """Pixels with 8 bits per value: the upper 8 significant bits."""
        if self.pixels.dtype == "uint8":
            return self.pixels
        pixels = self.pixels >> (self.bits - 8)
        if self.has_alpha:
            pixels[..., -1] = self.pixels[..., -1] >> 8
        return pixels.astype("uint8")

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
    significant_bits: int | None = None,
    gray: bool = False,
    min_size: int | None = None,
    page: int | None = None,
    max_megapixels: float = MAX_MEGAPIXELS,
) -> DecodedImage:
    """Reads an image file in any format and color mode that Pillow supports.

    All apps read image files with this function.

    - The EXIF orientation is applied.
    - Transparency of any kind becomes an alpha channel.
    - Palettes, CMYK, YCbCr and the like become RGB; black and white becomes
      gray.
    - 16 bits per value are kept. Integers of 32 bits must lie between 0 and
      65,535; floats must lie between 0 and 1, or have a maximum from 64 to
      65,535. Both become 16 bits.
    - Files of 16 bits with 8, 10, 12 or 14 significant bits are recognized, see
      `find_significant_bits`.
    - HEIC files are read if the package `pillow-heif` is installed.

    Args:
        path: Path of the file.
        max_bits: 16 to keep the depth of the file, or 8 to read all files with
            8 bits per value, the upper 8 significant bits.
        significant_bits: Number of significant bits of files of 16 bits that
            do not declare it. `None` infers it from the largest value.
        gray: Whether only `DecodedImage.to_gray` is needed. Then only the
            luminance of JPEG files is decoded, which is faster.
        min_size: JPEG files may be decoded at 1/2, 1/4 or 1/8 of their size,
            as long as no side becomes shorter than this, in pixels. `None`
            decodes the full size.
        page: Number of the image, from 0, in a file with several images, such
            as a scan with several pages or an animation, see `count_pages`.
            With `None` such files are an error.
        max_megapixels: Largest number of pixels, in millions. Larger images
            are rejected before they are decoded.

    Returns:
        `DecodedImage`.

    Raises:
        ValueError: If the file cannot be read, or `significant_bits` is not
            one of 8, 10, 12, 14 and 16. The message is one line without the
            path.

    Example:

    >>> import tempfile
    >>> from PIL import Image
    >>> path = pathlib.Path(tempfile.mkdtemp(), "cyan.tiff")
    >>> Image.new("CMYK", (4, 3), (255, 0, 0, 0)).save(path)
    >>> image = read_image(path)
    >>> image.pixels.shape, image.pixels[0, 0].tolist()
    ((3, 4, 3), [0, 255, 255])
    """
    path = pathlib.Path(path)
    if significant_bits not in (None, *DEPTHS):
        raise ValueError(
            f"`significant_bits` must be one of {', '.join(map(str, DEPTHS))}. "
            f"Received: {significant_bits}"
        )
    with open_image(path) as image:
        if page is None:
            check_single(image)
        elif page:
            image.seek(page)
        check_size(image, max_megapixels)
        if gray or min_size:
            image.draft(
                "L" if gray else None,
                (min_size, min_size) if min_size else None,
            )
        decoded, _ = decode(image, path, significant_bits, max_bits)
    if max_bits > 8:
        return decoded
    return DecodedImage(decoded.to_uint8(), decoded.profile)


def count_pages(path: Path) -> int:
    """Number of images in a file: pages of a scan, frames of an animation.

    Args:
        path: Path of an image file.

    Returns:
        Integer of at least 1.

    Raises:
        ValueError: If the file cannot be read, as in `read_image`.

    Example:

    >>> import tempfile
    >>> from PIL import Image
    >>> path = pathlib.Path(tempfile.mkdtemp(), "gray.png")
    >>> Image.new("L", (4, 3)).save(path)
    >>> count_pages(path)
    1
    """
    with open_image(pathlib.Path(path)) as image:
        return num_images(image)


class ImagePage(NamedTuple):
    """One image of a file that may contain several.

    Attributes:
        path: Path of the file.
        number: Number of the image in the file, from 0.
        num_pages: Number of images in the file.

    Example:

    >>> ImagePage(pathlib.Path("scan.tiff"), number=1, num_pages=3).place
    {'file': 'scan.tiff', 'page': 2}
    """

    path: pathlib.Path
    number: int = 0
    num_pages: int = 1

    @property
    def place(self) -> dict[str, Any]:
        """File and, if it has several images, page from 1, for results."""
        page = {"page": self.number + 1} if self.num_pages > 1 else {}
        return {"file": str(self.path), **page}

    def read(self, **options: Any) -> DecodedImage:
        """Reads the image.

        Args:
            **options: As in `read_image`.

        Raises:
            ValueError: As in `read_image`, or if the file has too many images.
        """
        self.check_num_pages()
        return read_image(self.path, page=self.number, **options)

    def read_gray(
        self, image_size: int, significant_bits: int | None = None
    ) -> Array:
        """Reads the image as a square gray image, see `read_gray_image`.

        Raises:
            ValueError: As in `read`.
        """
        self.check_num_pages()
        return read_gray_image(
            self.path, image_size, significant_bits, self.number
        )

    def check_num_pages(self) -> None:
        """Raises ValueError if the file has too many images."""
        if self.num_pages > MAX_PAGES:
            raise ValueError(
                f"contains {self.num_pages:,} images, at most {MAX_PAGES} are "
                "read: save only those that you need"
            )


def find_pages(paths: Iterable[Path]) -> list[ImagePage]:
    """Lists all images of files, some of which may contain several.

    Args:
        paths: Image files.

    Returns:
        List of `ImagePage`. A file that cannot be read, or has more than 100
        images, is listed once; reading it raises the error.

    Example:

    >>> import tempfile
    >>> from PIL import Image
    >>> path = pathlib.Path(tempfile.mkdtemp(), "scan.tiff")
    >>> first, second = (Image.new("L", (4, 3), gray) for gray in (10, 20))
    >>> first.save(path, save_all=True, append_images=[second])
    >>> [page.read().pixels.max().item() for page in find_pages([path])]
    [10, 20]
    """
    pages = []
    for path in map(pathlib.Path, paths):
        try:
            count = count_pages(path)
        except ValueError:
            count = 1
        listed = count if count <= MAX_PAGES else 1
        pages += [ImagePage(path, number, count) for number in range(listed)]
    return pages


def find_significant_bits(paths: Iterable[Path]) -> int | None:
    """Infers the significant bits of image files that belong together.

    Cameras and scanners store 10, 12 or 14 bits in files of 16 bits. A file may
    declare the number: in the chunk `sBIT` of PNG, or the TIFF tag
    `BitsPerSample`. For all files of 16 bits that do not, the result is the
    smallest of 8, 10, 12, 14 and 16 bits that holds the largest value in any
    of them (or the TIFF tag `MaxSampleValue`), so that the values of different
    files are comparable.

    Args:
        paths: Image files. Those that cannot be read are ignored.

    Returns:
        Number of bits, for the argument `significant_bits` of `read_image`, or
        `None` if no file needs it.

    Example:

    >>> import tempfile
    >>> from PIL import Image
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for name, value in ("dark", 900), ("bright", 4_000):
    ...     pixels = np.full((3, 4), value, "uint16")
    ...     Image.fromarray(pixels).save(folder / f"{name}.png")
    >>> find_significant_bits(folder.iterdir())  # 4,000 <= 4,095 = 2^12 - 1
    12
    """
    found = []
    for path in map(pathlib.Path, paths):
        try:
            with open_image(path) as image:
                if is_deep(image, path):
                    check_size(image, PILLOW_MEGAPIXELS)
                    decoded, declared = decode(image, path)
                    found += [] if declared else [decoded.bits]
        except ValueError:
            continue
    return max(found, default=None)


def describe_bits(significant_bits: int | None) -> str:
    """Describes the scale of files of 16 bits, for messages and reports.

    Args:
        significant_bits: Result of `find_significant_bits`.

    Returns:
        A clause; `""` if all bits are significant.

    Example:

    >>> describe_bits(12)
    'values of 12 bits in files of 16: white is 4,095'
    >>> describe_bits(None), describe_bits(16)
    ('', '')
    """
    if significant_bits in (None, 16):
        return ""
    return (
        f"values of {significant_bits} bits in files of 16: white is "
        f"{2**significant_bits - 1:,}"
    )


@contextlib.contextmanager
def open_image(path: pathlib.Path) -> Iterator["Image.Image"]:
    """Opens an image file; all errors become ValueErrors of one line."""
    from PIL import Image, ImageFile

    register_heic()
    limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None  # `check_size` checks it before decoding
    try:
        check_regular(path)
        if path.stat().st_size == 0:
            raise ValueError("is empty")
        with Image.open(path) as image:
            # Pillow runs Ghostscript for EPS, and cannot decode the others.
            if image.format == "EPS" or isinstance(
                image, ImageFile.StubImageFile
            ):
                raise ValueError(
                    f"has the format {image.format}, which is not an image of "
                    "pixels: save it as PNG"
                )
            yield image
    except ValueError:
        raise
    except Image.UnidentifiedImageError:
        raise ValueError(describe_unknown(path)) from None
    except Exception as error:  # the decoders of Pillow raise many types
        reason = getattr(error, "strerror", None) or f"is damaged: {error}"
        reason = reason.splitlines()[0]
        raise ValueError(reason[0].lower() + reason[1:]) from None
    finally:
        Image.MAX_IMAGE_PIXELS = limit


@functools.cache
def register_heic() -> None:
    """Registers the HEIC decoder if the package `pillow-heif` is installed."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return
    register_heif_opener()


def describe_unknown(path: pathlib.Path) -> str:
    """Reason why a file is not an image, and what to do, in one line."""
    if is_system_file(path):
        return "was written by a file manager and is not an image"
    with path.open("rb") as file:
        head = file.read(1024)
    if head[4:8] == b"ftyp" and head[8:12] in HEIC_BRANDS:
        return (
            "is a HEIC image: install the package pillow-heif, which reads "
            "them, or convert it to JPEG"
        )
    if head.startswith(b"%PDF"):
        return "is a PDF document: save its pages as PNG"
    if b"<svg" in head:
        return "is an SVG drawing: save it as PNG"
    return "is not an image, or has a format that Pillow does not support"


def check_size(image: "Image.Image", max_megapixels: float) -> None:
    """Raises ValueError for images that are too large to decode.

    A side counts as at least `MIN_SIDE` pixels, because models pad images to
    the size that they were trained on.
    """
    height, width = max(image.height, MIN_SIDE), max(image.width, MIN_SIDE)
    megapixels = height * width / 1e6
    if megapixels > max_megapixels:
        raise ValueError(
            f"has {megapixels:.1f} megapixels, at most {max_megapixels:g} are "
            "read: scale it down or crop it"
        )


def num_images(image: "Image.Image") -> int:
    """Number of images in an opened file; previews and layers do not count.

    Args:
        image: Image opened with Pillow.

    Returns:
        Integer of at least 1.
    """
    if image.format in SINGLE_IMAGE_FORMATS:
        return 1
    return getattr(image, "n_frames", 1)


def check_single(image: "Image.Image") -> None:
    """Raises ValueError for files that contain several images."""
    if num_images(image) > 1:
        raise ValueError(
            f"contains {num_images(image)} images: save each as a separate file"
        )


# Decoding


def is_deep(image: "Image.Image", path: pathlib.Path) -> bool:
    """Whether an opened file has more than 8 bits that can be kept."""
    return is_deep_gray(image) or (
        image.format == "PNG" and png_bit_depth(path) == 16
    )


def is_deep_gray(image: "Image.Image") -> bool:
    """Whether Pillow decodes an opened file with more than 8 bits."""
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def decode(
    image: "Image.Image",
    path: pathlib.Path,
    significant_bits: int | None = None,
    max_bits: int = 16,
) -> tuple[DecodedImage, bool]:
    """Decodes an opened image and applies its orientation.

    Returns:
        `(image, is_certain)`: `DecodedImage`, and whether its scale is certain:
        it has 8 bits, or the file declares how many bits are significant.
    """
    from PIL import ImageOps

    profile = color_profile(image)
    if not is_deep(image, path):
        upright = ImageOps.exif_transpose(image)
        mode = "L" if upright.mode in ("1", "L", "LA", "La") else "RGB"
        mode += "A" * upright.has_transparency_data
        pixels = np.atleast_3d(np.asarray(upright.convert(mode)))
        check_lost_bits(image, pixels, max_bits)
        return DecodedImage(pixels, profile), True
    if is_deep_gray(image):
        values = np.asarray(ImageOps.exif_transpose(image))[..., None]
    else:
        values = decode_deep_png(image, path)
    if values.dtype.kind == "f" and values.max() <= 1:
        return DecodedImage(to_16_bits(values, 1), profile), True
    values = to_16_bits(values, 65_535)
    colors = values[..., :-1] if values.shape[-1] in (2, 4) else values
    if bits := declared_bits(image, path, colors):
        return DecodedImage(values, profile, bits), True
    maximum = int(colors.max())
    tag = tiff_tag(image, MAX_SAMPLE_VALUE, 0)
    held = max(maximum, tag if tag < 2**16 else 0)
    bits = significant_bits or smallest_depth(held)
    check_bits(maximum, bits)
    return DecodedImage(values, profile, bits), False


def check_lost_bits(image: "Image.Image", pixels: Array, max_bits: int) -> None:
    """Checks that 8 bits are enough, because Pillow drops the others of colors.

    Raises:
        ValueError: If more than 8 bits are needed: `max_bits` is larger, or
            values of 10 or 12 bits have become nearly black.
    """
    bits = tiff_tag(image, BITS_PER_SAMPLE, 8)
    if bits > 8 and (max_bits > 8 or pixels.max() < MIN_FLOAT_MAXIMUM):
        raise ValueError(
            f"has colors of {bits} bits in a {image.format} file: save it as "
            "PNG"
        )


def decode_deep_png(image: "Image.Image", path: pathlib.Path) -> Array:
    """Decodes a PNG file with 16 bits per color and applies its orientation.

    TensorFlow decodes it, because Pillow keeps only the upper 8 bits. Pillow
    applies the orientation to the indices of the pixels.
    """
    import tensorflow as tf
    from PIL import Image, ImageOps

    if image.tell():
        raise ValueError("is an animation with 16 bits: save it with 8 bits")
    pixels = tf.io.decode_png(path.read_bytes(), dtype=tf.uint16).numpy()
    height, width, channels = pixels.shape
    order = np.arange(height * width, dtype="int32").reshape(height, width)
    indices = Image.fromarray(order)
    indices.getexif()[ORIENTATION] = image.getexif().get(ORIENTATION, 1)
    order = np.asarray(ImageOps.exif_transpose(indices))
    return pixels.reshape(-1, channels)[order]


def to_16_bits(values: Array, white: int) -> Array:
    """Scales numbers from 0 to `white`, which is 1 or 65,535, to uint16.

    >>> to_16_bits(np.array([0.0, 0.25, 1.0]), 1).tolist()
    [0, 16384, 65535]
    """
    if not ((values >= 0) & (values <= white)).all() or (
        values.dtype.kind == "f" and 1 < values.max() < MIN_FLOAT_MAXIMUM
    ):  # also if NaN
        expected = "between 0 and 65,535"
        if values.dtype.kind == "f":
            expected = (
                "between 0 and 1, nor between 0 and 65,535 with a maximum of "
                f"at least {MIN_FLOAT_MAXIMUM}"
            )
        raise ValueError(
            f"has pixels that do not lie {expected}: {values.min():g} to "
            f"{values.max():g}"
        )
    return np.round(values * (65_535 / white)).astype("uint16")


# Significant bits


def tiff_tag(image: "Image.Image", tag: int, default: int) -> int:
    """Value of a TIFF tag of an opened file; the largest if it has several."""
    return int(np.max(getattr(image, "tag_v2", {}).get(tag, default)))


def smallest_depth(maximum: int) -> int:
    """Smallest bit depth of cameras and scanners that holds a value.

    >>> smallest_depth(255), smallest_depth(256), smallest_depth(3_520)
    (8, 10, 12)
    """
    return next(depth for depth in DEPTHS if maximum < 2**depth)


def check_bits(maximum: int, significant_bits: int) -> None:
    """Raises ValueError for values that need more bits."""
    if maximum >= 2**significant_bits:
        raise ValueError(
            f"has values up to {maximum:,}. Expected at most "
            f"{2**significant_bits - 1:,}, {significant_bits} bits, as in the "
            "images that it belongs to"
        )


def declared_bits(
    image: "Image.Image", path: pathlib.Path, colors: Array
) -> int | None:
    """Significant bits that a file of 16 bits declares, or `None`.

    The specification of PNG requires that values of `sBIT` bits are scaled to
    16 bits. Not all programs do so: if all values fit in `sBIT` bits, they were
    not scaled.
    """
    if image.format == "PNG":
        bits = max(png_chunk(path, b"sBIT")[: colors.shape[-1]], default=0)
        if not 8 <= bits <= 16:
            return None
        return bits if colors.max() < 2**bits else 16
    if image.format == "TIFF":
        bits = tiff_tag(image, BITS_PER_SAMPLE, 16)
        return bits if 8 < bits < 16 else None
    # Pillow scales the values of PGM files to 16 bits.
    return 16 if image.format == "PPM" else None


def png_bit_depth(path: pathlib.Path) -> int:
    """Bits per value of a PNG file, from its header."""
    with path.open("rb") as file:
        return file.read(PNG_BIT_DEPTH + 1)[PNG_BIT_DEPTH]


def png_chunk(path: pathlib.Path, name: bytes) -> bytes:
    """Data of a chunk before the pixels of a PNG file; empty without it."""
    with path.open("rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8 and head[4:] != b"IDAT":
            size = int.from_bytes(head[:4])
            if head[4:] == name:
                return file.read(size)
            file.seek(size + 4, 1)
    return b""


def color_profile(image: "Image.Image") -> bytes | None:
    """ICC profile, unless decoding converts the colors to another space."""
    if image.mode not in ("L", "LA", "RGB", "RGBA", "P"):
        return None
    return image.info.get("icc_profile")


def to_pillow(pixels: Array) -> "Image.Image":
    """Converts pixels to a Pillow image.

    Args:
        pixels: uint8 `(height, width, channels)`, with 1 to 4 channels.

    Returns:
        `PIL.Image.Image`.
    """
    from PIL import Image

    return Image.fromarray(
        pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels
    )


def read_gray_image(
    path: Path,
    image_size: int,
    significant_bits: int | None = None,
    page: int | None = None,
) -> Array:
    """Reads an image file as a square gray image.

    Color becomes luminance and transparency becomes white, see
    `DecodedImage.to_gray`. The image is resized with its aspect ratio kept; the
    margins on two sides are filled with the median gray of its border. A gray
    image of exactly that size is not changed.

    Args:
        path: Path of the file.
        image_size: Height and width of the result, in pixels.
        significant_bits, page: As in `read_image`.

    Returns:
        uint8 array `(image_size, image_size, 1)`.

    Raises:
        ValueError: If the file cannot be read. The message is one line without
            the path.

    Example:

    >>> import tempfile
    >>> from PIL import Image
    >>> path = pathlib.Path(tempfile.mkdtemp(), "gray.png")
    >>> Image.new("L", (50, 40), 99).save(path)
    >>> image = read_gray_image(path, image_size=28)
    >>> image.shape, image[0, 0].item()
    ((28, 28, 1), 99)
    """
    from PIL import Image, ImageOps

    pixels = read_image(
        path,
        max_bits=8,
        significant_bits=significant_bits,
        gray=True,
        min_size=2 * image_size,
        page=page,
        max_megapixels=PILLOW_MEGAPIXELS,
    ).to_gray()
    border = [pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]
    background = int(np.median(np.concatenate(border)))
    resized = ImageOps.pad(
        Image.fromarray(pixels), (image_size, image_size), color=background
    )
    return np.asarray(resized)[..., None]


def read_rgb_image(
    path: Path,
    image_size: int,
    significant_bits: int | None = None,
    page: int | None = None,
) -> Array:
    """Reads the central square of an image file in color.

    The image is scaled until its shorter side has `image_size` pixels, and both
    ends of its longer side are cut off. Transparency becomes white, and gray
    becomes three equal colors.

    Args:
        path: Path of the file.
        image_size: Height and width of the result, in pixels.
        significant_bits, page: As in `read_image`.

    Returns:
        uint8 array `(image_size, image_size, 3)`.

    Raises:
        ValueError: If the file cannot be read. The message is one line without
            the path.

    Reference: Krizhevsky, Sutskever and Hinton, 2012, "ImageNet classification
    with deep convolutional neural networks", section 2.

    Example:

    The middle of three pixels.

    >>> import tempfile
    >>> from PIL import Image
    >>> path = pathlib.Path(tempfile.mkdtemp(), "row.png")
    >>> Image.fromarray(np.array([[0, 99, 255]], "uint8")).save(path)
    >>> read_rgb_image(path, image_size=1).tolist()
    [[[99, 99, 99]]]
    """
    from PIL import Image

    image = to_pillow(
        read_image(
            path,
            max_bits=8,
            significant_bits=significant_bits,
            min_size=2 * image_size,
            page=page,
            max_megapixels=PILLOW_MEGAPIXELS,
        ).pixels
    ).convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    colors = Image.alpha_composite(white, image)
    return central_square(np.asarray(colors)[..., :3], image_size)


def central_square(pixels: Array, image_size: int) -> Array:
    """Central square of an image, resized, in color.

    Args:
        pixels: uint8 array `(height, width, 1 or 3)`.
        image_size: Height and width of the result, in pixels.

    Returns:
        uint8 array `(image_size, image_size, 3)`.

    Example:

    >>> gray = np.array([[[10], [20], [30]]], "uint8")
    >>> central_square(gray, 1).tolist()
    [[[20, 20, 20]]]
    """
    from PIL import Image, ImageOps

    colors = to_pillow(pixels).convert("RGB")
    return np.asarray(
        ImageOps.fit(
            colors, (image_size, image_size), Image.Resampling.BILINEAR
        )
    )


@dataclasses.dataclass(frozen=True, eq=False)
class GrayImages:
    """Square gray images of files, and a list of files that cannot be read.

    Args:
        images: List of uint8 arrays `(image_size, image_size, 1)`.
        files: File of each image.
        problems: Dict from file to the reason why it cannot be read.
        significant_bits: Significant bits of the files of 16 bits, see
            `find_significant_bits`, or `None`.
    """

    images: list[Array]
    files: list[pathlib.Path]
    problems: dict[pathlib.Path, str]
    significant_bits: int | None


def read_gray_images(
    paths: Iterable[Path],
    image_size: int,
    significant_bits: int | None = None,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> GrayImages:
    """Reads image files that belong together as square gray images.

    Args:
        paths: Image files.
        image_size: Height and width of the images, in pixels.
        significant_bits: As in `read_image`. `None` calls
            `find_significant_bits`.
        progress: Called after each file with the number of files read so far
            and the number of all files.

    Returns:
        `GrayImages`.

    Example:

    >>> import tempfile
    >>> from PIL import Image
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> Image.new("L", (50, 40), 99).save(folder / "a.png")
    >>> _ = (folder / "b.png").write_text("no image")
    >>> found = read_gray_images(sorted(folder.iterdir()), image_size=28)
    >>> found.images[0].shape, [file.name for file in found.problems]
    ((28, 28, 1), ['b.png'])
    """
    every = [pathlib.Path(path) for path in paths]
    if significant_bits is None:
        significant_bits = find_significant_bits(every)
    found = GrayImages([], [], {}, significant_bits)
    for done, file in enumerate(every, 1):
        try:
            image = read_gray_image(file, image_size, significant_bits)
        except ValueError as error:
            found.problems[file] = str(error)
        else:
            found.images.append(image)
            found.files.append(file)
        progress(done, len(every))
    return found


def write_image(path: Path, image: DecodedImage) -> None:
    """Writes an image as a PNG file, with its bit depth, alpha and profile.

    The file is replaced atomically. The profile is written only with 8 bits
    per value. An image of 8 bits is written as a JPEG file without alpha if
    the suffix of the path is `.jpg` or `.jpeg`.

    Args:
        path: Path of the file, in a folder that exists. An existing file is
            replaced.
        image: Image to write.

    Raises:
        OSError: If the file cannot be written.

    Example:

    >>> import tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "deep.png")
    >>> write_image(path, DecodedImage(np.full((1, 2, 3), 65_535, "uint16")))
    >>> read_image(path).pixels.max().item()
    65535
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


def is_system_file(path: pathlib.Path) -> bool:
    """Whether a file or folder is hidden, or was written by a file manager.

    >>> [is_system_file(pathlib.Path(name)) for name in ("Thumbs.db", "a.png")]
    [True, False]
    """
    return path.name.startswith(".") or path.name in SYSTEM_FILES


def list_visible(folder: pathlib.Path) -> list[pathlib.Path]:
    """Sorted entries of a folder without hidden and system files.

    Args:
        folder: Path of the folder.

    Returns:
        List of paths of files and folders.

    Raises:
        OSError: If the folder cannot be read.

    Example:

    >>> import tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for name in "b.png", "a.png", ".hidden", "Thumbs.db":
    ...     (folder / name).touch()
    >>> [path.name for path in list_visible(folder)]
    ['a.png', 'b.png']
    """
    return sorted(p for p in folder.iterdir() if not is_system_file(p))


def find_image_files(paths: Iterable[Path]) -> list[pathlib.Path]:
    """Expands folders to the files in them.

    Args:
        paths: Files and folders. A folder is replaced by its files, sorted by
            name, without subfolders, hidden files and those of file managers.
            Paths that do not exist are kept.

    Returns:
        List of paths of files without duplicates.

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
            inside = list_visible(path)
            files |= {p: None for p in inside if p.is_file()}
        else:
            files[path] = None
    if not files:
        raise ValueError(f"No files in {', '.join(map(str, expanded))}")
    return list(files)
