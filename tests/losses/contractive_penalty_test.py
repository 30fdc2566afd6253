"""The contractive penalty against finite differences."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers, ops

from dlunits.layers import MaskingNoise, SaltAndPepperNoise
from dlunits.losses import contractive_penalty, squared_jacobian_norm

ACTIVATIONS = ("sigmoid", "tanh", "relu", "linear")


def images(batch=6, shape=(4, 3)):
    rng = np.random.default_rng(0)
    return rng.normal(size=(batch, *shape)).astype("float32")


def chain(*parts, shape=(4, 3), dtype=None):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(shape, dtype=dtype), *parts])
    for layer in model.layers:  # nonzero biases
        if isinstance(layer, layers.Dense):
            values = np.linspace(-0.5, 0.5, layer.units)
            layer.bias.assign(values.astype("float32"))
    return model


def one_layer(activation):
    return chain(layers.Flatten(), layers.Dense(5, activation))


def deep():
    return chain(
        layers.Reshape((4, 3, 1)),
        layers.Conv2D(3, 2, activation="tanh"),
        layers.BatchNormalization(),
        layers.Flatten(),
        layers.Dropout(0.5, seed=0),
        layers.Dense(8, "tanh"),
        layers.Dense(4, "sigmoid"),
    )


def numbers(tensor):
    return ops.convert_to_numpy(tensor)


def squared_norm_np(weights, biases, activation, x):
    """||J||_F^2 of a dense layer, in a loop over partial derivatives."""
    f = {
        "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
        "tanh": np.tanh,
        "relu": lambda a: max(a, 0),
        "linear": lambda a: a,
    }[activation]
    step, total = 1e-6, 0.0
    for i, j in np.ndindex(weights.shape):
        a = x @ weights[:, j] + biases[j]
        move = step * weights[i, j]
        total += ((f(a + move) - f(a - move)) / (2 * step)) ** 2
    return total


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_closed_form_matches_central_differences(activation):
    encoder, x = one_layer(activation), images()
    weights = [w.astype("float64") for w in encoder.get_weights()]
    expected = [
        squared_norm_np(*weights, activation, row)
        for row in x.reshape(6, -1).astype("float64")
    ]
    norms = squared_jacobian_norm(encoder, x, "closed_form")
    np.testing.assert_allclose(numbers(norms), expected, rtol=1e-4)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_closed_form_is_the_exact_norm(activation):
    encoder, x = one_layer(activation), images()
    np.testing.assert_allclose(
        numbers(squared_jacobian_norm(encoder, x, "closed_form")),
        numbers(squared_jacobian_norm(encoder, x, "exact")),
        rtol=1e-5,
    )


def code(activation="sigmoid"):
    return layers.Dense(5, activation)


AROUND = {
    "dense alone, position by position": [code()],
    "flattened after": [code(), layers.Flatten()],
    "turned before": [layers.Flatten(data_format="channels_first"), code()],
    "reshaped": [layers.Reshape((2, 6)), code(), layers.Reshape((5, 2))],
    "scaled": [layers.Rescaling(2.5, offset=-1.0), layers.Flatten(), code()],
    "dropout": [layers.Flatten(), layers.Dropout(0.5), code()],
    "noise": [
        layers.GaussianNoise(1.0),
        MaskingNoise(0.5),
        SaltAndPepperNoise(0.5),
        layers.Flatten(),
        code(),
        layers.Dropout(0.5),
        layers.GaussianDropout(0.5),
    ],
    "no bias": [layers.Flatten(), layers.Dense(5, "tanh", use_bias=False)],
}


@pytest.mark.parametrize("around", AROUND)
def test_closed_form_is_exact_with_reshaping_and_noise_layers(around):
    parts = [type(p).from_config(p.get_config()) for p in AROUND[around]]
    encoder, x = keras.Sequential([keras.Input((4, 3)), *parts]), images()
    np.testing.assert_allclose(
        numbers(squared_jacobian_norm(encoder, x, "closed_form")),
        numbers(squared_jacobian_norm(encoder, x, "exact")),
        rtol=1e-5,
    )


def shared_dense():
    inputs = keras.Input((4,))
    dense = layers.Dense(4, "tanh")
    return keras.Model(inputs, dense(dense(inputs)))


def residual():
    inputs = keras.Input((4,))
    return keras.Model(inputs, layers.Add()([inputs, layers.Dense(4)(inputs)]))


def functional(make):
    def encoder():
        inputs = keras.Input((4,))
        return keras.Model(inputs, make(inputs))

    return encoder


def subclassed():
    class Squared(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(4, "tanh")
            inputs = keras.Input((4,))
            self(inputs)
            self.inputs = self.outputs = [inputs]

        def call(self, x, training=False):
            return ops.square(self.dense(x))

    return Squared()


def flat(*parts):
    return lambda: chain(*parts, shape=(4,))


NOT_CLOSED = {
    "2 dense layers": flat(layers.Dense(3), layers.Dense(2)),
    "0 dense layers": flat(layers.Flatten()),
    "the activation": flat(layers.Dense(3, "gelu")),
    "'norm' of LayerNormalization": flat(
        layers.LayerNormalization(name="norm"), layers.Dense(3)
    ),
    "'after' of Rescaling": flat(
        layers.Dense(3), layers.Rescaling(2.0, name="after")
    ),
    "'each' of Rescaling": flat(
        layers.Rescaling([1.0, 2.0, 3.0, 4.0], name="each"), layers.Dense(3)
    ),
    "used twice": shared_dense,
    "of Add": residual,
    "the operation 'multiply.*' of Multiply": functional(
        lambda x: layers.Dense(2, "sigmoid")(x * 2.0)
    ),
    "the operation 'tanh.*' of Tanh": functional(
        lambda x: ops.tanh(layers.Dense(2)(x))
    ),
    "the operation 'sigmoid.*' of Sigmoid": functional(
        lambda x: ops.sigmoid(layers.Dense(2, "sigmoid")(x))
    ),
    "the operation 'concatenate.*' of Concatenate": functional(
        lambda x: ops.concatenate([layers.Dense(2)(x), x], axis=-1)
    ),
    "'turned' of Flatten": flat(
        layers.Reshape((2, 2)),
        layers.Dense(3, "sigmoid"),
        layers.Flatten(data_format="channels_first", name="turned"),
    ),
    "an encoder of class Squared": subclassed,
}


@pytest.mark.parametrize("why", NOT_CLOSED)
def test_rejects_the_closed_form_where_there_is_none(why):
    x = np.ones((2, 4), "float32")
    message = rf"use method='hutchinson' for this one. Received: .*{why}"
    with pytest.raises(ValueError, match=message):
        contractive_penalty(NOT_CLOSED[why](), x, "closed_form")


@pytest.mark.parametrize("why", NOT_CLOSED)
def test_auto_uses_a_random_projection_without_closed_form(why):
    encoder, x = NOT_CLOSED[why](), np.ones((2, 4), "float32")
    auto, projected = (
        numbers(squared_jacobian_norm(encoder, x, method, seed=1))
        for method in ("auto", "hutchinson")
    )
    np.testing.assert_array_equal(auto, projected)


def test_auto_uses_the_closed_form_if_there_is_one():
    """The closed form is exact, the random projection is not."""
    encoder, x = one_layer("sigmoid"), images()
    np.testing.assert_array_equal(
        numbers(squared_jacobian_norm(encoder, x)),
        numbers(squared_jacobian_norm(encoder, x, "closed_form")),
    )


@pytest.mark.parametrize("make", [deep, lambda: one_layer("sigmoid")])
def test_random_projection_is_unbiased(make):
    """The mean of n draws is within 4 standard errors of the exact norm.

    A correct implementation would fail with a probability of 1 / 16,000 per
    example; the seed is fixed.
    """
    encoder, num_draws = make(), 4000
    for row in images(batch=2):
        x = np.repeat(row[None], num_draws, axis=0)
        draws = numbers(squared_jacobian_norm(encoder, x, "hutchinson", seed=2))
        exact = numbers(squared_jacobian_norm(encoder, row[None], "exact"))[0]
        error = draws.std(ddof=1) / np.sqrt(num_draws)
        assert error < 0.02 * exact  # so that the bound below is tight
        assert abs(draws.mean() - exact) < 4 * error


def test_vector_of_ones_is_not_the_frobenius_norm():
    """J = (1, -1): ||J||^2 = 2, but (1, 1) J = 0; signs give 0 or 4."""
    inputs = keras.Input((1,))
    outputs = layers.Concatenate()([inputs, -inputs])
    encoder = keras.Model(inputs, outputs)
    x = np.ones((1000, 1), "float32")
    draws = numbers(squared_jacobian_norm(encoder, x, "hutchinson", seed=0))
    assert set(draws) == {0.0, 4.0}
    assert numbers(contractive_penalty(encoder, x, "exact")) == 2


def test_integer_seed_repeats_the_signs_and_a_generator_does_not():
    encoder, x = deep(), images()

    def draw(seed):
        return numbers(squared_jacobian_norm(encoder, x, "hutchinson", seed))

    np.testing.assert_array_equal(draw(3), draw(3))
    generator = keras.random.SeedGenerator(3)
    assert not np.array_equal(draw(generator), draw(generator))
    assert not np.array_equal(draw(None), draw(None))


def gradients(encoder, function):
    """Gradients of function() with respect to the encoder's weights."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            value = function()
        return [
            g.numpy() for g in tape.gradient(value, encoder.trainable_weights)
        ]
    import jax

    def value(weights):
        pairs = zip(encoder.trainable_variables, weights, strict=True)
        with keras.StatelessScope(state_mapping=pairs):
            return function()

    return jax.grad(value)([w.value for w in encoder.trainable_variables])


