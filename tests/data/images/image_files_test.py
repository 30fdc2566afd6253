"""Image files in all color modes and formats, read and written."""

import struct
import zlib

import numpy as np
import PIL
import pytest
from PIL import Image, ImageOps

from dlunits.data.images.image_files import (
    DecodedImage,
    count_pages,
    find_image_files,
    find_significant_bits,
    read_gray_image,
    read_image,
    write_image,
)

ORIENTATION = 0x0112


def pixels(*shape, dtype="uint8"):
    most = np.iinfo(dtype).max
    rng = np.random.default_rng(0)
    return rng.integers(0, most, shape, dtype, endpoint=True)


def save(path, array, **options):
    Image.fromarray(array).save(path, **options)
    return path


def png(path, array, exif=None):
    """Writes a PNG with 16 bits per color, which Pillow cannot do."""
    height, width, channels = array.shape

    def chunk(kind, data):
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    color_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0)
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in array)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + (chunk(b"eXIf", exif.tobytes()[6:]) if exif else b"")
        + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )
    return path


@pytest.mark.parametrize(
    "shape", [(5, 7), (5, 7, 2), (5, 7, 3), (5, 7, 4), (1, 1)]
)
def test_eight_bits_survive_a_round_trip(shape, tmp_path):
    before = pixels(*shape)
    image = read_image(save(tmp_path / "a.png", before))
    assert image.colors.shape == (*shape[:2], 3 if shape[2:] > (2,) else 1)
    assert image.colors.max() <= 1
    write_image(tmp_path / "b.png", image)
    np.testing.assert_array_equal(Image.open(tmp_path / "b.png"), before)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bits_survive_a_round_trip(channels, tmp_path):
    before = pixels(5, 7, channels, dtype="uint16")
    image = read_image(png(tmp_path / "a.png", before))
    assert image.pixels.dtype == "uint16"
    np.testing.assert_allclose(
        image.colors[..., 0], before[..., 0] / 65_535, rtol=1e-6
    )
    write_image(tmp_path / "b.png", image)
    again = read_image(tmp_path / "b.png")
    np.testing.assert_array_equal(again.colors, image.colors)
    if channels in (2, 4):
        np.testing.assert_array_equal(again.alpha[..., 0], before[..., -1])
    else:
        assert again.alpha is None


def test_transparency_becomes_an_alpha_channel(tmp_path):
    before = pixels(5, 7, 4)
    image = read_image(save(tmp_path / "a.png", before))
    np.testing.assert_array_equal(image.alpha, before[..., 3:])
    np.testing.assert_allclose(image.colors, before[..., :3] / 255)


@pytest.mark.parametrize("name", ["a.tiff", "a.png"])
def test_sixteen_bit_scans_keep_their_depth(name, tmp_path):
    before = pixels(5, 7, dtype="uint16")
    image = read_image(save(tmp_path / name, before))
    np.testing.assert_array_equal(
        np.round(image.colors[..., 0] * 65_535), before
    )


def test_floats_count_as_sixteen_bits(tmp_path):
    before = np.array([[0, 0.25, 1]], "float32")
    image = read_image(save(tmp_path / "a.tiff", before))
    assert image.pixels.dtype == "uint16"
    # A quarter of 65,535 is 16,383.75, rounded to 16,384.
    np.testing.assert_allclose(
        image.colors[0, :, 0], [0, 16_384 / 65_535, 1], rtol=1e-6
    )


@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_turned_upright_as_pillow_does_it(orientation, tmp_path):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = save(tmp_path / "a.png", pixels(5, 7, 3), exif=exif)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(path)))
    image = read_image(path)
    np.testing.assert_allclose(image.colors, upright / 255)
    write_image(tmp_path / "b.png", image)
    with Image.open(tmp_path / "b.png") as image:
        assert ORIENTATION not in image.getexif()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("channels", [2, 3, 4])
