"""Images for anomaly detection: folders with and without labels."""

import numpy as np
import pytest
from PIL import Image

from dlunits.data.images.image_classes import load_image_folder, load_one_class


def save(path, gray=99, size=(50, 40)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, gray).save(path)


def test_images_of_a_folder_have_one_size_and_their_names(tmp_path):
    save(tmp_path / "b.png", 200)
    save(tmp_path / "a.jpg", 10, (20, 30))
    images = load_image_folder(tmp_path, image_size=32)
    assert images.images.shape == (2, 32, 32, 1)
    assert images.names == ["a.jpg", "b.png"]
    assert images.images.mean(axis=(1, 2, 3)).round(-1).tolist() == [10, 200]
    assert images.labels is None
    assert images.normal() is images


def test_subfolders_are_labels(tmp_path):
    for name in ("Good/1.png", "scratch/1.png", "scratch/2.png", "ok/1.png"):
        save(tmp_path / name)
    images = load_image_folder(tmp_path, image_size=28)
    labels = dict(zip(images.names, images.labels.tolist(), strict=True))
    assert labels == {
        "Good/1.png": False,
        "ok/1.png": False,
        "scratch/1.png": True,
        "scratch/2.png": True,
    }
    normal = images.normal()
    assert normal.names == ["Good/1.png", "ok/1.png"]
    assert len(normal.images) == 2 and normal.labels is None


def test_folders_without_a_normal_image_have_nothing_to_train_on(tmp_path):
    save(tmp_path / "bent/1.png")
    save(tmp_path / "cut/1.png")
    images = load_image_folder(tmp_path, image_size=28)
    assert images.labels.all()
    with pytest.raises(ValueError, match="2 images, all of them anomalies"):
        images.normal()


def test_images_beside_folders_are_refused(tmp_path):
    save(tmp_path / "a.png")
    save(tmp_path / "bent/1.png")
    with pytest.raises(ValueError, match=r"such as 'a\.png' and 'bent'"):
        load_image_folder(tmp_path, image_size=28)


def test_files_that_cannot_be_read_are_listed_and_left_out(tmp_path):
    save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no image")
    seen = []
    images = load_image_folder(
        tmp_path, 28, lambda done, number: seen.append((done, number))
    )
    assert images.names == ["a.png"]
    [problem] = images.problems
    assert "b.png" in problem and "\n" not in problem
    assert seen == [(1, 2), (2, 2)]


def test_a_folder_without_an_image_is_refused(tmp_path):
    with pytest.raises(ValueError, match="contains no image that can be read"):
        load_image_folder(tmp_path, 28)
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"First of 1: .*a\.png"):
        load_image_folder(tmp_path, 28)


def test_image_sizes_too_small_are_refused(tmp_path):
    with pytest.raises(ValueError, match="at least 8 pixels"):
        load_image_folder(tmp_path, 7)


def test_one_class_is_normal_and_all_are_tested():
    train, test = load_one_class("digits", "3")
    assert train.labels is None and len(train.images) == len(train.names)
    assert len(test.images) == 300  # a sixth of 1,797
    threes = [name for name in test.names if name.endswith("class 3")]
    assert len(threes) == np.sum(~test.labels)


def test_an_unknown_class_is_refused():
    with pytest.raises(ValueError, match=r"one of 0, 1, .* Received: 12"):
        load_one_class("digits", "12")


def test_all_color_modes_give_the_same_image(color_modes):
    folder, original, errors = color_modes
    images = load_image_folder(folder, 64)
    assert images.names == sorted(errors) and images.problems == ()
    for name, image in zip(images.names, images.images, strict=True):
        difference = image[..., 0].astype(int) - original
        assert np.abs(difference).max() <= errors[name], name
