"""Images of every kind, read and written: what must not change does not."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from dlunits.data.images.image_files import (
    UPRIGHT,
    DecodedImage,
    find_image_files,
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


def png(path, array):
    """A PNG of 16-bit colors as its specification says; Pillow has none."""
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
        + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )
    return path


@pytest.mark.parametrize(
    "shape", [(5, 7), (5, 7, 2), (5, 7, 3), (5, 7, 4), (1, 1)]
)
def test_eight_bits_come_back_as_they_were(shape, tmp_path):
    before = pixels(*shape)
    image = read_image(save(tmp_path / "a.png", before))
    assert image.colors.shape == (*shape[:2], 3 if shape[2:] > (2,) else 1)
    assert image.colors.max() <= 1
    write_image(tmp_path / "b.png", image)
    np.testing.assert_array_equal(Image.open(tmp_path / "b.png"), before)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bits_come_back_as_they_were(channels, tmp_path):
    before = pixels(5, 7, channels, dtype="uint16")
    image = read_image(png(tmp_path / "a.png", before))
    assert image.dtype == "uint16"
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


def test_transparency_is_kept_apart(tmp_path):
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
    assert image.dtype == "uint16"
    # A quarter of 65,535 is 16,383.75, rounded to 16,384.
    np.testing.assert_allclose(
        image.colors[0, :, 0], [0, 16_384 / 65_535, 1], rtol=1e-6
    )


@pytest.mark.parametrize("orientation", range(1, 9))
def test_is_turned_upright_as_pillow_does_it(orientation, tmp_path):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = save(tmp_path / "a.png", pixels(5, 7, 3), exif=exif)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(path)))
    image = read_image(path)
    np.testing.assert_allclose(image.colors, upright / 255)
    write_image(tmp_path / "b.png", image)
    with Image.open(tmp_path / "b.png") as image:
        assert ORIENTATION not in image.getexif()


def test_orientations_are_those_of_exif():
    assert set(UPRIGHT) | {1} == set(range(1, 9))


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


def test_keeps_the_color_profile(tmp_path):
    save(tmp_path / "a.png", pixels(5, 7, 3), icc_profile=b"wide gamut")
    write_image(tmp_path / "b.png", read_image(tmp_path / "a.png"))
    with Image.open(tmp_path / "b.png") as image:
        assert image.info["icc_profile"] == b"wide gamut"


def bad_files(folder):
    """File name -> what is said of it."""
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
        "bright.tiff": "do not lie between 0 and 1: 0.5 to 7.5",
        "film.gif": "holds 2 images",
        "missing.png": "no such file",
    }


def test_a_bad_file_is_one_line(tmp_path):
    for name, message in bad_files(tmp_path).items():
        with pytest.raises(ValueError, match=message) as error:
            read_image(tmp_path / name)
        assert "\n" not in str(error.value)


def test_what_cannot_be_written_leaves_the_old_file_alone(tmp_path):
    path = save(tmp_path / "a.png", pixels(2, 2))
    before = path.read_bytes()
    with pytest.raises(ValueError, match="not finite"):
        write_image(path, DecodedImage(np.full((2, 2, 1), np.nan, "float32")))
    with pytest.raises(ValueError, match="must match"):
        alpha = np.zeros((3, 3, 1), "uint8")
        write_image(path, DecodedImage(np.ones((2, 2, 1), "float32"), alpha))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_values_outside_the_range_are_cut_off(tmp_path):
    colors = np.array([[[-0.5], [0.5], [1.5]]], "float32")
    write_image(tmp_path / "a.png", DecodedImage(colors))
    assert np.asarray(Image.open(tmp_path / "a.png")).tolist() == [
        [0, 128, 255]
    ]


def test_finds_files_and_those_of_folders_once(tmp_path):
    for name in ("b.png", "a.jpg", ".hidden", "in/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = find_image_files(
        [tmp_path / "in/c.png", tmp_path, tmp_path / "gone", tmp_path / "b.png"]
    )
    assert found == [
        tmp_path / name for name in ("in/c.png", "a.jpg", "b.png", "gone")
    ]


def test_says_where_there_is_no_file(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=f"No files in {tmp_path}/empty"):
        find_image_files([tmp_path / "empty"])


def test_pillows_own_limit_stands_again_afterwards(tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no image")
    before = Image.MAX_IMAGE_PIXELS
    with pytest.raises(ValueError, match="is not an image"):
        read_image(tmp_path / "bad.png")
    assert Image.MAX_IMAGE_PIXELS == before is not None