def test_sixteen_bit_colors_are_turned_like_eight_bit_ones(
    channels, orientation, tmp_path
):
    before = pixels(5, 7, channels)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    shallow = read_image(save(tmp_path / "a.png", before, exif=exif))
    path = png(tmp_path / "b.png", before.astype("uint16") << 8, exif)
    deep = read_image(path)
    assert deep.pixels.dtype == "uint16"
    np.testing.assert_array_equal(deep.to_uint8(), shallow.pixels)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bits_become_their_upper_eight(channels, tmp_path):
    before = pixels(5, 7, channels, dtype="uint16")
    path = png(tmp_path / "a.png", before)
    image = read_image(path, max_bits=8)
    np.testing.assert_array_equal(image.pixels, before >> 8)
    np.testing.assert_array_equal(read_image(path).to_uint8(), before >> 8)


def test_palettes_and_cmyk_become_rgb(tmp_path):
    colors = Image.fromarray(pixels(5, 7, 3))
    colors.convert("P").save(tmp_path / "palette.png")
    colors.convert("CMYK").save(tmp_path / "print.tiff")
    for name in ("palette.png", "print.tiff"):
        image = read_image(tmp_path / name)
        expected = np.asarray(Image.open(tmp_path / name).convert("RGB"))
        np.testing.assert_allclose(image.colors, expected / 255)
        assert image.alpha is None


def test_a_palette_with_a_transparent_color_has_alpha(tmp_path):
    image = Image.fromarray(np.array([[0, 1]], "uint8"), "P")
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.save(tmp_path / "a.png", transparency=1)
    image = read_image(tmp_path / "a.png")
    assert image.colors.tolist() == [[[1, 0, 0], [0, 0, 1]]]
    assert image.alpha.tolist() == [[[255], [0]]]


def test_the_color_profile_is_kept(tmp_path):
    save(tmp_path / "a.png", pixels(5, 7, 3), icc_profile=b"wide gamut")
    write_image(tmp_path / "b.png", read_image(tmp_path / "a.png"))
    with Image.open(tmp_path / "b.png") as image:
        assert image.info["icc_profile"] == b"wide gamut"


