"""Recognition of digits in image files: color modes and rejected images."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from dlunits.data.images.handwriting import extract_digits, limit_size
from dlunits.data.images.image_files import ImagePage
from dlunits.tasks.digits.recognize_files import (
    load_digit_reader,
    read_page,
    recognize_files,
)
from dlunits.tasks.digits.tensorflow_reader import TensorFlowReader


class Ones:
    """A model that recognizes a one in every image."""

    def serving_default(self, images):
        scores = np.full((len(images), 10), 0.01)
        scores[:, 1] = 0.91
        return {"scores": tf.constant(scores)}


class Doubtful(Ones):
    """A model for which the first image is probably not a digit."""

    def __init__(self):
        self.p_values = iter([0.01, 0.02, 1.0, 1.0])

    def serving_default(self, images):
        p_value = tf.fill((len(images),), next(self.p_values))
        return {**super().serving_default(images), "p_value": p_value}


def ones():
    return TensorFlowReader(Ones())


def digit_on(page):
    return extract_digits(limit_size(page)[None]).digits[0].numpy()


def test_all_color_modes_give_the_same_digit(color_modes):
    folder, original, errors = color_modes
    expected = digit_on(original[..., None])
    for name in errors:
        digit = digit_on(read_page(ImagePage(folder / name)))
        np.testing.assert_allclose(digit, expected, atol=0.02, err_msg=name)


def test_large_images_are_reduced_while_they_are_read(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (3100, 40), "uint8")
    Image.fromarray(pixels).save(tmp_path / "tall.png")
    page = read_page(ImagePage(tmp_path / "tall.png"))
    # 3100 // 1024 = 3: blocks of 3x3, and the rest at the ends.
    assert page.shape == (1034, 14, 3)
    expected = pixels[:3, :3].mean()
    assert abs(page[0, 0, 0].item() - expected) <= 1


def test_results_are_in_the_order_of_the_files(tmp_path, color_modes):
    folder, _, _ = color_modes
    Image.new("L", (50, 40), 230).save(tmp_path / "blank.png")
    paths = [folder / "gray.png", tmp_path / "blank.png", folder / "rgb.jpg"]
    first, blank, second = recognize_files(ones(), paths)
    for result, path in ((first, paths[0]), (second, paths[2])):
        assert result["file"] == str(path)
        assert result["digit"] == 1
        assert result["confidence"] == result["scores"][1] == 0.91
    assert blank["error"].startswith("is blank")
    assert "digit" not in blank


def test_every_page_of_a_file_has_a_result(tmp_path, color_modes):
    _, original, _ = color_modes
    gray, blank = Image.fromarray(original), Image.new("L", (50, 40), 230)
    path = tmp_path / "scan.tiff"
    gray.save(path, save_all=True, append_images=[blank, gray])
    Image.new("L", (9, 9)).save(
        tmp_path / "film.gif",
        save_all=True,
        append_images=[Image.new("L", (9, 9), gray) for gray in range(1, 101)],
    )
    paths = [path, tmp_path / "film.gif"]
    first, second, third, film = recognize_files(
        TensorFlowReader(Ones()), paths
    )
    assert [first["page"], second["page"], third["page"]] == [1, 2, 3]
    assert first["file"] == second["file"] == str(path)
    assert first["digit"] == third["digit"] == 1
    assert second["error"].startswith("is blank")
    assert film["error"].startswith("contains 101 images, at most 100 are read")


def test_faint_but_clear_ink_is_recognized(tmp_path):
    page = np.full((100, 100), 255, "uint8")
    page[20:80, 45:55] = 235  # 8 % below white
    Image.fromarray(page).save(tmp_path / "faint.png")
    [result] = recognize_files(
        TensorFlowReader(Ones()), [tmp_path / "faint.png"]
    )
    assert result["digit"] == 1


def test_images_with_a_small_p_value_are_not_recognized(color_modes):
    folder, _, _ = color_modes
    paths = [folder / "gray.png", folder / "rgb.jpg"]
    reader = TensorFlowReader(Doubtful())
    first, second = recognize_files(reader, paths)
    assert first["error"].startswith("is probably not a digit: its p-value")
    assert "digit" not in first
    assert second["digit"] == 1
    answers = recognize_files(reader, paths, reject_rate=0)
    assert [answer["digit"] for answer in answers] == [1, 1]
    with pytest.raises(ValueError, match="`reject_rate` must be at least 0"):
        recognize_files(reader, paths, reject_rate=1)


def test_without_a_digit_the_model_is_not_called(tmp_path):
    [result] = recognize_files(None, [tmp_path / "missing.png"])
    assert result["error"] == "no such file or directory"


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match="No SavedModel in"):
        load_digit_reader(tmp_path)
