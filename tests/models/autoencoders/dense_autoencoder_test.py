"""Dense autoencoders: layers, penalties, dropout."""

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.models import dense_autoencoder
from dlunits.regularizers import KLSparsity


def test_encoder_and_decoder_mirror_each_other():
    autoencoder = dense_autoencoder((4, 3), 2, (8, 5))

    def units(part):
        return [
            (layer.name, layer.units)
            for layer in part.layers
            if isinstance(layer, keras.layers.Dense)
        ]

    assert units(autoencoder.encoder) == [
        ("encoder_1", 8),
        ("encoder_2", 5),
        ("code", 2),
    ]
    assert units(autoencoder.decoder) == [
        ("decoder_1", 5),
        ("decoder_2", 8),
        ("reconstruction", 12),
    ]
    assert autoencoder.output_shape == (None, 4, 3)


def test_a_tied_decoder_has_the_transposed_kernels():
    autoencoder = dense_autoencoder((5,), 2, (4,), activation="tanh", tied=True)
    x = np.random.default_rng(0).normal(size=(3, 5)).astype("float32")
    hidden, code = (
        autoencoder.encoder.get_layer(name).get_weights()[0]
        for name in ("encoder_1", "code")
    )

    expected = np.tanh(np.tanh(x @ hidden) @ code @ code.T) @ hidden.T

    np.testing.assert_allclose(autoencoder.reconstruct(x), expected, atol=1e-5)


def test_penalties_are_the_sum_of_squares_and_of_the_codes():
    autoencoder = dense_autoencoder(
        (3,), 2, l2=0.5, activity_regularizer=keras.regularizers.L1(1.0)
    )
    x = np.ones((4, 3), "float32")
    kernels = [autoencoder.get_weights()[index] for index in (0, 2)]

    code = ops.convert_to_numpy(autoencoder.encoder(x))
    autoencoder(x)

    squares = 0.5 * sum((kernel**2).sum() for kernel in kernels)
    sizes = abs(code).sum() / len(x)  # Keras: a mean over the batch
    np.testing.assert_allclose(
        float(sum(autoencoder.losses)), squares + sizes, rtol=1e-5
    )


def test_dropout_drops_units_in_training_only():
    autoencoder = dense_autoencoder(
        (6,), 200, code_activation="sigmoid", dropout=0.25
    )
    x = np.ones((50, 6), "float32")

    dropped = ops.convert_to_numpy(autoencoder.encoder(x, training=True)) == 0

    # 10,000 units: the standard deviation of the fraction is 0.0043.
    assert abs(dropped.mean() - 0.25) < 0.02
    assert (autoencoder.encode(x) > 0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"latent_dim": 0}, "size must be at least 1"),
        ({"latent_dim": 2, "units": (3, 0)}, "size must be at least 1"),
        ({"latent_dim": 2, "dropout": 1.0}, r"`dropout` must be in \[0, 1\)"),
        ({"latent_dim": 2, "l2": -0.1}, "`l2` must not be negative"),
        ({"latent_dim": 2, "l2": float("nan")}, "`l2` must not be negative"),
    ],
)
def test_rejects_arguments_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        dense_autoencoder((4,), **options)


@pytest.mark.parametrize("activation", ["relu", None, "tanh"])
def test_rejects_kl_sparsity_of_a_code_outside_0_to_1(activation):
    with pytest.raises(ValueError, match=r"use `keras\.regularizers\.L1`"):
        dense_autoencoder(
            (4,),
            2,
            code_activation=activation,
            activity_regularizer=KLSparsity(),
        )


def test_kl_sparsity_of_a_sigmoid_code_is_in_the_loss():
    sparsity = KLSparsity(target=0.1, weight=2.0)
    autoencoder = dense_autoencoder(
        (4,), 3, code_activation="sigmoid", activity_regularizer=sparsity
    )
    autoencoder.set_weights([0 * w for w in autoencoder.get_weights()])
    autoencoder.compile(loss="mse")

    loss = autoencoder.evaluate(np.zeros((5, 4)), verbose=0)

    # All three units are sigmoid(0) = 0.5; the reconstruction is exact.
    kl = 0.1 * np.log(0.1 / 0.5) + 0.9 * np.log(0.9 / 0.5)
    np.testing.assert_allclose(loss, 2.0 * 3 * kl, rtol=1e-5)
