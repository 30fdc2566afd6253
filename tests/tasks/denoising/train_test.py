"""Noise by its name, and what is refused; the app's test trains."""

import dataclasses

import numpy as np
import pytest

from dlunits.data.images import image_datasets
from dlunits.tasks.denoising.train import (
    denoised_test_images,
    passes,
    train_denoiser,
)
from dlunits.training import RunDirectory


@pytest.fixture(scope="module")
def data():
    return image_datasets.load("digits")


@pytest.fixture(scope="module")
def few(data):
    return dataclasses.replace(data, train=[part[:320] for part in data.train])


class Nothing:
    """A model that changes nothing."""

    @staticmethod
    def predict(images, verbose):
        return images


@pytest.mark.parametrize(
    ("noise", "black"), [("masking", 0.5), ("salt_and_pepper", 0.25)]
)
def test_each_noise_is_made_as_it_is_named(few, noise, black):
    results = denoised_test_images(Nothing, few, noise=noise, level=0.5, seed=0)
    noisy, clean = results["noisy"], few.test[0] / np.float32(255)
    assert noisy.shape == clean.shape
    np.testing.assert_array_equal(results["denoiser"], noisy)
    inked = (clean > 0) & (clean < 1)
    assert np.mean(noisy[inked] == 0) == pytest.approx(black, abs=0.02)
    assert np.mean(noisy[inked] == 1) == pytest.approx(0.5 - black, abs=0.02)
    kept = np.isclose(noisy[inked], clean[inked], atol=1e-6)
    assert kept.mean() == pytest.approx(0.5, abs=0.02)


def test_few_images_are_passed_over_more_often():
    assert passes(range(10_000), 10_000) == 1
    assert passes(range(10_001), 10_000) == 1
    assert passes(range(320), 10_000) == 31  # 31 * 320 = 9,920


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 321}, "batch_size=321"),
        ({"level": -1.0}, "stddev=-1.0"),
        ({"level": 1.5, "noise": "masking"}, "rate=1.5"),
    ],
)
def test_refuses_before_training(few, options, message, tmp_path):
    run_directory = RunDirectory(tmp_path, {})
    with pytest.raises(ValueError, match=message):
        train_denoiser(few, run_directory, epochs=1, **options)
