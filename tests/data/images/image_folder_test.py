"""Folders of image files, written with Pillow, as gray 28x28 images."""

import shutil

import numpy as np
import pytest
from PIL import Image

from dlunits.data.images.image_files import read_gray_image
from dlunits.data.images.image_folder import read_image_folder


def read_class_image(path):
    return read_gray_image(path, 28)


@pytest.fixture
def image():
    """28x28 noise, so that any change of geometry or of gray shows."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (28, 28), dtype="uint8")


def two_classes(folder, image):
    for name in ("b", "a"):
        (folder / name).mkdir(parents=True)
        for file in ("2.png", "1.png"):
            Image.fromarray(image).save(folder / name / file)
    return folder


def test_a_gray_image_of_28x28_keeps_all_its_pixels(tmp_path, image):
    for suffix in ("png", "bmp", "tif", "gif", "pgm"):
        path = tmp_path / f"digit.{suffix}"
        Image.fromarray(image).save(path)
        np.testing.assert_array_equal(read_class_image(path)[..., 0], image)


def test_classes_and_files_come_in_the_order_of_their_names(tmp_path):
    for name, grays in {"b": (30, 40), "a": (10, 20), "10": (50,)}.items():
        (tmp_path / name).mkdir()
        for i, gray in enumerate(grays):
            image = Image.new("L", (9, 9), gray)
            image.save(tmp_path / name / f"{i}.png")

    found = read_image_folder(tmp_path)

    assert found.class_names == ("10", "a", "b")
    assert found.images[:, 0, 0, 0].tolist() == [50, 10, 20, 30, 40]
    assert found.labels.tolist() == [0, 1, 1, 2, 2]
    assert (found.images.dtype, found.labels.dtype) == ("uint8", "int32")


def test_hidden_and_system_files_are_ignored(tmp_path, image):
    folder = two_classes(tmp_path, image)
    (folder / ".hidden").mkdir()
    (folder / "README.txt").write_text("beside the class folders")
    (folder / "a" / ".DS_Store").write_text("no image")
    (folder / "a" / "Thumbs.db").write_text("no image")
    (folder / "__MACOSX").mkdir()  # of archives that macOS packs
    (folder / "__MACOSX" / "._a").write_text("no image")
    (folder / "b" / "__MACOSX").mkdir()

    found = read_image_folder(folder)

    assert found.class_names == ("a", "b")
    assert len(found.images) == 4


def test_a_photo_is_turned_upright_by_its_exif_tag(tmp_path, image):
    rotated = Image.fromarray(image).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # Orientation: turn by 90 degrees clockwise to see it
    rotated.save(tmp_path / "photo.png", exif=exif)

    np.testing.assert_array_equal(
        read_class_image(tmp_path / "photo.png")[..., 0], image
    )


def test_transparent_pixels_become_white(tmp_path):
    pixels = np.zeros((28, 28, 4), "uint8")  # transparent black
    pixels[10:20, 10:20, 3] = 255  # opaque black
    Image.fromarray(pixels).save(tmp_path / "drawing.png")

    image = read_class_image(tmp_path / "drawing.png")

    assert image[0, 0, 0] == 255
    assert image[15, 15, 0] == 0


def test_sixteen_bits_keep_their_upper_eight(tmp_path, image):
    Image.fromarray(image.astype("uint16") << 8).save(tmp_path / "scan.png")

    np.testing.assert_array_equal(
        read_class_image(tmp_path / "scan.png")[..., 0], image
    )


def test_aspect_is_kept_and_the_rest_has_the_gray_of_the_border(tmp_path):
    pixels = np.full((100, 50), 200, "uint8")
    pixels[25:75, 10:40] = 0  # 50 high and 30 wide: at 28/100 14 and 8.4
    Image.fromarray(pixels).save(tmp_path / "tall.png")

    image = read_class_image(tmp_path / "tall.png")[..., 0]

    assert np.all(image[:, [0, -1]] == 200)
    ink = image < 100
    assert (ink.any(axis=1).sum(), ink.any(axis=0).sum()) == (14, 8)


def test_a_large_jpeg_looks_like_the_same_png(tmp_path):
    ramp = np.add.outer(np.arange(1400), np.arange(1400)) / 2800 * 255
    image = Image.fromarray(ramp.astype("uint8")).convert("RGB")
    image.save(tmp_path / "photo.jpg", quality=95)
    image.save(tmp_path / "photo.png")

    difference = np.subtract(
        read_class_image(tmp_path / "photo.jpg"),
        read_class_image(tmp_path / "photo.png"),
        dtype="int32",
    )
    assert abs(difference).max() <= 3  # of 255: JPEG loses that much


@pytest.mark.parametrize(
    "content",
    [b"", b"not an image", b"\x89PNG\r\n\x1a\n" + bytes(40)],
    ids=["empty", "text", "broken header"],
)
def test_the_message_contains_the_path_of_a_file_that_is_not_an_image(
    tmp_path, image, content
):
    folder = two_classes(tmp_path, image)
    (folder / "b" / "3.png").write_bytes(content)

    with pytest.raises(OSError, match=r"Received: \S*/b/3\.png \(") as error:
        read_image_folder(folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "tif", "webp"])
def test_the_message_contains_the_path_of_a_truncated_image(
    tmp_path, image, suffix
):
    path = tmp_path / f"digit.{suffix}"
    Image.fromarray(image).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    with pytest.raises(ValueError, match=r"is damaged|is not an image"):
        read_class_image(path)


def test_all_files_that_cannot_be_read_are_named_at_once(tmp_path, image):
    folder = two_classes(tmp_path, image)
    (folder / "a" / "3.png").write_bytes(b"no image")
    (folder / "b" / "0.png").touch()
    frames = [Image.fromarray(frame) for frame in (image, 255 - image)]
    frames[0].save(folder / "b/4.gif", save_all=True, append_images=frames[1:])

    with pytest.raises(
        OSError,
        match=r"a/3\.png \(is not an image, .*\); \S*b/0\.png \(is empty\); "
        r"\S*b/4\.gif \(contains 2 images: .*\)\. Repair or delete these files",
    ):
        read_image_folder(folder)


def test_values_of_twelve_bits_are_read_as_those_of_eight(tmp_path, image):
    folder = two_classes(tmp_path, image)
    scan = image.astype("uint16") * 16  # 0 ... 4,080 of 4,095
    Image.fromarray(scan).save(folder / "a" / "3.png")
    Image.fromarray(scan // 4).save(folder / "b" / "3.png")  # a darker one

    found = read_image_folder(folder)

    assert found.significant_bits == 12
    np.testing.assert_array_equal(found.images[2, ..., 0], image)
    np.testing.assert_array_equal(found.images[5, ..., 0], image // 4)


def test_floats_between_0_and_1_are_read(tmp_path):
    values = np.full((28, 28), 0.4, "float32")
    Image.fromarray(values).save(tmp_path / "float.tif")
    # The upper 8 of 16 bits: 0.4 * 65,535 / 256 = 102.4.
    assert np.all(read_class_image(tmp_path / "float.tif") == 102)


def test_floats_of_an_unknown_range_are_refused(tmp_path):
    Image.fromarray(np.full((9, 9), 7, "float32")).save(tmp_path / "float.tif")

    with pytest.raises(ValueError, match="has pixels that do not lie between"):
        read_class_image(tmp_path / "float.tif")


def test_refuses_a_folder_without_two_classes(tmp_path, image):
    with pytest.raises(ValueError, match=r"at least two classes.*\[\]"):
        read_image_folder(tmp_path)
    (tmp_path / "only").mkdir()
    with pytest.raises(ValueError, match=r"at least two classes.*\['only'\]"):
        read_image_folder(tmp_path)


def test_refuses_an_empty_class(tmp_path, image):
    folder = two_classes(tmp_path, image)
    (folder / "c").mkdir()

    with pytest.raises(ValueError, match=r"Received: \S*/c, which is empty"):
        read_image_folder(folder)


def test_refuses_a_folder_of_folders_of_classes(tmp_path, image):
    two_classes(tmp_path / "test", image)
    two_classes(tmp_path / "train", image)

    with pytest.raises(IsADirectoryError, match=r"the folder \S*/test/a\."):
        read_image_folder(tmp_path)


def test_all_color_modes_give_the_same_image_of_a_class(color_modes, tmp_path):
    folder, original, errors = color_modes
    shutil.copytree(folder, tmp_path / "modes")
    (tmp_path / "plain").mkdir()
    Image.fromarray(original).save(tmp_path / "plain/image.png")
    found = read_image_folder(tmp_path)
    *modes, plain = found.images.astype(int)
    assert found.labels.tolist() == [0] * len(errors) + [1]
    for name, image in zip(sorted(errors), modes, strict=True):
        assert np.abs(image - plain).max() <= errors[name] + 1, name
