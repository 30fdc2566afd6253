"""A classifier with few labels, with and without generated images."""

import numpy as np
import pytest

from dlunits.data.images import image_datasets
from dlunits.tasks.gan import augment_classifier


class Copying:
    """A perfect conditional generator: it returns training images."""

    num_classes = 10

    def __init__(self, data):
        images, labels = data.train
        self.images = images.astype("float32") / 255
        self.of_class = [np.flatnonzero(labels == c) for c in range(10)]

    def generate(self, count, seed):
        rng = np.random.default_rng(seed)
        rows = [rng.choice(self.of_class[n % 10]) for n in range(count)]
        return self.images[rows]


@pytest.fixture(scope="module")
def table():
    kept = augment_classifier.STEPS
    augment_classifier.STEPS = 100
    data = image_datasets.load("digits")
    yield augment_classifier.few_label_table(Copying(data), data, (50, 10**6))
    augment_classifier.STEPS = kept


def test_good_generated_images_reduce_the_error(table):
    [row] = table
    alone, helped = (
        float(row[name].rstrip("%"))
        for name in ("alone", "with generated images")
    )
    assert row["labels"] == 50
    assert helped < alone - 3


def test_numbers_above_the_size_of_the_data_have_no_row(table):
    assert [row["labels"] for row in table] == [50]
