"""The sparsity penalty against a loop, and in the loss of Keras."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from dlunits.regularizers import KLSparsity
from dlunits.training.finite_loss import FiniteLoss


def bernoulli_kl_np(t, p):
    return t * math.log(t / p) + (1 - t) * math.log((1 - t) / (1 - p))


def penalty_np(activations, target, weight):
    """Penalty in a loop over the units of the last axis."""
    total = 0.0
    for unit in range(activations.shape[-1]):
        values = activations[..., unit].ravel()
        total += bernoulli_kl_np(target, sum(map(float, values)) / len(values))
    return weight * total


def uniform(shape):
    return np.random.default_rng(0).uniform(size=shape).astype("float32")


def code(sparsity, units=3, **options):
    """A layer of units in (0, 1)."""
    options = {"activation": "sigmoid", **options}
    return keras.layers.Dense(
        units, activity_regularizer=sparsity, name="code", **options
    )


def model_of(*layers, inputs=4, learning_rate=0.0, jit_compile="auto"):
    """A compiled model whose loss is the penalty of its layers."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((inputs,)), *layers])
    model.compile(
        keras.optimizers.SGD(learning_rate),
        loss=lambda y, y_pred: 0.0 * ops.sum(y_pred, axis=-1),
        jit_compile=jit_compile,
    )
    return model


def loss_of(model, x):
    y = np.zeros((len(x), *model.output_shape[1:]))
    return model.evaluate(x, y, batch_size=len(x), verbose=0)


def train(model, x, steps=1):
    y = np.zeros((len(x), *model.output_shape[1:]))
    for _ in range(steps):
        loss = model.train_on_batch(x, y)
    return loss


# Value of the penalty


@pytest.mark.parametrize("shape", [(5, 3), (4, 6, 3), (2, 4, 5, 3)])
def test_matches_a_loop_over_units(shape):
    activations = uniform(shape)
    sparsity = KLSparsity(0.2, weight=0.5)
    layer = keras.layers.Identity(activity_regularizer=sparsity)
    layer(activations)
    assert float(layer.losses[0]) == pytest.approx(
        penalty_np(activations, 0.2, 0.5), rel=1e-5
    )


def test_units_can_be_on_another_axis():
    activations = uniform((2, 3, 4, 5))  # channels first
    penalty = (
        KLSparsity(0.2, axis=1)(activations) / 2
    )  # Keras divides by the batch size
    assert float(penalty) == pytest.approx(
        penalty_np(np.moveaxis(activations, 1, -1), 0.2, 1.0), rel=1e-5
    )


def test_is_zero_at_the_target_and_positive_elsewhere():
    # Two units with mean 0.25: constant, and active once in four.
    on_target = np.array([[0.25, 1], [0.25, 0], [0.25, 0], [0.25, 0]])
    sparsity = KLSparsity(0.25)
    assert float(sparsity(on_target)) == pytest.approx(0, abs=1e-6)
    losses = [
        float(sparsity(np.full((1, 1), mean)))
        for mean in (0.05, 0.15, 0.25, 0.5, 0.9)
    ]
    assert losses[0] > losses[1] > losses[2] < losses[3] < losses[4]


def test_is_the_penalty_of_the_mean_not_the_mean_of_penalties():
    # The mean is 0.5, and no single activation is near it.
    activations = np.array([[0.01], [0.99]])
    assert float(KLSparsity(0.5)(activations)) == pytest.approx(0, abs=1e-6)


def test_twice_the_weight_is_twice_the_penalty():
    activations = uniform((5, 3))
    once, twice = (KLSparsity(0.1, weight=w)(activations) for w in (0.7, 1.4))
    assert float(twice) == pytest.approx(2 * float(once), rel=1e-6)


# In models of Keras


def nested(sparsity):
    """The penalized layer in a nested model."""
    inner = keras.Sequential([keras.Input((4,)), code(sparsity)])
    return keras.Sequential([keras.Input((4,)), inner])


