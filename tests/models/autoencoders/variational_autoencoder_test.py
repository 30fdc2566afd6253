"""The variational autoencoder against models whose likelihood is known."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.layers import GaussianSampling
from dlunits.models import VariationalAutoencoder, dense_variational_autoencoder


def negative_elbo(model, x):
    """Mean over 1,000 samples per example, and 4 standard errors of it."""
    x = np.tile(x, (100, 1))
    losses = [
        model.evaluate(x, batch_size=10_000, verbose=0, return_dict=True)
        for _ in range(10)
    ]
    losses = [scores["loss"] for scores in losses]
    return np.mean(losses), 4 * np.std(losses, ddof=1) / math.sqrt(10)


def test_elbo_at_the_exact_posterior_is_the_likelihood(known):
    """For the exact posterior, log w is log p(x) for every sample z."""
    model, expected = (
        known.model(),
        known.log_likelihood(),
    )
    for num_samples in (1, 7):
        np.testing.assert_allclose(
            model.log_likelihood(known.x, num_samples),
            expected,
            rtol=1e-4,
        )
    loss, error = negative_elbo(model, known.x)
    assert abs(loss + expected.mean()) < error < 0.02


def test_elbo_is_lower_by_the_divergence_from_the_exact_posterior(
    known,
):
    """By hand: KL of N(m + .3, s e^.4) from N(m, s), in two dimensions."""
    model = known.model(mean_error=0.3, log_variance_error=0.4)
    variance = known.stddev**2 / known.M
    gap = 0.5 * (0.3**2 / variance + math.exp(0.4) - 1 - 0.4).sum()
    loss, error = negative_elbo(model, known.x)
    expected = gap - known.log_likelihood().mean()
    assert abs(loss - expected) < error < gap / 4


def small_model(**options):
    keras.utils.set_random_seed(0)
    return dense_variational_autoencoder((4, 3), 2, (8,), seed=0, **options)


def binary_images(count=20):
    rng = np.random.default_rng(0)
    return (rng.uniform(size=(count, 4, 3)) < 0.3).astype("float32")


def test_bernoulli_loss_is_the_sum_over_pixels_and_codes():
    """A loop over the pixels with the code sampled by the same seed."""
    model, x = small_model(beta=3.0), binary_images(2)
    model.compile(keras.optimizers.SGD(0.0))
    mean, log_variance = np.split(
        ops.convert_to_numpy(model.posterior(x)), 2, axis=1
    )
    noise = keras.random.normal((2, 2), seed=keras.random.SeedGenerator(0))
    z = mean + np.exp(log_variance / 2) * ops.convert_to_numpy(noise)
    reconstruction = kl = 0.0
    for i, image in enumerate(model.decode(z)):
        for p, pixel in zip(image.flat, x[i].flat, strict=True):
            reconstruction -= math.log(p if pixel else 1 - p) / 2
        for m, v in zip(mean[i], log_variance[i], strict=True):
            kl += (m**2 + math.exp(v) - 1 - v) / 2 / 2
    scores = model.evaluate(x, verbose=0, return_dict=True)
    assert scores["reconstruction_loss"] == pytest.approx(
        reconstruction, rel=1e-4
    )
    assert scores["kl_loss"] == pytest.approx(kl, rel=1e-4)
    loss = reconstruction + 3 * kl
    assert scores["loss"] == pytest.approx(loss, rel=1e-4)
    assert set(scores) == {"loss", "reconstruction_loss", "kl_loss"}


def test_a_code_may_have_several_axes():
    encoder = keras.Sequential(
        [
            keras.Input((2, 3)),
            keras.layers.Dense(2 * 5, kernel_initializer="zeros"),
            GaussianSampling(),
        ]
    )
    decoder = keras.Sequential(
        [keras.Input((2, 5)), keras.layers.Dense(3, kernel_initializer="zeros")]
    )
    encoder.layers[0].set_weights(
        [np.zeros((3, 10)), 0.3 * np.eye(2).repeat(5, 1)[0]]
    )
    model = VariationalAutoencoder(encoder, decoder)
    model.compile()
    x = np.ones((4, 2, 3))
    scores = model.evaluate(x, verbose=0, return_dict=True)
    # Ten numbers 0.3 off the prior, 0.3^2 / 2 each; six fair pixels.
    assert scores["kl_loss"] == pytest.approx(0.45)
    assert scores["reconstruction_loss"] == pytest.approx(6 * math.log(2))
    assert scores["loss"] == pytest.approx(0.45 + 6 * math.log(2))
    np.testing.assert_allclose(  # outputs do not depend on the code
        model.log_likelihood(x, num_samples=20_000), -6 * math.log(2), atol=0.05
    )


def test_extreme_logits_do_not_underflow():
    """-log sigmoid(-1000) = 1000; the probability itself would be 0."""
    model = small_model()
    logits = np.full((1, 4, 3), 1000.0)
    wrong = model.conditional_log_likelihood(np.zeros((1, 4, 3)), logits)
    right = model.conditional_log_likelihood(np.ones((1, 4, 3)), logits)
    assert (float(wrong[0]), float(right[0])) == (-12_000, 0)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_training_decreases_the_loss_and_the_divergence(likelihood):
    """Pure noise cannot be encoded, so the optimal divergence is 0."""
    model, x = small_model(likelihood=likelihood), binary_images(200)
    model.compile(keras.optimizers.Adam(0.02))
    history = model.fit(x, epochs=30, verbose=0).history
    assert history["kl_loss"][-1] < 0.5
    assert history["loss"][-1] < history["loss"][0]
    np.testing.assert_allclose(
        history["loss"],
        np.add(history["kl_loss"], history["reconstruction_loss"]),
        rtol=1e-5,
    )


def test_a_larger_beta_makes_a_smaller_divergence():
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(200, 1, 1)) * np.ones((1, 4, 3))).astype("float32")
    kl = []
    for beta in (0.1, 10.0):
        model = small_model(likelihood="gaussian", beta=beta)
        model.compile(keras.optimizers.Adam(0.02))
        kl.append(model.fit(x, epochs=30, verbose=0).history["kl_loss"][-1])
    assert kl[0] > 2 * kl[1]


def test_sample_weights_weigh_the_examples():
    """Weights 2 and 0: the mean loss is the first example's alone."""
    model, x = small_model(), binary_images(2)
    model.compile(keras.optimizers.SGD(0.0))
    alone = -model.log_likelihood(np.repeat(x[:1], 4000, axis=0), 1).mean()
    both = np.tile(x, (4000, 1, 1))
    weighted = model.evaluate(
        both,
        both,
        sample_weight=np.tile([2.0, 0.0], 4000),
        batch_size=2000,
        verbose=0,
        return_dict=True,
    )
    assert weighted["loss"] == pytest.approx(alone, rel=0.01)
    total = weighted["reconstruction_loss"] + weighted["kl_loss"]
    assert total == pytest.approx(alone, rel=0.01)


