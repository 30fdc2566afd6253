"""Training of LeNet-5 on the embedded digits."""

import numpy as np
import pytest

from dlunits.data.images import image_datasets
from dlunits.data.images.augmentation import pad_to_32x32
from dlunits.data.images.handwriting_augmentation import draw_curves
from dlunits.tasks.digits.train import predict_lenet, train_lenet
from dlunits.training import RunDirectory


@pytest.fixture(scope="module")
def data():
    return image_datasets.load("digits")


def train(data, folder, **recipe):
    return train_lenet(
        data,
        RunDirectory(folder, recipe),
        **{"epochs": 1, "batch_size": 64, "seed": 0, **recipe},
    )


@pytest.mark.parametrize("variant", ["modern", "1998"])
def test_classifies_digits_after_one_epoch(data, variant, tmp_path):
    model, history = train(data, tmp_path, variant=variant, patience=1)
    scores = predict_lenet(model, data.test[0], verbose=0)

    # Chance is 0.1. There are 300 test digits: 0.9 allows 30 errors.
    assert np.mean(scores.argmax(axis=1) == data.test[1]) > 0.9
    assert scores.shape == (300, 10)
    assert len(history["val_loss"]) == 1
    assert model.variant == variant


def test_the_same_seed_gives_the_same_weights(data, tmp_path):
    first, second, other = (
        train(data, tmp_path / name, augment=False, seed=seed)[0].get_weights()
        for name, seed in (("a", 3), ("b", 3), ("c", 4))
    )
    for one, same in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, same)
    assert not np.array_equal(first[0], other[0])


def test_a_finished_run_is_loaded_instead_of_trained_again(data, tmp_path):
    trained, history = train(data, tmp_path, augment=False)
    loaded, same_history = train(data, tmp_path, augment=False)

    assert same_history == history
    for one, same in zip(
        trained.get_weights(), loaded.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, same)


def test_predictions_are_those_of_the_padded_images(data, tmp_path):
    model, _ = train(data, tmp_path, augment=False)
    images = data.test[0][:5]
    np.testing.assert_allclose(
        predict_lenet(model, images, verbose=0),
        model.predict(pad_to_32x32(images), verbose=0),
        atol=1e-6,
    )


def test_a_batch_larger_than_the_data_is_refused(data, tmp_path):
    with pytest.raises(ValueError, match="1372 training images"):
        train(data, tmp_path, batch_size=5000)


def test_handwriting_augmentation_and_unknown_ones(data, tmp_path):
    recipe = {"steps_per_epoch": 60, "augmentation": "handwriting"}
    _, history = train(data, tmp_path / "a", **recipe)
    # A tenth of the labels is random; guessing all gives 0.1.
    assert history["val_accuracy"][0] > 0.5
    with pytest.raises(ValueError, match="`augmentation` must be one of"):
        train(data, tmp_path / "b", augmentation="elastic")


def test_with_shapes_that_are_no_digits_the_model_has_a_class_for_them(
    data, tmp_path
):
    """Most drawings with another seed than in training are of this class."""
    model, _ = train(data, tmp_path, augmentation="handwriting", epochs=2)
    digits = predict_lenet(model, data.test[0], verbose=0)
    assert digits.shape == (300, 11)
    drawings = np.round(255 * draw_curves(200, [9, 9]).numpy())[..., None]
    drawings = predict_lenet(model, drawings.astype("uint8"), verbose=0)
    assert digits[:, 10].mean() < 0.2
    assert drawings[:, 10].mean() > 0.5