MODELS = {
    "layer": lambda sparsity: model_of(code(sparsity)),
    "nested": lambda sparsity: model_of(nested(sparsity)),
    "mixed precision": lambda sparsity: model_of(
        code(sparsity, dtype="mixed_float16")
    ),
    "compiled by XLA": lambda sparsity: model_of(
        code(sparsity), jit_compile=True
    ),
}


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_loss_does_not_depend_on_batch_size(make):
    model, x = make(KLSparsity(0.1, 2.0)), uniform((64, 4))
    activations = model.predict(x, verbose=0).astype("float32")
    expected = penalty_np(activations, 0.1, 2.0)
    four_times = np.concatenate([x] * 4)
    small, large = loss_of(model, x), loss_of(model, four_times)
    assert small == pytest.approx(expected, rel=1e-5)
    assert large == pytest.approx(small, rel=1e-6)
    assert train(model, x) == pytest.approx(small, rel=1e-6)
    assert train(model, four_times) == pytest.approx(small, rel=1e-6)


def test_keras_divides_a_plain_penalty_by_the_batch_size():
    """Reason why the penalty is multiplied by the batch size."""
    sparsity = KLSparsity(0.1, 2.0)

    def naive(activations):
        return sparsity.penalty(sparsity.mean_activation(activations))

    model, x = model_of(code(naive)), uniform((64, 4))
    loss = loss_of(model_of(code(sparsity)), x)
    assert loss_of(model, x) == pytest.approx(loss / 64, rel=1e-5)


def test_a_training_step_does_not_depend_on_batch_size():
    x, weights = uniform((16, 4)), []
    for repeat in (1, 4):
        model = model_of(code(KLSparsity(0.1)), learning_rate=0.5)
        start = model.get_weights()
        train(model, np.concatenate([x] * repeat))
        weights.append(model.get_weights())
        assert not np.allclose(start[0], weights[-1][0], atol=1e-3)
    for small, large in zip(*weights, strict=True):
        np.testing.assert_allclose(small, large, rtol=1e-4, atol=1e-6)


def test_a_training_step_matches_the_derivative_by_hand():
    """d/db KL(t || p) = (1 - t) / (1 - p) - t / p, times p (1 - p)."""
    model = model_of(
        code(KLSparsity(0.1, 2.0), 1, kernel_initializer="zeros"),
        learning_rate=0.25,
    )
    train(model, uniform((8, 4)))
    slope = 2 * (0.9 / 0.5 - 0.1 / 0.5) * 0.5 * 0.5  # at p = sigmoid(0) = .5
    _, bias = model.get_weights()
    assert bias.item() == pytest.approx(-0.25 * slope, rel=1e-5)


def test_training_moves_the_means_to_the_target():
    sparsity = KLSparsity(0.05)
    model, x = model_of(code(sparsity, 8), learning_rate=1.0), uniform((50, 4))
    train(model, x, steps=300)
    means = model.predict(x, verbose=0).mean(axis=0)
    np.testing.assert_allclose(means, 0.05, rtol=0.05)


def test_an_almost_inactive_unit_gets_a_gradient():
    """At sigmoid(-60) = 9e-27 the gradient of the bias is -target."""
    model = model_of(
        code(
            KLSparsity(0.3),
            1,
            kernel_initializer="zeros",
            bias_initializer=keras.initializers.Constant(-60.0),
        ),
        learning_rate=1.0,
    )
    train(model, uniform((8, 4)))
    bias = model.get_weights()[1]
    # d KL / d bias = p - target, and p is negligible.
    np.testing.assert_allclose(bias, -60.0 + 0.3, rtol=1e-6)


@pytest.mark.parametrize(("end", "away"), [(0.0, 1e-30), (1.0, 1e-7)])
def test_penalty_and_gradient_are_finite_at_0_and_1(end, away):
    """The mean is clipped at `away` from the end: .3 log(.3 / away) + ..."""
    model = model_of(
        code(
            KLSparsity(0.3),
            1,
            activation="hard_sigmoid",
            bias_initializer=keras.initializers.Constant(200 * end - 100),
        ),
        learning_rate=1.0,
    )
    x = uniform((8, 4))
    assert (model.predict(x, verbose=0) == end).all()
    near, far = (0.3, 0.7) if end == 0 else (0.7, 0.3)
    expected = near * math.log(near / away) + far * math.log(far)
    # 1 - 1e-7 is rounded to a multiple of 6e-8.
    assert train(model, x) == pytest.approx(expected, abs=0.2)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_activations_are_averaged_in_single(dtype):
    # A sum of 10,000 times 0.1 in half precision stops growing early.
    activations = ops.full((10_000, 1), 0.1, dtype=dtype)
    rounded = float(ops.cast(activations[0, 0], "float32"))
    mean = KLSparsity(0.1).mean_activation(activations)
    assert keras.backend.standardize_dtype(mean.dtype) == "float32"
    assert float(mean[0]) == pytest.approx(rounded, rel=1e-5)


