"""Folders of color images, good and bad, and prepared data sets."""

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from dlunits.data.images import image_folder
from dlunits.data.images.images_on_disk import ImagesOnDisk
from dlunits.tasks.image_classification.sources import load


def write_classes(folder, number=4, names=("cat", "dog")):
    """Each class has a color of its own."""
    for index, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        color = (200 * (index % 2), 10, 200 * (index // 2))
        for i in range(number):
            image = Image.new("RGB", (30 + i, 20), color)
            image.save(folder / name / f"{i}.png")
    return folder


def test_a_folder_gives_color_images_of_three_splits(tmp_path):
    seen = []
    data = load(
        str(write_classes(tmp_path / "photos", number=6)),
        image_size=9,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert data.name == "photos"
    assert data.class_names == ("cat", "dog")
    assert not data.handwriting
    assert "12 images of 2 classes in" in data.source
    assert "as 9x9 pixels in color" in data.source
    assert seen == [(i, 12) for i in range(1, 13)]
    sizes = [len(labels) for _, labels in (data.train, data.test)]
    assert sizes == [
        8,
        2,
    ]  # a sixth for testing, one of each class for validation
    for images, labels in (data.train, data.validation, data.test):
        assert images.shape[1:] == (9, 9, 3)
        assert images.dtype == "uint8"
        expected = [[200 * label, 10, 0] for label in labels]
        np.testing.assert_array_equal(images[:, 4, 4], expected)


def test_images_of_all_kinds_become_squares_in_color(tmp_path):
    """CMYK, one pixel, transparent, gray, Unicode names; hidden files."""
    folder = tmp_path / "photos"
    cats, dogs = folder / "Katze \N{CAT}", folder / "\u5b57 \xe4"
    cats.mkdir(parents=True)
    dogs.mkdir()
    Image.new("CMYK", (40, 30), (255, 0, 0, 0)).save(cats / "cyan.tiff")
    Image.new("RGB", (1, 1), (9, 8, 7)).save(cats / "pixel.png")
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(cats / "\xfcn\xeecode.png")
    for name in "abc":
        Image.new("L", (8, 90), 99).save(dogs / f"{name}.png")
    for hidden in (folder / ".git", cats / ".DS_Store", dogs / "Thumbs.db"):
        hidden.write_text("no image")
    found = image_folder.read_rgb_image_folder(folder, 5)
    assert found.class_names == (cats.name, dogs.name)
    assert found.images.shape == (6, 5, 5, 3)
    assert found.images[:, 2, 2].tolist() == [
        [0, 255, 255],
        [9, 8, 7],
        [255, 255, 255],  # transparency becomes white
        *[[99, 99, 99]] * 3,
    ]


def test_the_middle_of_a_long_image_is_kept(tmp_path):
    """A third of red, green and blue each: the central square is green."""
    write_classes(tmp_path, number=3)
    stripes = np.zeros((10, 30, 3), "uint8")
    for channel in range(3):
        stripes[:, 10 * channel : 10 * channel + 10, channel] = 255
    Image.fromarray(stripes).save(tmp_path / "cat" / "0.png")
    found = image_folder.read_rgb_image_folder(tmp_path, 10)
    np.testing.assert_array_equal(found.images[0], stripes[:, 10:20])


def make_one_class(folder):
    write_classes(folder, names=("cat",))


def make_unreadable(folder):
    write_classes(folder)
    (folder / "cat" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no image")
    (folder / "dog" / "words.txt").write_text("no image")


def make_animated(folder):
    write_classes(folder)
    frames = [Image.new("L", (8, 8), gray) for gray in (0, 99)]
    frames[0].save(
        folder / "cat" / "moves.gif", save_all=True, append_images=frames[1:]
    )


def make_few(folder):
    write_classes(folder, number=2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (make_one_class, r"at least two classes. Received: .*\['cat'\]"),
        (make_unreadable, r"broken.jpg \(.*words.txt \(is not an image"),
        (make_animated, r"moves.gif \(contains 2 images"),
        (make_few, r"Every class needs images .* of class 'cat'"),
    ],
)
def test_bad_folders_are_refused_in_one_line(tmp_path, make, message):
    make(tmp_path)
    with pytest.raises((ValueError, OSError), match=message) as caught:
        load(str(tmp_path), image_size=9)
    assert "\n" not in str(caught.value)


def test_images_beyond_the_memory_are_refused_before_they_are_read(tmp_path):
    write_classes(tmp_path)
    with pytest.raises(ValueError, match=r"8 images of 9000000x.* are free"):
        load(str(tmp_path), image_size=9_000_000, from_disk=False)


def test_images_read_from_disk_are_those_of_memory(tmp_path):
    folder = str(write_classes(tmp_path / "photos", number=6))
    in_memory, on_disk = (
        load(folder, image_size=9, from_disk=from_disk)
        for from_disk in (False, True)
    )
    assert "; read from disk in each step." in on_disk.source
    assert on_disk.fingerprint == in_memory.fingerprint
    assert on_disk.test_files == in_memory.test_files
    for name in ("train", "validation", "test"):
        images, labels = getattr(on_disk, name)
        expected, others = getattr(in_memory, name)
        assert isinstance(images, ImagesOnDisk)
        np.testing.assert_array_equal(labels, others)
        np.testing.assert_array_equal(images[:], expected)
        rows = np.arange(len(labels))[::-1]
        np.testing.assert_array_equal(images.read(rows), expected[::-1])
    # A file that is replaced later is another data set.
    Image.new("RGB", (20, 20), "white").save(
        tmp_path / "photos" / on_disk.test_files[0]
    )
    assert on_disk.fingerprint != in_memory.fingerprint


def test_the_files_of_the_test_split_are_named(tmp_path):
    folder = write_classes(tmp_path / "photos", number=6)
    data = load(str(folder), image_size=9)
    assert len(data.test_files) == len(data.test[1]) == 2
    for name, label in zip(data.test_files, data.test[1], strict=True):
        assert name.startswith(f"{data.class_names[label]}/")
        assert (folder / name).is_file()


def test_unreadable_files_are_found_before_training_from_disk(tmp_path):
    make_unreadable(tmp_path)
    with pytest.raises(OSError, match=r"broken.jpg \(.*words.txt"):
        load(str(tmp_path), image_size=9, from_disk=True)


@pytest.mark.parametrize("dataset", ["", "no_such_set"])
def test_unknown_data_sets_are_refused(dataset, tmp_path):
    with pytest.raises(ValueError, match=f"Received: '{dataset}'"):
        load(dataset, image_size=9, data_dir=tmp_path)


class Photos(tfds.core.GeneratorBasedBuilder):
    """Red and blue images; those of a size are square."""

    VERSION = tfds.core.Version("1.0.0")
    SIZES = ((20, 30), (9, 9), (40, 10))
    SHAPE = (None, None, 3)

    def _info(self):
        features = {
            "image": tfds.features.Image(shape=self.SHAPE),
            "label": tfds.features.ClassLabel(names=["blue", "red"]),
        }
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("image", "label"),
        )

    def _split_generators(self, dl_manager):
        return {
            "train": self._generate_examples(6),
            "validation": self._generate_examples(2),
        }

    def _generate_examples(self, number):
        for key in range(number):
            label = key % 2
            color = (200, 0, 0) if label else (0, 0, 200)
            shape = (*self.SIZES[key % len(self.SIZES)], 3)
            image = np.broadcast_to(np.array(color, "uint8"), shape)
            yield key, {"image": image, "label": label}


class SmallPhotos(Photos):
    SIZES = ((12, 12),)
    SHAPE = (12, 12, 3)


@pytest.mark.parametrize(
    ("builder", "name", "image_size", "size"),
    [
        (Photos, "photos", 10, 10),
        (SmallPhotos, "small_photos", 16, 12),  # enlarged batch by batch
        (SmallPhotos, "small_photos", 10, 10),
    ],
)
def test_prepared_sets_of_all_sizes_are_read(
    tmp_path, builder, name, image_size, size
):
    builder(data_dir=tmp_path).download_and_prepare()
    data = load(name, image_size=image_size, data_dir=tmp_path)
    assert data.class_names == ("blue", "red")
    splits = data.train, data.validation, data.test
    assert [len(labels) for _, labels in splits] == [4, 2, 2]
    for images, labels in splits:
        assert images.shape[1:] == (size, size, 3)
        assert images.dtype == "uint8"
        np.testing.assert_array_equal(images[:, 3, 3, 0], 200 * labels)


def test_prepared_sets_without_labels_are_refused(tmp_path):
    folder = tmp_path / "words/1.0.0"
    folder.mkdir(parents=True)
    (folder / "dataset_info.json").write_text("{")
    with pytest.raises(OSError, match=r"words/1\.0\.0 cannot be read as"):
        load("words", image_size=9, data_dir=tmp_path)