def test_encode_reconstruct_and_decode_are_deterministic():
    model, x = small_model(), binary_images()
    mean = model.posterior(x)[:, :2]
    np.testing.assert_allclose(
        model.encode(x), ops.convert_to_numpy(mean), atol=1e-6
    )
    np.testing.assert_allclose(
        model.reconstruct(x), model.decode(model.encode(x)), rtol=1e-4
    )
    logits = ops.convert_to_numpy(model.raw_decoder(mean))
    np.testing.assert_allclose(
        model.reconstruct(x), 1 / (1 + np.exp(-logits)), rtol=1e-4
    )


def test_call_decodes_the_mean_of_the_code_in_training_too():
    """The code is sampled in the loss only."""
    model, x = small_model(), binary_images()
    np.testing.assert_allclose(
        ops.convert_to_numpy(model(x, training=True)),
        model.reconstruct(x),
        rtol=1e-5,
    )


def test_samples_come_from_standard_normal_codes(known):
    """Means are W z + b, so their covariance is W W'; 4 standard errors."""
    count = 20_000
    samples = known.model().sample(count, seed=0)
    assert samples.shape == (count, known.size)
    expected = known.W @ known.W.T
    spread = np.sqrt(
        (expected**2 + np.outer(np.diag(expected), np.diag(expected))) / count
    )
    assert (abs(np.cov(samples.T) - expected) < 4 * spread + 1e-6).all()