@pytest.mark.parametrize(
    ("method", "make"),
    [
        ("closed_form", lambda: one_layer("sigmoid")),
        ("hutchinson", lambda: one_layer("sigmoid")),
        ("hutchinson", deep),
        ("exact", lambda: one_layer("tanh")),
    ],
)
def test_gradient_reaches_all_weights_of_the_code(method, make):
    """Against central differences along the gradient itself.

    A penalty made from a copy of the weights would have no gradient, or lack
    the part through the kernel or through the activation.
    """
    encoder, x, step = make(), images(), 1e-2

    def penalty():
        return contractive_penalty(encoder, x, method, seed=4)

    gradient = [np.asarray(g) for g in gradients(encoder, penalty)]
    length = np.sqrt(sum((g**2).sum() for g in gradient))
    assert length > 1e-3
    before = [numbers(w) for w in encoder.trainable_weights]

    def moved(distance):
        for w, old, g in zip(
            encoder.trainable_weights, before, gradient, strict=True
        ):
            w.assign(old + distance * g / length)
        return float(numbers(penalty()))

    slope = (moved(step) - moved(-step)) / (2 * step)
    np.testing.assert_allclose(slope, length, rtol=5e-3)


@pytest.mark.parametrize("method", ["closed_form", "hutchinson", "exact"])
def test_encoder_runs_in_inference_mode(method):
    plain = one_layer("sigmoid")
    noisy = chain(
        layers.GaussianNoise(1.0), layers.Flatten(), code(), layers.Dropout(0.9)
    )
    noisy.set_weights(plain.get_weights())
    x = images()
    np.testing.assert_allclose(
        numbers(squared_jacobian_norm(noisy, x, method, seed=0)),
        numbers(squared_jacobian_norm(plain, x, method, seed=0)),
        rtol=1e-5,
    )


