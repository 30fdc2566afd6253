"""Convolutional GANs: shapes, parameters, class projection."""

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.models import convolutional_gan


@pytest.mark.parametrize(
    ("shape", "filters"), [((28, 28, 1), (8, 4)), ((8, 16, 3), (4, 3, 2))]
)
def test_generator_outputs_have_the_shape_of_discriminator_inputs(
    shape, filters
):
    model = convolutional_gan(shape, 5, filters=filters)

    made = model.generate(2, seed=0)

    assert made.shape == (2, *shape)
    assert made.min() >= 0
    assert made.max() <= 1
    assert model.discriminator(made).shape == (2, 1)


def test_parameters_are_those_of_the_stages():
    model = convolutional_gan(
        (8, 8, 1), 3, filters=(6, 5), kernel_size=4, units=7
    )

    dense, between, last = 3 * 2 * 2 * 6, 16 * 6 * 5, 16 * 5 * 1 + 1
    normalized = 4 * (6 + 5)  # scale, shift, mean and variance of each map
    expected = dense + between + last + normalized
    assert model.generator.count_params() == expected
    convolutions = 16 * 1 * 5 + 5 + 16 * 5 * 6 + 6
    expected = convolutions + 2 * 2 * 6 * 7 + 7 + 7 + 1
    assert model.discriminator.count_params() == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 0.5),
        ({"loss": "wasserstein"}, 10.0),
        ({"penalty": 0.0}, 0.0),
        ({"loss": "wasserstein", "penalty": 1.0}, 1.0),
    ],
)
def test_the_gradient_penalty_has_a_default_weight(options, expected):
    model = convolutional_gan((4, 4, 1), 3, filters=(2,), **options)
    assert model.penalty == expected


def test_discriminator_outputs_depend_on_one_image_each():
    """A gradient penalty per image needs that."""
    model = convolutional_gan((4, 4, 1), 3, filters=(2,))
    images = np.random.default_rng(0).uniform(size=(3, 4, 4, 1))
    together = model.discriminator(images, training=True)
    alone = model.discriminator(images[:1], training=True)
    np.testing.assert_allclose(together[:1], alone, rtol=1e-5)


def test_discriminator_projects_the_class_on_its_features():
    model = convolutional_gan(
        (4, 4, 1), 2, num_classes=3, filters=(2,), units=5
    )
    rng = np.random.default_rng(0)
    images = rng.uniform(size=(3, 4, 4, 1)).astype("float32")
    labels = np.arange(3, dtype="int32")
    network = model.discriminator
    kernel, bias, embedding = (
        next(w for w in network.get_weights() if w.shape == shape)
        for shape in ((5, 1), (1,), (3, 5))
    )
    hidden = keras.Model(
        network.inputs[0], network.get_layer("features").output
    )
    features = ops.convert_to_numpy(hidden(images))

    found = ops.convert_to_numpy(model.discriminator([images, labels]))

    expected = features @ kernel + bias
    expected += (embedding * features).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_ema_generator_equals_the_model():
    model = convolutional_gan(
        (4, 4, 1), 2, filters=(2,), seed=0, ema_momentum=0.5
    )
    model.compile()
    x = np.random.default_rng(0).uniform(size=(8, 4, 4, 1)).astype("float32")
    model.fit(x, batch_size=4, verbose=0)
    z = np.ones((2, 2), "float32")

    found = model.ema_generator()(z)

    np.testing.assert_allclose(found, model(z), atol=1e-6)
    assert not np.allclose(found, model.generator(z), atol=1e-6)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"image_shape": (10, 8, 1)}, "must be multiples of 4"),
        ({"filters": ()}, "must not be empty"),
        ({"filters": (4, 0)}, "must be at least 1"),
        ({"kernel_size": 0}, "must be at least 1"),
        ({"units": 0}, "must be at least 1"),
        ({"latent_dim": 0}, "must be at least 1"),
    ],
    ids=str,
)
def test_rejects_sizes_out_of_range(options, match):
    with pytest.raises(ValueError, match=match):
        convolutional_gan(**{"image_shape": (8, 8, 1), **options})