def test_sampling_is_reproducible_and_does_not_affect_training():
    histories = []
    for draws in (False, True):
        model = small_model()
        if draws:
            first, again, other = (model.sample(3, seed) for seed in (1, 1, 2))
            np.testing.assert_array_equal(first, again)
            assert (first != other).any()
            model.log_likelihood(binary_images(), 5)
        model.compile(keras.optimizers.SGD(0.1))
        histories.append(
            model.fit(binary_images(), shuffle=False, verbose=0).history
        )
    assert histories[0] == histories[1]


def test_interpolation_is_a_straight_line_of_codes(known):
    """The decoder is linear, so the images lie on a line as well."""
    model, (a, b) = known.model(), known.x[:2]
    line = model.interpolate(a, b, steps=5)
    ends = model.reconstruct(known.x[:2])
    for i in range(5):
        np.testing.assert_allclose(
            line[i], (1 - i / 4) * ends[0] + i / 4 * ends[1], atol=1e-5
        )


def test_a_saved_model_is_the_same_model(tmp_path):
    model, x = small_model(beta=2.0), binary_images()
    model.compile(keras.optimizers.Adam(0.01))
    model.fit(x, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert isinstance(again, VariationalAutoencoder)
    assert (again.beta, again.likelihood) == (2.0, "bernoulli")
    np.testing.assert_array_equal(again.sample(3, 0), model.sample(3, 0))
    np.testing.assert_array_equal(
        again.log_likelihood(x, 20), model.log_likelihood(x, 20)
    )
    again.fit(x, verbose=0)


def test_half_precision_trains_and_evaluates():
    """Sums over pixels are in single precision: errors are below 1 %."""
    single = small_model()
    half = small_model(dtype="mixed_float16")
    half.set_weights(single.get_weights())
    np.testing.assert_allclose(
        half.log_likelihood(binary_images(), 50),
        single.log_likelihood(binary_images(), 50),
        rtol=1e-2,
    )
    half.compile(keras.optimizers.Adam(0.01))
    losses = half.fit(binary_images(), epochs=30, verbose=0).history["loss"]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]


def test_denoising_targets_may_differ_from_the_input():
    model, x = small_model(), binary_images()
    model.compile(keras.optimizers.SGD(0.0))
    blank = np.zeros_like(x)
    model.raw_decoder.get_layer("reconstruction").set_weights(
        [np.zeros((8, 12)), np.full(12, -10.0)]
    )
    scores = model.evaluate(x, blank, verbose=0, return_dict=True)
    assert scores["reconstruction_loss"] == pytest.approx(
        12 * math.log1p(math.exp(-10)), rel=1e-3
    )


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_a_training_step_updates_every_layer_once(likelihood):
    """Batch normalization moves its mean by 1/100 of the batch mean."""
    encoder = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.BatchNormalization(momentum=0.99),
            keras.layers.Dense(4),
            GaussianSampling(),
        ]
    )
    decoder = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(
                5, kernel_initializer="zeros", bias_initializer="ones"
            ),
            keras.layers.BatchNormalization(momentum=0.99),
            keras.layers.Dense(3),
        ]
    )
    model = VariationalAutoencoder(encoder, decoder, likelihood)
    model.compile(keras.optimizers.SGD(0.01))
    x = np.random.default_rng(0).uniform(size=(16, 3)).astype("float32")
    model.fit(x, batch_size=16, verbose=0)
    before, after = encoder.layers[0], decoder.layers[1]
    np.testing.assert_allclose(
        ops.convert_to_numpy(before.moving_mean), 0.01 * x.mean(0), rtol=1e-4
    )
    np.testing.assert_allclose(
        ops.convert_to_numpy(after.moving_mean), 0.01 * np.ones(5), rtol=1e-4
    )


