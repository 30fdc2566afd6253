"""Training of AlexNet: the image sizes, resuming, and predictions."""

import keras
import numpy as np
import pytest
from PIL import Image

from dlunits.data.images.crop_augmentation import ten_crops
from dlunits.data.images.image_datasets import ImageDataset
from dlunits.models import AlexNet
from dlunits.tasks.image_classification.sources import load
from dlunits.tasks.image_classification.train import (
    approximate_weights,
    predict_center,
    predict_ten_crops,
    resized_image_size,
    top_k_accuracy,
    train_alexnet,
)
from dlunits.training import RunDirectory

RECIPE = {
    "width": 0.02,
    "crop_size": 67,
    "steps_per_epoch": 2,
    "batch_size": 4,
    "dropout": 0.2,
    "precision": "mixed_float16",
}


@pytest.fixture(scope="module")
def data():
    """Two classes: dark images and bright ones."""
    rng = np.random.default_rng(0)
    labels = np.arange(12, dtype="int32") % 2
    noise = rng.integers(0, 100, (12, 20, 20, 3), dtype="uint8")
    images = noise + (150 * labels).astype("uint8")[:, None, None, None]
    split = images, labels
    return ImageDataset("noise", False, "Noise.", ("a", "b"), *[split] * 3)


def test_images_are_resized_by_the_ratio_of_the_paper():
    assert resized_image_size(227) == 256


class StopError(Exception):
    """Ends a training after its first epoch."""


class StopAfterOneEpoch(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise StopError


class StoppedRun(RunDirectory):
    def fit(self, *arguments, **options):
        callbacks = [StopAfterOneEpoch()]
        return super().fit(*arguments, callbacks=callbacks, **options)


def test_a_resumed_run_ends_with_the_same_weights(data, tmp_path):
    """Crops, color shifts, dropout and the scale of the loss continue."""
    whole, history = train_alexnet(
        data, RunDirectory(tmp_path / "whole", {}), epochs=2, **RECIPE
    )
    assert whole.get_layer("conv3").compute_dtype == "float16"
    assert whole.get_layer("conv3").kernel.dtype == "float32"
    assert type(whole.optimizer).__name__ == "LossScaleOptimizer"
    assert np.isfinite(history["loss"]).all()
    with pytest.raises(StopError):
        train_alexnet(
            data, StoppedRun(tmp_path / "stopped", {}), epochs=2, **RECIPE
        )
    resumed, again = train_alexnet(
        data, RunDirectory(tmp_path / "stopped", {}), epochs=2, **RECIPE
    )
    assert again == history
    for one, other in zip(
        resumed.get_weights(), whole.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_images_on_disk_train_the_same_network(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("dark", "light"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(6):
            pixels = rng.integers(0, 99, (80, 80, 3), dtype="uint8")
            image = Image.fromarray(pixels + 150 * (name == "light"))
            image.save(tmp_path / "photos" / name / f"{number}.png")
    recipe = {**RECIPE, "precision": "float32", "epochs": 1}
    trained = []
    for from_disk in (False, True):
        data = load(str(tmp_path / "photos"), 76, from_disk=from_disk)
        directory = RunDirectory(tmp_path / str(from_disk), {})
        model, history = train_alexnet(data, directory, **recipe)
        scores = predict_center(model, data.test[0])
        trained.append((history, scores, model.get_weights()))
    (history, scores, weights), (again, others, same) = trained
    assert again == history
    np.testing.assert_array_equal(others, scores)
    for one, other in zip(same, weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_ten_crops_are_averaged(data):
    model = AlexNet(2, width=0.02, input_shape=(67, 67, 3))
    images = data.test[0][:3]
    scores = predict_ten_crops(model, images, flip=True)
    centers = predict_center(model, images)
    for image, row, center in zip(images, scores, centers, strict=True):
        [crops] = ten_crops(image[None], 67, 76)
        expected = model.predict(crops, verbose=0)
        np.testing.assert_allclose(row, expected.mean(axis=0), atol=1e-5)
        np.testing.assert_allclose(center, expected[4], atol=1e-5)


def test_top_k_is_one_for_k_classes():
    scores = np.random.default_rng(0).uniform(size=(20, 5))
    labels = np.arange(20) % 5
    values = [top_k_accuracy(scores, labels, k) for k in range(1, 6)]
    assert values == sorted(values)
    assert values[0] == (scores.argmax(axis=1) == labels).mean()
    assert values[-1] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        {"width": 1000.0},
        {"width": 4.0, "crop_size": 2048},  # 62 * 62 * 1,024 maps to fc6
    ],
)
def test_networks_beyond_the_memory_are_refused(data, tmp_path, arguments):
    with pytest.raises(ValueError, match="The network is too large"):
        train_alexnet(data, RunDirectory(tmp_path, {}), **arguments)


def test_weights_are_counted_as_the_model_has_them():
    model = AlexNet(2, "ungrouped", 0.25, input_shape=(131, 131, 3))
    counted = approximate_weights(0.25, 131)
    assert counted == pytest.approx(model.count_params(), rel=0.01)