def test_a_saved_model_keeps_its_penalty(tmp_path):
    model = keras.Sequential(
        [keras.Input((4,)), code(KLSparsity(0.2, weight=3.0, axis=1))]
    )
    model.save(tmp_path / "sparse.keras")
    again = keras.saving.load_model(tmp_path / "sparse.keras")
    sparsity = again.get_layer("code").activity_regularizer
    assert type(sparsity) is KLSparsity
    assert sparsity.get_config() == {"target": 0.2, "weight": 3.0, "axis": 1}


# Rejected arguments and activations


@pytest.mark.parametrize("target", [0, 1, -0.1, 1.5, float("nan")])
def test_rejects_a_target_outside_0_to_1(target):
    with pytest.raises(ValueError, match=rf"in \(0, 1\).*target={target}"):
        KLSparsity(target)


@pytest.mark.parametrize("weight", [0, -1.0, float("nan"), float("inf")])
def test_rejects_a_weight_that_is_not_positive(weight):
    with pytest.raises(ValueError, match=f"positive.*weight={weight}"):
        KLSparsity(0.1, weight=weight)


def test_rejects_the_batch_axis_as_axis_of_the_units():
    with pytest.raises(ValueError, match="must not be 0, the axis"):
        KLSparsity(axis=0)
    for axis in (-1, 1):
        with pytest.raises(ValueError, match=r"the shape \(5,\) with axis"):
            KLSparsity(axis=axis)(uniform(5))


def test_rejects_activation_layers_out_of_range():
    for layer in (keras.layers.ReLU(), keras.layers.Activation("relu")):
        with pytest.raises(ValueError, match="KLSparsity needs activations"):
            KLSparsity().check_layer(layer)
    KLSparsity().check_layer(keras.layers.Activation("sigmoid"))


@pytest.mark.parametrize("activation", ["relu", "linear", "tanh", "softplus"])
def test_rejects_a_layer_out_of_range_with_advice(activation):
    layer = code(KLSparsity(), activation=activation)
    with pytest.raises(ValueError, match=r"sigmoid.*L1`.*'code'") as error:
        layer.activity_regularizer.check_layer(layer)
    assert repr(activation) in str(error.value)


@pytest.mark.parametrize(
    "activation",
    ["sigmoid", "hard_sigmoid", "softmax", lambda x: ops.sigmoid(x) / 2],
)
def test_accepts_layers_in_range(activation):
    KLSparsity().check_layer(code(None, activation=activation))
    KLSparsity().check_layer(keras.layers.Flatten())  # without activation


def relu_code(**options):
    """Activations of 1 and more, and one at 0."""
    return code(
        KLSparsity(),
        activation="relu",
        kernel_initializer="ones",
        bias_initializer="ones",
        **options,
    )


def test_rejects_values_out_of_range_in_eager_mode():
    with pytest.raises(ValueError, match=r"L1`.*activations from 1 to 5"):
        relu_code()(np.array([[0.0] * 4, [1.0] * 4]))
    with pytest.raises(ValueError, match=r"activations from -0\.5 to 0"):
        KLSparsity()(np.array([[0.0], [-0.5]]))


@pytest.mark.parametrize("jit_compile", ["auto", True])
def test_values_out_of_range_in_a_graph_make_the_loss_nan(jit_compile):
    model = model_of(relu_code(), learning_rate=1.0, jit_compile=jit_compile)
    start = model.get_weights()
    with pytest.raises(ValueError, match="loss is nan at step 1 of epoch 1"):
        model.fit(
            uniform((8, 4)),
            np.zeros((8, 3)),
            callbacks=[FiniteLoss()],
            verbose=0,
        )
    for weight, before in zip(model.get_weights(), start, strict=True):
        np.testing.assert_array_equal(weight, before)  # weights are unchanged


def test_accepts_rounding_errors_beyond_1():
    above = np.full((1, 1), 1.0005)  # half precision has steps of 0.001 here
    assert np.isfinite(float(KLSparsity()(above)))
