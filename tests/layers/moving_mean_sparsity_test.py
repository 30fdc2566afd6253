"""MovingMeanSparsity against a loop over batches, and its gradients."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.layers import MovingMeanSparsity
from dlunits.regularizers import KLSparsity


def bernoulli_kl_np(t, p):
    return t * math.log(t / p) + (1 - t) * math.log((1 - t) / (1 - p))


def uniform(shape):
    return np.random.default_rng(0).uniform(size=shape).astype("float32")


def model_of(sparsity, ema_momentum, *, penalty_on_the_code=False, dtype=None):
    """Four inputs, three sigmoid units; the loss is the penalty only."""
    keras.utils.set_random_seed(0)
    code = keras.layers.Dense(
        3,
        activation="sigmoid",
        activity_regularizer=sparsity if penalty_on_the_code else None,
        dtype=dtype,
    )
    layers = [keras.Input((4,)), code]
    if not penalty_on_the_code:
        layers.append(MovingMeanSparsity(sparsity, ema_momentum, dtype=dtype))
    model = keras.Sequential(layers)
    model.compile(
        keras.optimizers.SGD(0.5),
        loss=lambda y, y_pred: 0.0 * ops.sum(y_pred, axis=-1),
    )
    return model


def mean_of(model):
    return model.layers[-1].get_weights()[0]


@pytest.mark.parametrize("shape", [(4, 3), (2, 5, 3), (2, 3, 4, 3)])
def test_the_mean_and_its_penalty_match_a_loop_over_batches(shape):
    layer = MovingMeanSparsity(KLSparsity(0.2, weight=1.5), ema_momentum=0.75)
    mean = [0.2] * 3
    for activations in uniform((6, *shape)):
        outputs = layer(activations, training=True)
        for unit in range(3):
            values = activations[..., unit].ravel()
            batch_mean = sum(map(float, values)) / len(values)
            mean[unit] = 0.75 * mean[unit] + 0.25 * batch_mean
        np.testing.assert_array_equal(outputs, activations)
        np.testing.assert_allclose(layer.get_weights()[0], mean, rtol=1e-5)
        (loss,) = layer.losses
        assert float(loss) == pytest.approx(
            1.5 * sum(bernoulli_kl_np(0.2, p) for p in mean), rel=1e-4
        )


def test_units_can_be_on_another_axis():
    layer = MovingMeanSparsity(KLSparsity(0.2, axis=1), ema_momentum=0.0)
    activations = uniform((2, 3, 4, 5))  # channels first
    layer(activations, training=True)
    np.testing.assert_allclose(
        layer.get_weights()[0], activations.mean((0, 2, 3)), rtol=1e-5
    )


def test_with_ema_momentum_0_it_equals_the_regularizer():
    models = [
        model_of(KLSparsity(0.1, 2.0), 0.0),
        model_of(KLSparsity(0.1, 2.0), 0.0, penalty_on_the_code=True),
    ]
    for x in uniform((5, 8, 4)):
        y = np.zeros((8, 3))
        losses = [model.train_on_batch(x, y) for model in models]
        assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    for moving, plain in zip(
        *(model.layers[0].get_weights() for model in models), strict=True
    ):
        np.testing.assert_allclose(moving, plain, rtol=1e-4)


@pytest.mark.parametrize("ema_momentum", [0.0, 0.5, 0.99])
def test_gradients_do_not_depend_on_ema_momentum(ema_momentum):
    """d/db KL(t || q) = ((1 - t) / (1 - q) - t / q) p (1 - p)."""
    model = model_of(KLSparsity(0.1), ema_momentum)
    model.layers[0].set_weights([np.zeros((4, 3)), np.zeros(3)])  # p = 0.5
    model.layers[1].set_weights([np.full(3, 0.3)])
    model.train_on_batch(uniform((8, 4)), np.zeros((8, 3)))
    q = ema_momentum * 0.3 + (1 - ema_momentum) * 0.5
    slope = (0.9 / (1 - q) - 0.1 / q) * 0.5 * 0.5
    _, bias = model.layers[0].get_weights()
    np.testing.assert_allclose(bias, -0.5 * slope, rtol=1e-5)
    np.testing.assert_allclose(mean_of(model), q, rtol=1e-5)


def test_small_batches_are_not_penalized_for_sampling_noise():
    """One unit that is active in 10 % of the examples, batches of 8."""
    target = KLSparsity(0.1)
    moving = MovingMeanSparsity(target, ema_momentum=0.99)
    rng = np.random.default_rng(0)
    of_batches, of_moving = [], []
    for _ in range(500):
        activations = np.float32(rng.uniform(size=(8, 1)) < 0.1)
        of_batches.append(float(target(activations)) / 8)
        moving(activations, training=True)
        of_moving.append(float(moving.losses[0]))
    # Each batch without activation, .9^8 = 43 %, has -log(1 - 0.1) = .105.
    assert np.mean(of_batches) > 0.43 * 0.105
    # q is 0.1 +- sqrt(.1 * .9 / 8 / 199) = .0075, KL about .0075^2 / .18.
    assert np.mean(of_moving) < 0.001


def test_evaluation_uses_the_mean_without_changing_it():
    model, x = model_of(KLSparsity(0.1), 0.9), uniform((8, 4))
    model.layers[1].set_weights([np.array([0.1, 0.2, 0.3])])
    for batch_size in (2, 8):
        loss = model.evaluate(
            x, np.zeros((8, 3)), batch_size=batch_size, verbose=0
        )
        assert loss == pytest.approx(
            bernoulli_kl_np(0.1, 0.2) + bernoulli_kl_np(0.1, 0.3), rel=1e-4
        )
    model.predict(x, verbose=0)
    np.testing.assert_allclose(mean_of(model), [0.1, 0.2, 0.3], rtol=1e-6)


def test_training_in_small_batches_moves_the_means_to_the_target():
    model, x = model_of(KLSparsity(0.05), 0.9), uniform((40, 4))
    model.fit(x, np.zeros((40, 3)), batch_size=4, epochs=60, verbose=0)
    codes = model.predict(x, verbose=0)
    np.testing.assert_allclose(codes.mean(axis=0), 0.05, rtol=0.1)
    np.testing.assert_allclose(mean_of(model), 0.05, rtol=0.1)


def test_half_precision_keeps_the_mean_in_single():
    model = model_of(KLSparsity(0.1), 0.999, dtype="mixed_float16")
    model.train_on_batch(uniform((8, 4)), np.zeros((8, 3)))
    moved = mean_of(model)
    assert moved.dtype == np.float32
    # The update 0.001 * (0.5 - 0.1) of 0.1 is too small for half precision.
    np.testing.assert_allclose(moved, 0.1004, atol=2e-4)
    assert (np.float16(moved) != moved).all()


def test_rejects_activations_out_of_range_with_advice():
    layer = MovingMeanSparsity(KLSparsity())
    with pytest.raises(ValueError, match=r"L1`.*activations from 0 to 1\.5"):
        layer(np.array([[0.0], [1.5]]), training=True)


@pytest.mark.parametrize("ema_momentum", [-0.1, 1.0, float("nan")])
def test_rejects_ema_momentum_out_of_range(ema_momentum):
    with pytest.raises(ValueError, match=rf"\[0, 1\).*{ema_momentum=}"):
        MovingMeanSparsity(KLSparsity(), ema_momentum)


@pytest.mark.parametrize("regularizer", ["l1", None, keras.regularizers.L2()])
def test_rejects_a_regularizer_without_mean_activation(regularizer):
    with pytest.raises(ValueError, match=r"KLSparsity`\. Received: regul"):
        MovingMeanSparsity(regularizer)
