"""Types of noise and invalid arguments; the test of the app trains models."""

import dataclasses

import numpy as np
import pytest

from dlunits.data.images import image_datasets
from dlunits.tasks.denoising.train import (
    denoised_test_images,
    train_denoiser,
)
from dlunits.training import RunDirectory


@pytest.fixture(scope="module")
def data():
    return image_datasets.load("digits")


@pytest.fixture(scope="module")
def few(data):
    return dataclasses.replace(data, train=[part[:320] for part in data.train])


class Identity:
    """A model that returns its input."""

    @staticmethod
    def predict(images, verbose):
        return images


@pytest.mark.parametrize(
    ("noise", "black"), [("masking", 0.5), ("salt_and_pepper", 0.25)]
)
def test_each_type_of_noise_corrupts_as_documented(few, noise, black):
    results = denoised_test_images(
        Identity, few, noise=noise, noise_level=0.5, seed=0
    )
    noisy, clean = results["noisy"], few.test[0] / np.float32(255)
    assert noisy.shape == clean.shape
    np.testing.assert_array_equal(results["denoiser"], noisy)
    gray = (clean > 0) & (clean < 1)
    assert np.mean(noisy[gray] == 0) == pytest.approx(black, abs=0.02)
    assert np.mean(noisy[gray] == 1) == pytest.approx(0.5 - black, abs=0.02)
    kept = np.isclose(noisy[gray], clean[gray], atol=1e-6)
    assert kept.mean() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 321}, "batch_size=321"),
        ({"noise_level": -1.0}, "stddev=-1.0"),
        ({"noise_level": 1.5, "noise": "masking"}, "rate=1.5"),
    ],
)
def test_invalid_arguments_are_refused_before_training(
    few, options, message, tmp_path
):
    run_directory = RunDirectory(tmp_path, {})
    with pytest.raises(ValueError, match=message):
        train_denoiser(few, run_directory, epochs=1, **options)
