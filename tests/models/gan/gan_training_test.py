"""Training steps of a GAN and their metrics."""

import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.losses import discriminator_loss, r1_penalty

LOSSES = ["minimax", "non_saturating", "least_squares", "hinge", "wasserstein"]


def assert_equal(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def weights(model):
    return [ops.convert_to_numpy(v).copy() for v in model.variables]


@pytest.mark.parametrize("learner", ["generator", "discriminator"])
def test_a_step_updates_one_network_only(gan, learner):
    model = gan()
    still = {"generator": "discriminator", "discriminator": "generator"}
    other = getattr(model, still[learner])
    before = other.get_weights()
    own = getattr(model, learner).get_weights()

    if learner == "discriminator":
        model.update_discriminator(ops.convert_to_tensor(gan.real), None)
    else:
        model.update_generator(len(gan.real), None)

    assert_equal(other.get_weights(), before)
    after = getattr(model, learner).get_weights()
    for new, old in zip(after, own, strict=True):
        assert not np.array_equal(new, old)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_learns_the_mean_of_the_examples(gan, loss):
    model = gan(loss=loss, ema_momentum=0.9)

    def distance():
        made = model.generate(200, seed=0)
        return np.linalg.norm(made.mean(axis=0) - gan.real.mean(axis=0))

    before = distance()
    history = gan.fit(model, np.tile(gan.real, (300, 1)))

    assert distance() < 0.7 * before
    assert all(np.isfinite(values).all() for values in history.values())
    assert ("gradient_penalty" in history) == (loss == "wasserstein")


def test_the_penalty_is_r1_except_for_wasserstein(gan):
    model = gan(penalty=2.0)
    before = float(r1_penalty(model.discriminator, gan.real[: gan.batch]))

    history = gan.fit(model, gan.real[: gan.batch])

    assert history["gradient_penalty"][0] == pytest.approx(before, rel=1e-5)


@pytest.mark.parametrize("loss", ["hinge", "wasserstein"])
def test_half_precision_with_a_penalty_trains_compiled(gan, loss):
    model = gan(dtype="mixed_float16", loss=loss, penalty=1.0)
    model.compile(
        keras.optimizers.Adam(0.01),
        keras.optimizers.Adam(0.02),
        jit_compile=True,
    )

    history = gan.fit(model, np.tile(gan.real, (300, 1)))

    made = model.generate(200, seed=0)
    assert np.isfinite(history["gradient_penalty"]).all()
    assert np.linalg.norm(made.mean(axis=0) - gan.real.mean(axis=0)) < 3


def test_the_penalty_reduces_gradients_of_the_discriminator(gan):
    slopes = {}
    for penalty in (0.0, 50.0):
        model = gan(penalty=penalty)
        gan.fit(model, np.tile(gan.real, (100, 1)))
        slopes[penalty] = float(r1_penalty(model.discriminator, gan.real))
    assert slopes[50.0] < 0.2 * slopes[0.0]


def test_first_loss_is_that_of_its_first_examples(gan):
    model, other = gan(), gan()
    z = keras.random.normal((gan.batch, gan.latent), seed=other.seed_generator)
    examples = gan.real[: gan.batch], other.generator(z)
    outputs = [other.discriminator(x) for x in examples]

    found = gan.fit(model, gan.real[: gan.batch])["discriminator_loss"][0]

    expected = float(discriminator_loss("non_saturating", *outputs))
    assert found == pytest.approx(expected, rel=1e-5)


def test_the_discriminator_takes_discriminator_steps(gan):
    model = gan(discriminator_steps=3)

    gan.fit(model)  # four mini-batches

    assert int(model.optimizer.generator.iterations) == 4
    assert int(model.optimizer.discriminator.iterations) == 12


def test_moving_average_follows_the_weights(gan):
    model = gan(ema_momentum=0.15)
    before = model.generator.get_weights()

    gan.fit(model, gan.real[: gan.batch])

    weights = zip(
        model.ema_weights, before, model.generator.get_weights(), strict=True
    )
    for average, old, new in weights:
        np.testing.assert_allclose(average, 0.15 * old + 0.85 * new, atol=1e-6)


def test_momentum_of_the_moving_average_starts_small(gan):
    model = gan(ema_momentum=0.999)
    before = model.generator.get_weights()

    gan.fit(model, gan.real[: gan.batch])

    decay = (1 + 1) / (10 + 1)  # after the first step
    weights = zip(
        model.ema_weights, before, model.generator.get_weights(), strict=True
    )
    for average, old, new in weights:
        expected = decay * old + (1 - decay) * new
        np.testing.assert_allclose(average, expected, atol=1e-6)


def test_without_a_moving_average_it_generates_with_the_weights(gan):
    model = gan(ema_momentum=0.0)
    gan.fit(model)
    z = np.ones((2, gan.latent), "float32")

    np.testing.assert_allclose(model(z), model.generator(z), atol=1e-6)


def test_gradient_norms_are_those_of_the_whole_networks(gan):
    model = gan()
    model.compile(keras.optimizers.SGD(1.0), keras.optimizers.SGD(1.0))
    before = model.discriminator.get_weights()

    history = gan.fit(model, gan.real[: gan.batch])

    steps = [
        new - old
        for old, new in zip(
            before, model.discriminator.get_weights(), strict=True
        )
    ]
    norm = np.sqrt(sum((step**2).sum() for step in steps))
    assert history["discriminator_gradient_norm"][0] == pytest.approx(
        norm, rel=1e-4
    )


def test_evaluation_is_reproducible_and_changes_no_state(gan):
    model = gan(dropout=0.5)
    gan.fit(model)
    before = weights(model)[: len(model.weights)]

    first, second = (
        model.evaluate(
            gan.real, batch_size=gan.batch, verbose=0, return_dict=True
        )
        for _ in range(2)
    )

    assert first == second
    assert_equal(weights(model)[: len(model.weights)], before)
    assert first.keys() == {
        "discriminator_loss",
        "generator_loss",
        "real_accuracy",
        "fake_accuracy",
    }


def test_evaluating_and_generating_do_not_affect_training(gan):
    quiet, busy = gan(dropout=0.5), gan(dropout=0.5)
    gan.fit(quiet), gan.fit(busy)
    busy.evaluate(gan.real, verbose=0)
    busy.generate(3, seed=5)

    gan.fit(quiet), gan.fit(busy)

    assert_equal(quiet.get_weights(), busy.get_weights())


@pytest.mark.parametrize("jit_compile", [False, True])
def test_half_precision_scales_each_loss_and_reports_it_unscaled(
    gan, jit_compile
):
    half, single = gan(dtype="mixed_float16"), gan()
    for model in (half, single):  # random numbers differ with XLA
        model.compile(
            keras.optimizers.Adam(0.01),
            keras.optimizers.Adam(0.02),
            jit_compile=jit_compile,
        )

    histories = gan.fit(half), gan.fit(single)

    scaled = keras.optimizers.LossScaleOptimizer
    assert isinstance(half.optimizer.generator, scaled)
    assert isinstance(half.optimizer.discriminator, scaled)
    for name in histories[0]:
        assert histories[0][name][0] == pytest.approx(
            histories[1][name][0], rel=0.05, abs=0.05
        ), name


def test_a_step_that_overflows_in_half_precision_is_skipped(gan):
    model = gan(dtype="mixed_float16")
    before = model.discriminator.get_weights()
    scale = float(model.optimizer.discriminator.dynamic_scale)

    model.update_discriminator(ops.convert_to_tensor(gan.real * 1e30), None)

    assert_equal(model.discriminator.get_weights(), before)
    assert float(model.optimizer.discriminator.dynamic_scale) == scale / 2


def test_rejects_missing_labels_and_sample_weights(gan):
    with pytest.raises(ValueError, match="needs labels"):
        gan(num_classes=gan.classes).fit(gan.real, verbose=0)
    with pytest.raises(ValueError, match="does not support `sample_weight`"):
        gan().fit(
            gan.real, gan.real, sample_weight=np.ones(len(gan.real)), verbose=0
        )


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="A TensorFlow strategy."
)
def test_two_devices_equal_one(tmp_path):
    script = textwrap.dedent(
        """
        import sys
        import keras, numpy as np, tensorflow as tf
        from keras import Input, Sequential, layers
        cpu = tf.config.list_physical_devices("CPU")[0]
        pieces = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, pieces)
        from dlunits.models import GAN

        class FixedLatentGAN(GAN):  # devices would sample different z
            def sample_z(self, batch_size, seed):
                return tf.ones((batch_size, self.latent_dim))

        def trained(strategy):
            with strategy.scope():
                keras.utils.set_random_seed(0)
                both = [
                    Sequential([Input((2,)), layers.Dense(3)]),
                    Sequential([Input((3,)), layers.Dense(1)]),
                ]
                model = FixedLatentGAN(*both, 2, seed=0, ema_momentum=0.9)
                model.compile(
                    keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1)
                )
            x = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
            history = model.fit(x, batch_size=8, shuffle=False, verbose=0)
            return history.history, model.get_weights()

        one, weights = trained(tf.distribute.get_strategy())
        devices = ["cpu:0", "cpu:1"]
        two, others = trained(tf.distribute.MirroredStrategy(devices))
        for a, b in zip(weights, others, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)
        for name in ("discriminator_loss", "generator_loss", "real_accuracy"):
            np.testing.assert_allclose(one[name], two[name], atol=1e-5)
        print("the same")
        """
    )
    path = tmp_path / "two_devices.py"
    path.write_text(script)
    run = subprocess.run(
        [sys.executable, path], capture_output=True, text=True, timeout=300
    )
    assert run.stdout.endswith("the same\n"), run.stderr[-2000:]
