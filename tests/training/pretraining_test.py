"""Greedy layer-wise pre-training, and fine-tuning with few labels."""

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

from dlunits.training import fine_tune, pretrain_layerwise


def chain(*units, num_inputs=64):
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [keras.Input((num_inputs,))]
        + [keras.layers.Dense(n, "sigmoid", name=f"dense_{n}") for n in units]
    )


@pytest.fixture(scope="module")
def digits():
    return load_digits().data.astype("float32") / 16


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def test_losses_are_those_of_tied_layers_on_the_outputs_before(digits):
    encoder = chain(32, 12)

    losses = pretrain_layerwise(
        encoder,
        digits,
        epochs=1,
        learning_rate=0.0,
        input_activation=None,
        verbose=0,
    )

    h, activation = digits, lambda a: a
    for layer in encoder.layers:
        kernel, _ = layer.get_weights()  # biases are still 0
        code = sigmoid(h @ kernel)
        expected = ((activation(code @ kernel.T) - h) ** 2).mean()
        np.testing.assert_allclose(losses[layer.name], [expected], rtol=1e-4)
        h, activation = code, sigmoid


def test_each_layer_learns(digits):
    losses = pretrain_layerwise(
        chain(32, 12),
        digits,
        epochs=20,
        learning_rate=0.01,
        input_activation="sigmoid",
        verbose=0,
    )

    assert list(losses) == ["dense_32", "dense_12"]
    for curve in losses.values():
        assert len(curve) == 20
        assert curve[-1] < 0.5 * curve[0]


def test_noise_makes_the_task_harder(digits):
    losses = [
        pretrain_layerwise(chain(32), digits, epochs=5, noise=noise, verbose=0)[
            "dense_32"
        ][-1]
        for noise in (None, keras.layers.GaussianNoise(1.0, seed=0))
    ]

    assert losses[1] > 1.1 * losses[0]


def test_layers_between_dense_layers_are_applied(digits):
    encoder = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(8),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(4, name="code"),
        ]
    )

    losses = pretrain_layerwise(
        encoder, digits.reshape(-1, 8, 8, 1), epochs=1, verbose=0
    )

    assert len(losses) == 2


def test_rejects_an_encoder_without_dense_layers(digits):
    encoder = keras.Sequential([keras.Input((64,)), keras.layers.ReLU()])

    with pytest.raises(ValueError, match=r"must have a `keras\.layers\.Dense`"):
        pretrain_layerwise(encoder, digits, epochs=1)


def scaled_between(x):
    h = keras.layers.Dense(6, name="a")(x)
    return keras.layers.Dense(3, name="b")(h * 100.0)


def with_a_bypass(x):
    h = keras.layers.Dense(64, name="a")(x)
    return keras.layers.Dense(3)(keras.layers.Add(name="sum")([x, h]))


def one_layer_twice(x):
    dense = keras.layers.Dense(64, name="twice")
    return dense(dense(x))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (scaled_between, "the operation 'multiply.*' of Multiply"),
        (with_a_bypass, "the layer 'sum' with the inputs .*'a'"),
        (one_layer_twice, "the layer 'twice' with the inputs .*'twice'"),
    ],
)
def test_rejects_an_encoder_that_is_not_a_chain_before_training(
    digits, make, message
):
    inputs = keras.Input((64,))
    encoder = keras.Model(inputs, make(inputs))
    before = encoder.get_weights()

    with pytest.raises(ValueError, match=f"chain of layers.*{message}"):
        pretrain_layerwise(encoder, digits, epochs=1, verbose=0)

    for old, new in zip(before, encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("wrong", [10, -1, 2.5, np.nan])
def test_rejects_a_label_of_no_class(digits, wrong):
    labels = np.r_[load_digits().target[:48], wrong, 11]
    message = f"integer from 0 to 9.*Received: 2 others of 50, such as {wrong}"
    with pytest.raises(ValueError, match=message):
        fine_tune(chain(8), digits[:50], labels, 10, epochs=1, verbose=0)


def test_rejects_nan_before_training(digits):
    encoder = chain(8)
    before = encoder.get_weights()
    spoilt = digits[:50].copy()
    spoilt[[3, 7], 5] = np.nan, np.inf

    for train in (
        lambda: pretrain_layerwise(encoder, spoilt, epochs=1),
        lambda: fine_tune(encoder, spoilt, np.zeros(50), 10, epochs=1),
    ):
        with pytest.raises(ValueError, match=r"in 2 of 50 examples.*example 3"):
            train()

    for old, new in zip(before, encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_fine_tuning_copies_the_encoder(digits):
    encoder = chain(16)
    before = encoder.get_weights()
    options = {"num_classes": 10, "epochs": 1, "verbose": 0}

    still = fine_tune(
        encoder, digits, load_digits().target, learning_rate=0.0, **options
    )
    moved = fine_tune(encoder, digits, load_digits().target, **options)
    fresh = fine_tune(
        encoder,
        digits,
        load_digits().target,
        learning_rate=0.0,
        pretrained=False,
        **options,
    )

    for old, new in zip(before, encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    np.testing.assert_array_equal(still.get_weights()[0], before[0])
    assert not np.array_equal(moved.get_weights()[0], before[0])
    assert not np.array_equal(fresh.get_weights()[0], before[0])


def test_a_fine_tuned_classifier_learns_its_labels(digits):
    labels = load_digits().target

    classifier = fine_tune(
        chain(32),
        digits[:1000],
        labels[:1000],
        num_classes=10,
        epochs=15,
        learning_rate=0.01,
        verbose=0,
    )

    scores = classifier.predict(digits[1000:], verbose=0)
    np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-5)
    assert (scores.argmax(axis=1) == labels[1000:]).mean() > 0.85
