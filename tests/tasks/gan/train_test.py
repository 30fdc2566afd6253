"""Training of a GAN: sample grids, collapse warnings, resumed runs."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from dlunits.data.images import image_datasets
from dlunits.tasks.gan import train
from dlunits.training import RunDirectory

# After four steps all images are gray.
pytestmark = pytest.mark.filterwarnings("ignore:After epoch 1")


@pytest.fixture(scope="module")
def few():
    data = image_datasets.load("digits")
    images, labels = data.train
    return dataclasses.replace(data, train=(images[:256], labels[:256]))


@pytest.fixture(scope="module")
def trained(few, tmp_path_factory):
    train.IMAGES_PER_EPOCH, kept = 256, train.IMAGES_PER_EPOCH
    run_directory = RunDirectory(tmp_path_factory.mktemp("run"), {"seed": 0})
    yield (
        run_directory,
        *train.train_gan(
            few, run_directory, conditional=True, epochs=2, batch_size=64
        ),
    )
    train.IMAGES_PER_EPOCH = kept


def test_the_history_has_losses_accuracies_and_diversity(trained):
    _, _, history = trained
    assert {
        "discriminator_loss",
        "generator_loss",
        "real_accuracy",
        "fake_accuracy",
        "val_real_accuracy",
        "gradient_penalty",
        "diversity",
        "learning_rate",
    } <= history.keys()
    assert all(len(values) == 2 for values in history.values())


def test_each_epoch_saves_a_grid_with_one_class_per_column(trained):
    run_directory, model, _ = trained
    path = run_directory.path / "samples/epoch_0002.png"
    with Image.open(path) as image:
        grid = np.asarray(image)
    assert grid.shape == (8 * 28, 10 * 28)
    images = model.generate(80, seed=0)
    first = np.rint(255 * images[0, ..., 0])
    np.testing.assert_allclose(grid[:28, :28], first, atol=1)


def test_the_grids_become_an_animation(trained, tmp_path):
    run_directory, *_ = trained
    path = train.write_gif(
        tmp_path / "samples.gif", run_directory.path / "samples"
    )
    with Image.open(path) as animation:
        assert animation.n_frames == 2


def test_an_animation_without_grids_is_refused(tmp_path):
    with pytest.raises(OSError, match="has no grids"):
        train.write_gif(tmp_path / "samples.gif", tmp_path)


def test_a_finished_run_is_not_trained_again(few, trained):
    run_directory, model, history = trained
    again, same = train.train_gan(
        few, run_directory, conditional=True, epochs=2, batch_size=64
    )
    assert same == history
    for one, other in zip(
        again.get_weights(), model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)


class Repeating:
    """A generator that has collapsed."""

    def generate(self, count, seed):
        return np.ones((count, 2, 2, 1))


def test_there_is_one_warning_of_collapse():
    real = np.random.default_rng(0).integers(0, 256, (9, 2, 2, 1), "uint8")
    warning = train.CollapseWarning(real)
    warning.set_model(Repeating())
    logs = {}

    with pytest.warns(UserWarning, match="After epoch 3 .* may have collapsed"):
        warning.on_epoch_end(2, logs)
    warning.on_epoch_end(3, {})  # a second warning would be an error

    assert logs == {"diversity": 0.0}


def test_one_image_per_class_is_a_collapse():
    labels = np.arange(40) % 2
    real = np.random.default_rng(0).integers(0, 256, (40, 2, 2, 1), "uint8")
    warning = train.CollapseWarning(real, labels)

    class OnePerClass:
        num_classes = 2

        def generate(self, count, seed):
            return (np.arange(count) % 2.0)[:, None, None, None] + np.zeros(4)

    warning.set_model(OnePerClass())
    logs = {}
    with pytest.warns(UserWarning, match="may have collapsed"):
        warning.on_epoch_end(4, logs)

    assert logs == {"diversity": 0.0}


def test_diversity_of_real_images_is_one():
    real = np.random.default_rng(0).integers(0, 256, (256, 2, 2, 1), "uint8")
    warning = train.CollapseWarning(real)

    class Real:
        def generate(self, count, seed):
            return real.astype("float32") / 255

    warning.set_model(Real())
    logs = {}
    warning.on_epoch_end(0, logs)

    assert logs["diversity"] == pytest.approx(1, rel=1e-5)


def test_a_nan_loss_ends_the_run_and_is_named(few, tmp_path):
    run_directory = RunDirectory(tmp_path, {"seed": 0})
    with pytest.raises(ValueError, match=r"(generator|discriminator).* is nan"):
        train.train_gan(
            few, run_directory, epochs=1, batch_size=64, learning_rate=1e30
        )
    assert not run_directory.checkpoint.exists()


def test_a_batch_larger_than_the_data_is_refused(few, tmp_path):
    with pytest.raises(ValueError, match="smaller batch size"):
        train.train_gan(
            few,
            RunDirectory(tmp_path, {"seed": 0}),
            epochs=1,
            batch_size=1000,
        )