def test_the_loss_depends_on_its_arguments_alone():
    """No tensor of an earlier `call` is used, neither x nor outputs."""
    model, x = small_model(), binary_images()
    model.compile(keras.optimizers.SGD(0.0))
    model(1 - x, training=True)
    blank = ops.zeros_like(x)
    np.testing.assert_allclose(
        float(model.compute_loss(x, y_pred=blank)),
        -model.log_likelihood(x, 1).mean(),
        rtol=0.05,
    )


@pytest.mark.parametrize(
    "last",
    [
        lambda: [keras.layers.Dense(3, "sigmoid")],
        lambda: [
            keras.layers.Dense(3),
            keras.layers.Activation("sigmoid"),
            keras.layers.Reshape((3,)),
        ],
    ],
)
def test_rejects_probabilities_for_logits(last):
    encoder = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4), GaussianSampling()]
    )
    decoder = keras.Sequential([keras.Input((2,)), *last()])
    with pytest.raises(ValueError, match=r"must return logits.*in a sigmoid"):
        VariationalAutoencoder(encoder, decoder)
    VariationalAutoencoder(encoder, decoder, "gaussian")  # outputs are means


@pytest.mark.parametrize("count", [0, -1])
def test_rejects_zero_samples(count):
    with pytest.raises(ValueError, match=f"at least 1.*num_samples={count}"):
        small_model().sample(count)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beta": 0}, "beta=0"),
        ({"beta": math.nan}, "beta=nan"),
        ({"stddev": -1.0}, "stddev=-1.0"),
        ({"likelihood": "poisson"}, "likelihood='poisson'"),
    ],
)
def test_rejects_arguments_out_of_range(options, message):
    with pytest.raises(ValueError, match=f"Received: .*{message}"):
        dense_variational_autoencoder((2, 2), **options)


def test_rejects_an_encoder_that_does_not_sample():
    plain = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    decoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    with pytest.raises(ValueError, match="whose last layer is"):
        VariationalAutoencoder(plain, decoder)


def test_rejects_shapes_that_do_not_match():
    inputs = keras.Input((3,))
    code = GaussianSampling()(keras.layers.Dense(4)(inputs))
    encoder = keras.Model(inputs, code)
    decoder = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    with pytest.raises(ValueError, match=r"\(None, 2\).*\(None, 4\)"):
        VariationalAutoencoder(encoder, decoder)


def test_rejects_another_loss():
    model = small_model()
    model.compile("sgd", loss="mse")
    with pytest.raises(ValueError, match=r"without `loss`.*loss='mse'"):
        model.fit(binary_images(), verbose=0)


def test_rejects_invalid_arguments_of_interpolate():
    model = small_model()
    with pytest.raises(ValueError, match=r"shapes \(4, 3\) and \(3, 4\)"):
        model.interpolate(np.zeros((4, 3)), np.zeros((3, 4)))
    with pytest.raises(ValueError, match="steps=1"):
        model.interpolate(np.zeros((4, 3)), np.zeros((4, 3)), steps=1)


def test_gray_levels_up_to_255_are_refused():
    model = dense_variational_autoencoder((2,), 1, units=())
    model.compile()
    x = np.array([[0, 255]], "uint8")
    for method in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match=r"divide gray levels .* 0 to 255"):
            method(x, verbose=0)


def test_a_loss_that_is_not_finite_raises_an_error_with_the_cause():
    model = dense_variational_autoencoder((2,), 1, units=())
    model.compile(run_eagerly=True)
    x = ops.convert_to_tensor([[np.inf, 0.0]])  # not an array
    with pytest.raises(ValueError, match="not finite: x must be in"):
        model.fit(x, verbose=0)