def test_passing_the_code_does_not_change_the_result():
    encoder, x = one_layer("sigmoid"), images()
    np.testing.assert_array_equal(
        numbers(squared_jacobian_norm(encoder, x, code=encoder(x))),
        numbers(squared_jacobian_norm(encoder, x)),
    )


@pytest.mark.parametrize("method", ["closed_form", "hutchinson"])
def test_half_precision_is_close_to_single(method):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        half = one_layer("sigmoid")
    finally:
        keras.config.set_dtype_policy("float32")
    single, x = one_layer("sigmoid"), images()
    single.set_weights(half.get_weights())
    norms = squared_jacobian_norm(half, x, method, seed=0)
    assert keras.backend.standardize_dtype(norms.dtype) == "float32"
    np.testing.assert_allclose(
        numbers(norms),
        numbers(squared_jacobian_norm(single, x, method, seed=0)),
        rtol=2e-2,
    )


def test_an_untied_decoder_can_make_the_penalty_vanish():
    """Code / 10, decoder * 10: same reconstruction, penalty / 100."""
    encoder = chain(layers.Dense(2), shape=(3,))
    decoder = chain(layers.Dense(3), shape=(2,))
    x = images(shape=(3,))
    before = numbers(decoder(encoder(x))), contractive_penalty(encoder, x)
    for model, factors in ((encoder, (0.1, 0.1)), (decoder, (10.0, 1.0))):
        pairs = zip(model.get_weights(), factors, strict=True)
        model.set_weights([w * factor for w, factor in pairs])
    after = numbers(decoder(encoder(x))), contractive_penalty(encoder, x)
    np.testing.assert_allclose(after[0], before[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        numbers(after[1]), numbers(before[1]) / 100, rtol=1e-5
    )


def test_rejects_an_unknown_method():
    with pytest.raises(ValueError, match=r"auto, closed_form.*method='best'"):
        contractive_penalty(one_layer("tanh"), images(), "best")


def test_rejects_an_encoder_of_integers():
    encoder = chain(
        layers.Rescaling(1 / 255), layers.Flatten(), code(), dtype="uint8"
    )
    with pytest.raises(ValueError, match=r"floating-point.*dtype='uint8'"):
        contractive_penalty(encoder, np.ones((2, 4, 3), "uint8"))


def test_rejects_an_encoder_with_two_outputs():
    inputs = keras.Input((4,))
    outputs = [layers.Dense(2)(inputs), layers.Dense(2)(inputs)]
    encoder = keras.Model(inputs, outputs)
    with pytest.raises(ValueError, match=r"one output. Received: 1 and 2"):
        contractive_penalty(encoder, np.ones((2, 4), "float32"))


CLOSED_FORM_AND_ESTIMATE = """
import keras
from keras import layers, ops
from dlunits.losses import contractive_penalty

dense, x = layers.Dense(2, kernel_initializer="ones"), ops.zeros((5, 3))
for encoder in ([dense], [dense, layers.Dense(2)]):
    encoder = keras.Sequential([keras.Input((3,)), *encoder])
    print(float(contractive_penalty(encoder, x)))
"""


def test_other_backends_have_the_closed_form_only(project):
    process = subprocess.run(
        [sys.executable, "-c", CLOSED_FORM_AND_ESTIMATE],
        env={**os.environ, "KERAS_BACKEND": "numpy"},
        cwd=project,
        capture_output=True,
        text=True,
    )
    assert process.stdout == "6.0\n"  # 2 x 3 ones
    assert "ValueError: Derivatives are implemented for" in process.stderr
