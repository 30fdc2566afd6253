"""Image files of users: file formats, and errors of one line."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from dlunits.tasks.lab.convolution.user_image import (
    read_user_image,
    resize_image,
)


def draw(mode="L", size=(64, 64), line=(20, 12, 20, 52)):
    """Paper with a dark stroke, or blank paper."""
    paper = Image.new("RGB", size, "white")
    if line:
        ImageDraw.Draw(paper).line(line, (30, 60, 90), 6)
    return paper.convert(mode)


@pytest.mark.parametrize(
    ("mode", "name"),
    [("CMYK", "cmyk.jpg"), ("RGBA", "цифра 1.png"), ("1", "bits.tiff")],
)
def test_a_digit_is_cropped_and_centered_as_in_mnist(tmp_path, mode, name):
    path = tmp_path / name
    draw(mode).save(path)
    image = read_user_image(path, (28, 28, 1), handwriting=True)
    assert image.shape == (28, 28, 1)
    ink = image[..., 0] > 0.5
    assert ink[14, 14]  # light on dark, in the middle
    assert 18 <= np.flatnonzero(ink.any(axis=1)).size <= 22
    assert not ink[:2].any()


def test_other_images_are_resized(tmp_path):
    path = tmp_path / "photo.png"
    draw("RGB").save(path)
    gray = read_user_image(path, (32, 30, 1), handwriting=False)
    assert gray.shape == (32, 30, 1)
    assert gray[0, 0, 0] == pytest.approx(1)
    # 0.299 * 30 + 0.587 * 60 + 0.114 * 90 = 54.45 of 255
    assert gray[16, 9, 0] == pytest.approx(54 / 255, abs=0.03)
    color = read_user_image(path, (32, 32, 3), handwriting=False)
    np.testing.assert_allclose(
        color[16, 10], np.array([30, 60, 90]) / 255, atol=0.03
    )


def test_gray_is_repeated_for_a_model_of_colors():
    image = np.random.rand(8, 8, 1)
    resized = resize_image(image, (8, 8, 3))
    np.testing.assert_allclose(resized, np.repeat(image, 3, -1), atol=1e-6)


def save_animation(path):
    frames = [draw(), draw(line=None)]
    frames[0].save(path, save_all=True, append_images=frames[1:])


BAD = {
    "missing.png": (None, "no such file"),
    "text.png": (lambda path: path.write_text("x" * 99), "is not an image"),
    "empty.png": (lambda path: path.write_bytes(b""), "is empty"),
    "pixel.png": (lambda path: draw(size=(1, 1)).save(path), "has 1x1 pixels"),
    "blank.png": (lambda path: draw(line=None).save(path), "is blank"),
    "animated.gif": (save_animation, "2 images"),
}


@pytest.mark.parametrize("name", BAD)
def test_other_files_are_refused_in_one_line(tmp_path, name):
    save, message = BAD[name]
    path = tmp_path / name
    if save:
        save(path)
    with pytest.raises(ValueError, match=message) as error:
        read_user_image(path, (28, 28, 1), handwriting=True)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_a_page_with_two_digits_is_refused(tmp_path):
    path = tmp_path / "two.png"
    page = draw(size=(120, 64))
    ImageDraw.Draw(page).line((90, 12, 90, 52), 20, 6)
    page.save(path)
    with pytest.raises(ValueError, match="several digits: crop it to one"):
        read_user_image(path, (28, 28, 1), handwriting=True)
