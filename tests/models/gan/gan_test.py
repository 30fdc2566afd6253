"""GANs: generated examples and saving."""

import keras
import numpy as np
import pytest

from dlunits.models import GAN
from dlunits.training.checkpoint import load_checkpoint, save_checkpoint


def assert_equal(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_same_seed_generates_the_same_examples(gan):
    model = gan()
    first, second = model.generate(5, seed=3), model.generate(5, seed=3)
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, model.generate(5, seed=4))
    np.testing.assert_allclose(
        model.generate(7, seed=3, batch_size=2)[:5], first, atol=1e-6
    )


@pytest.mark.parametrize("options", [{}, {"num_classes": 4}], ids=str)
def test_training_from_a_file_equals_uninterrupted_training(
    gan, options, tmp_path
):
    labels = np.arange(len(gan.real)) % 4 if options else None
    model = gan(dropout=0.5, **options)
    gan.fit(model, labels=labels)
    model.save(tmp_path / "gan.keras")

    again = keras.saving.load_model(tmp_path / "gan.keras", safe_mode=True)

    for each in (model, again):
        gan.fit(each, labels=labels)
    assert_equal(again.get_weights(), model.get_weights())
    for one, other in zip(
        again.optimizer.variables, model.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_training_from_a_checkpoint_equals_uninterrupted_training(
    gan, tmp_path
):
    model, again = gan(dropout=0.5), gan(dropout=0.5)
    gan.fit(model)
    save_checkpoint(tmp_path / "checkpoint.npz", model, state={})

    load_checkpoint(tmp_path / "checkpoint.npz", again)

    gan.fit(model), gan.fit(again)
    assert_equal(again.get_weights(), model.get_weights())


def test_an_uncompiled_model_can_be_loaded(gan, tmp_path):
    model = GAN(*gan.networks(), gan.latent)
    model.save(tmp_path / "gan.keras")
    again = keras.saving.load_model(tmp_path / "gan.keras")
    assert_equal(again.get_weights(), model.get_weights())


def test_a_conditional_gan_generates_the_given_class(gan):
    labels = np.arange(15 * 256) % 2
    real = np.where(labels[:, None], 2.0, -2.0) * np.ones(gan.size)
    model = gan(num_classes=2, ema_momentum=0.9)

    gan.fit(model, real.astype("float32"), labels)

    means = [model.generate(100, 0, labels=label).mean() for label in (0, 1)]
    assert means[0] < -1
    assert means[1] > 1


def test_a_conditional_gan_generates_all_classes_in_turn_by_default(gan):
    model = gan(num_classes=gan.classes)
    alone = model.generate(6, 0, labels=[0, 1, 2, 3, 0, 1])
    np.testing.assert_array_equal(model.generate(6, 0), alone)


def test_a_frozen_generator_keeps_its_weights_and_its_moving_average(
    gan, tmp_path
):
    model = gan()
    model.generator.trainable = False
    before = model.generate(2, seed=0)
    weights = model.generator.get_weights()
    gan.fit(model)
    assert_equal(model.generator.get_weights(), weights)
    np.testing.assert_allclose(model.generate(2, seed=0), before, atol=1e-6)
    model.compile()  # as in Keras: optimizers without the frozen variables
    gan.fit(model)
    assert_equal(model.generator.get_weights(), weights)
    model.save(tmp_path / "gan.keras")
    again = keras.saving.load_model(tmp_path / "gan.keras")
    assert not again.generator.trainable
    assert again.discriminator.trainable
    assert_equal(again.get_weights(), model.get_weights())


def test_one_hot_labels_are_refused(gan):
    model = gan(num_classes=gan.classes)
    one_hot = np.eye(gan.classes, dtype="int32")
    with pytest.raises(ValueError, match=r"argmax.* Received: .*\(4, 4\)"):
        model.generate(4, labels=one_hot)
    with pytest.raises(ValueError, match=r"argmax.* Received: .*\(4, 4\)"):
        model.fit(gan.real[:4], one_hot)
    with pytest.raises(ValueError, match=r"argmax"):  # of a data set
        model.unpack((gan.real[:4], keras.ops.convert_to_tensor(one_hot)))


def test_compile_names_its_arguments(gan):
    with pytest.raises(ValueError, match="takes `generator_optimizer` and"):
        gan().compile(optimizer="adam")


def test_rejects_invalid_counts_and_labels(gan):
    with pytest.raises(ValueError, match="`num_samples` must be at least 1"):
        gan().generate(0)
    with pytest.raises(ValueError, match="need a conditional GAN"):
        gan().generate(1, labels=0)
    with pytest.raises(ValueError, match=r"from 0 to 3. Received: 4"):
        gan(num_classes=gan.classes).generate(2, labels=[0, gan.classes])