def bad_files(folder):
    """File name -> error message."""
    (folder / "empty.png").touch()
    (folder / "text.png").write_text("no image")
    (folder / "folder.png").mkdir()
    whole = save(folder / "whole.png", pixels(50, 50)).read_bytes()
    (folder / "cut.png").write_bytes(whole[:1000])
    deep = png(folder / "deep.png", pixels(50, 50, 3, dtype="uint16"))
    deep.write_bytes(deep.read_bytes()[:1000])
    Image.new("1", (10_000, 7_000)).save(folder / "huge.png")
    save(folder / "nan.tiff", np.array([[0.5, np.nan]], "float32"))
    save(folder / "bright.tiff", np.array([[0.5, 7.5]], "float32"))
    frames = [Image.fromarray(pixels(4, 4, 3) // n) for n in (1, 2)]
    frames[0].save(folder / "film.gif", save_all=True, append_images=frames[1:])
    return {
        "empty.png": "is empty",
        "text.png": "is not an image",
        "folder.png": "is a directory",
        "cut.png": "is damaged",
        "deep.png": "is damaged",
        "huge.png": "has 70.0 megapixels, at most 64",
        "nan.tiff": "do not lie between 0 and 1",
        "bright.tiff": "do not lie between 0 and 1, nor .*: 0.5 to 7.5",
        "film.gif": "contains 2 images",
        "missing.png": "no such file",
    }


def test_a_bad_file_is_refused_in_one_line(tmp_path):
    for name, message in bad_files(tmp_path).items():
        with pytest.raises(ValueError, match=message) as error:
            read_image(tmp_path / name)
        assert "\n" not in str(error.value)


def test_a_thin_image_counts_with_the_size_that_models_pad_it_to(tmp_path):
    path = tmp_path / "thin.tiff"
    Image.new("L", (1, 3_000_000)).save(path)  # 3 megapixels, 84 with 28 wide
    with pytest.raises(ValueError, match=r"has 84\.0 megapixels"):
        read_image(path)


def test_colors_of_another_shape_or_not_finite_are_refused():
    image = DecodedImage(pixels(2, 2, 2))
    with pytest.raises(ValueError, match="not finite"):
        image.replace_colors(np.full((2, 2, 1), np.nan, "float32"))
    for shape in ((3, 3, 1), (2, 2, 2), (2, 2)):
        with pytest.raises(
            ValueError, match=r"must have the shape \(2, 2, 1\)"
        ):
            image.replace_colors(np.ones(shape, "float32"))


def test_a_failed_write_leaves_the_old_file_unchanged(tmp_path):
    path = save(tmp_path / "a.png", pixels(2, 2))
    before = path.read_bytes()
    with pytest.raises(TypeError):  # Pillow has no such pixels
        write_image(path, DecodedImage(pixels(2, 2, 5)))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_colors_outside_the_range_are_clipped(tmp_path):
    colors = np.array([[[-0.5], [0.5], [1.5]]], "float32")
    image = DecodedImage(np.zeros((1, 3, 1), "uint8")).replace_colors(colors)
    write_image(tmp_path / "a.png", image)
    assert np.asarray(Image.open(tmp_path / "a.png")).tolist() == [
        [0, 128, 255]
    ]


@pytest.mark.parametrize("suffix", ["tiff", "gif", "png", "webp"])
def test_each_page_of_a_file_can_be_read(suffix, tmp_path):
    pages = [np.full((4, 4), gray, "uint8") for gray in (250, 100, 10)]
    frames = [Image.fromarray(page) for page in pages]
    path = tmp_path / f"pages.{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    assert count_pages(path) == 3
    for number, page in enumerate(pages):
        image = read_image(path, page=number)
        np.testing.assert_allclose(image.to_gray(), page, atol=2)
    with pytest.raises(ValueError, match="contains 3 images: save each"):
        read_image(path)


# Significant bits


def png_with_significant_bits(path, array, *bits):
    """Writes a PNG of 16 bits with the chunk sBIT."""
    data = png(path, np.atleast_3d(array)).read_bytes()
    chunk = b"sBIT" + bytes(bits)
    size = struct.pack(">I", len(bits))
    checksum = struct.pack(">I", zlib.crc32(chunk))
    end = 8 + 12 + 13  # signature and IHDR
    data = data[:end] + size + chunk + checksum + data[end:]
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_a_file_has_the_fewest_bits_that_hold_its_maximum(
    bits, suffix, tmp_path
):
    white = 2**bits - 1
    before = np.array([[0, white // 2, white]], "uint16")
    image = read_image(save(tmp_path / f"a.{suffix}", before))
    assert (image.bits, image.pixels.dtype) == (bits, "uint16")
    np.testing.assert_allclose(image.colors[0, :, 0], before[0] / white)
    assert image.to_uint8()[0, :, 0].tolist() == [0, 127, 255]
    # Written at the same scale.
    write_image(tmp_path / "b.png", image.replace_colors(image.colors))
    written = np.asarray(Image.open(tmp_path / "b.png"))
    np.testing.assert_array_equal(written, before)


def test_colors_of_twelve_bits_keep_their_scale(tmp_path):
    before = pixels(5, 7, 4, dtype="uint16")
    before[..., :3] >>= 4
    image = read_image(png(tmp_path / "a.png", before))
    assert image.bits == 12
    np.testing.assert_allclose(image.colors, before[..., :3] / 4095)
    shallow = before >> np.array([4, 4, 4, 8], "uint16")
    np.testing.assert_array_equal(image.to_uint8(), shallow)


def test_bits_that_a_file_declares_are_used(tmp_path):
    dark = np.array([[0, 700]], "uint16")  # would be 10 bits
    path = png_with_significant_bits(tmp_path / "a.png", dark, 12)
    assert read_image(path).bits == 12
    # As the specification of PNG requires: scaled to 16 bits.
    scaled = np.array([[0, 0xFFF0]], "uint16")
    path = png_with_significant_bits(tmp_path / "b.png", scaled, 12)
    assert read_image(path).bits == 16
    # The last number is that of the alpha channel.
    gray_alpha = np.full((2, 2, 2), 700, "uint16")
    path = png_with_significant_bits(tmp_path / "d.png", gray_alpha, 12, 16)
    assert read_image(path).bits == 12
    path = save(tmp_path / "c.tiff", dark, tiffinfo={281: 4095})
    assert read_image(path).bits == 12


def test_files_that_belong_together_have_one_scale(tmp_path):
    paths = [
        save(tmp_path / f"{maximum}.png", np.array([[0, maximum]], "uint16"))
        for maximum in (200, 900, 4000)
    ]
    paths.append(save(tmp_path / "eight.png", pixels(4, 4)))
    paths.append(tmp_path / "missing.png")
    assert find_significant_bits(paths) == 12
    assert find_significant_bits(paths[3:]) is None
    image = read_image(paths[0], significant_bits=12)
    np.testing.assert_allclose(image.colors[0, :, 0], [0, 200 / 4095])
    with pytest.raises(ValueError, match=r"up to 4,000.* at most 1,023"):
        read_image(paths[2], significant_bits=10)


@pytest.mark.parametrize("dtype", ["int32", "float32"])
def test_integers_and_floats_of_32_bits_are_read_by_their_maximum(
    dtype, tmp_path
):
    before = np.array([[0, 1000, 4000]], dtype)
    image = read_image(save(tmp_path / "a.tiff", before))
    assert image.bits == 12
    np.testing.assert_allclose(image.colors[0, :, 0], before[0] / 4095)


def test_colors_whose_lower_bits_are_lost_are_refused(tmp_path):
    # Pillow keeps the upper 8 of 16 bits of colors in TIFF files, and cannot
    # write such files: values of 12 bits, little-endian, without compression.
    values = (pixels(4, 5, 3, dtype="uint16") >> 4).astype("<u2")
    tags = {  # tag -> (type, count, value)
        256: (4, 1, 5),  # width
        257: (4, 1, 4),  # height
        258: (3, 3, 8),  # bits per sample: at byte 8
        259: (3, 1, 1),  # not compressed
        262: (3, 1, 2),  # RGB
        273: (4, 1, 128),  # the pixels: at byte 128
        277: (3, 1, 3),  # samples per pixel
        279: (4, 1, values.nbytes),
    }
    data = b"II*\0" + struct.pack("<I3HH", 14, 16, 16, 16, len(tags))
    for tag, entry in tags.items():
        data += struct.pack("<HHII", tag, *entry)
    data = (data + bytes(4)).ljust(128, b"\0") + values.tobytes()
    (tmp_path / "a.tiff").write_bytes(data)
    for options in ({}, {"max_bits": 8}):
        with pytest.raises(ValueError, match="colors of 16 bits in a TIFF"):
            read_image(tmp_path / "a.tiff", **options)


# Files that are not images


def test_formats_that_cannot_be_read_are_named(tmp_path):
    heic = b"\0\0\0\x18ftypheic" + bytes(100)
    contents = {
        "photo.heic": (heic, "HEIC image: .*pillow-heif.* convert it to JPEG"),
        "page.pdf": (b"%PDF-1.7", "PDF document: save its pages as PNG"),
        "logo.svg": (b"<svg xmlns=''/>", "SVG drawing: save it as PNG"),
        "Thumbs.db": (b"\xd0\xcf\x11\xe0", "written by a file manager"),
        "._a.png": (b"\0\5\x16\7", "written by a file manager"),
        "plot.eps": (
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n",
            "format EPS, which is not an image of pixels: save it as PNG",
        ),
    }
    for name, (content, message) in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=message):
            read_image(tmp_path / name)


def test_a_large_jpeg_is_decoded_at_a_smaller_size(tmp_path):
    save(tmp_path / "a.jpg", pixels(1000, 600, 3))
    image = read_image(tmp_path / "a.jpg", min_size=100)
    assert image.pixels.shape == (250, 150, 3)  # 1/8 would be below 100
    assert read_image(tmp_path / "a.jpg").pixels.shape == (1000, 600, 3)


# Gray

MODES = (
    *("1", "L", "LA", "P", "RGB", "RGBA", "CMYK"),
    pytest.param(
        "YCbCr",
        marks=pytest.mark.skipif(
            int(PIL.__version__.partition(".")[0]) < 13,
            reason="Before 13 Pillow cannot read the YCbCr TIFF it writes.",
        ),
    ),
)


def in_mode(mode):
    """Image of 28x28 pixels with colors, and transparency where there is."""
    return Image.fromarray(pixels(28, 28, 4)).convert(mode)


def gray_by_formula(image):
    """0.299 R + 0.587 G + 0.114 B over white, from the RGBA of Pillow."""
    values = np.asarray(image.convert("RGBA"), "float64")
    opacity = values[..., 3:] / 255
    red, green, blue = np.moveaxis(
        opacity * values[..., :3] + (1 - opacity) * 255, -1, 0
    )
    return 0.299 * red + 0.587 * green + 0.114 * blue


@pytest.mark.parametrize("mode", MODES)
def test_all_color_modes_become_gray_over_white(mode, tmp_path):
    image = in_mode(mode)
    path = tmp_path / ("a.tiff" if mode in ("CMYK", "YCbCr") else "a.png")
    image.save(path)
    gray = read_gray_image(path, 28)[..., 0]
    assert gray.dtype == "uint8"
    # Two roundings: of the blend with white, and of the luminance.
    np.testing.assert_allclose(gray, gray_by_formula(image), atol=1.01)


def test_a_transparent_palette_color_is_white_in_gray(tmp_path):
    image = Image.fromarray(np.tile([[0, 1]], (28, 14)).astype("uint8"), "P")
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.save(tmp_path / "a.png", transparency=1)
    gray = read_gray_image(tmp_path / "a.png", 28)[..., 0]
    assert gray[:, 0::2].tolist() == [[76] * 14] * 28  # 0.299 * 255
    assert gray[:, 1::2].tolist() == [[255] * 14] * 28


def test_a_cmyk_jpeg_is_read_like_its_rgb(tmp_path):
    smooth = np.add.outer(np.arange(28), np.arange(28)).astype("uint8") * 4
    colors = Image.fromarray(np.stack([smooth, 255 - smooth, smooth], -1))
    colors.convert("CMYK").save(tmp_path / "print.jpg", quality=95)
    image = read_image(tmp_path / "print.jpg")
    assert image.pixels.shape == (28, 28, 3)
    np.testing.assert_allclose(image.pixels, np.asarray(colors), atol=16)
    gray = read_gray_image(tmp_path / "print.jpg", 28)[..., 0]
    np.testing.assert_array_equal(gray, image.to_gray())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_gray_images_are_turned_upright(orientation, tmp_path):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = save(tmp_path / "a.png", pixels(28, 28), exif=exif)
    upright = ImageOps.exif_transpose(Image.open(path))
    np.testing.assert_array_equal(
        read_gray_image(path, 28)[..., 0], np.asarray(upright)
    )


def test_finds_files_and_files_of_folders_once(tmp_path):
    names = ("b.png", "a.jpg", ".hidden", "Thumbs.db", "in/c.png")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = find_image_files(
        [tmp_path / "in/c.png", tmp_path, tmp_path / "gone", tmp_path / "b.png"]
    )
    assert found == [
        tmp_path / name for name in ("in/c.png", "a.jpg", "b.png", "gone")
    ]


def test_folders_without_files_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=f"No files in {tmp_path}/empty"):
        find_image_files([tmp_path / "empty"])


def test_the_size_limit_of_pillow_is_restored(tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no image")
    before = Image.MAX_IMAGE_PIXELS
    with pytest.raises(ValueError, match="is not an image"):
        read_image(tmp_path / "bad.png")
    assert Image.MAX_IMAGE_PIXELS == before is not None


def test_all_color_modes_give_the_same_gray_image(color_modes):
    folder, original, errors = color_modes
    for name, error in errors.items():
        gray = read_gray_image(folder / name, 64)[..., 0].astype(int)
        assert np.abs(gray - original).max() <= error, name


def test_all_color_modes_give_the_same_image_at_full_depth(color_modes):
    folder, original, errors = color_modes
    for name, error in errors.items():
        image = read_image(folder / name)
        assert (image.pixels.dtype == "uint16") == (
            "16" in name or name == "float.tiff"
        ), name
        assert image.has_alpha == ("alpha" in name or "transp" in name), name
        gray = image.to_gray().astype(int)
        assert np.abs(gray - original).max() <= error, name


def test_heic_photos_are_read_with_pillow_heif(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.register_heif_opener()
    before = np.full((40, 30, 3), (200, 100, 50), "uint8")
    image = read_image(save(tmp_path / "photo.heic", before, quality=100))
    np.testing.assert_allclose(image.pixels, before, atol=4)
