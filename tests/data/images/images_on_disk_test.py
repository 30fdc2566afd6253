"""Images that are read from disk when they are indexed."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from dlunits.data.images.image_files import read_rgb_image
from dlunits.data.images.images_on_disk import ImagesOnDisk, rows_of


@pytest.fixture
def paths(tmp_path):
    rng = np.random.default_rng(0)
    found = [tmp_path / f"{number}.png" for number in range(3)]
    for path in found:
        pixels = rng.integers(0, 256, (12, 9, 3), dtype="uint8")
        Image.fromarray(pixels).save(path)
    return found


@pytest.mark.parametrize(
    "index", [1, slice(0, 2), slice(None, None, 2), np.array([2, 0])]
)
def test_indexing_gives_the_same_as_an_array(paths, index):
    expected = np.stack([read_rgb_image(path, 8) for path in paths])
    images = ImagesOnDisk(paths, 8)
    assert images.shape == expected.shape and len(images) == 3
    np.testing.assert_array_equal(images[index], expected[index])
    np.testing.assert_array_equal(images.part(np.array([2, 0]))[1], images[0])


def test_a_pipeline_reads_the_rows_of_each_batch(paths):
    images = ImagesOnDisk(paths, 8)
    rows, read = rows_of(images)
    batches = tf.data.Dataset.from_tensor_slices(rows).batch(2).map(read)
    assert batches.element_spec.shape.as_list() == [None, 8, 8, 3]
    found = np.concatenate(list(batches.as_numpy_iterator()))
    np.testing.assert_array_equal(found, images[:])


def test_a_file_that_is_gone_is_named(paths):
    images = ImagesOnDisk(paths, 8)
    paths[1].unlink()
    with pytest.raises(OSError, match=r"1\.png: "):
        images[:]
