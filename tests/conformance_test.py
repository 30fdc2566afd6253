"""Checks of every public layer, model, regularizer and loss.

They run on every backend. The last test prints what a backend cannot do.
"""

import keras
import numpy as np
import pytest
from keras import ops

import dlunits
from dlunits.autodiff import vjp

# A tied layer that is copied alone has a separate kernel, and warns.
pytestmark = pytest.mark.filterwarnings("ignore:The copied layer")


def dense_layer(num_inputs, units):
    layer = keras.layers.Dense(units, activation="tanh")
    layer.build((None, num_inputs))
    return layer


def convolution(channels, filters):
    layer = keras.layers.Conv2D(filters, (3, 2), strides=2, padding="same")
    layer.build((None, None, None, channels))
    return layer


def contractive_autoencoder(**options):
    parts = dlunits.models.autoencoders.dense_autoencoder(
        (4, 2), 3, (5,), **options
    )
    return dlunits.models.ContractiveAutoencoder(
        parts.encoder, parts.decoder, weight=0.5, seed=0
    )


def variational_autoencoder(**options):
    return dlunits.models.autoencoders.dense_variational_autoencoder(
        (4, 2), 3, (5,), **options
    )


# Public class -> function that makes one, and the shape of one input.
CATALOG = {
    "TabularEncoding": (
        lambda **options: dlunits.layers.TabularEncoding(
            3, missing_indicators=(1,), **options
        ),
        (3,),
    ),
    "ConformalInterval": (
        lambda **options: dlunits.layers.ConformalInterval(0.8, **options),
        (3, 2),
    ),
    "ConformalPValue": (
        lambda **options: dlunits.layers.ConformalPValue(9, 3, **options),
        (3,),
    ),
    "CrossFittedWhitening": (
        lambda **options: dlunits.layers.CrossFittedWhitening(3, **options),
        (5,),
    ),
    "EuclideanRBF": (
        lambda **options: dlunits.layers.EuclideanRBF(
            3, trainable_codes=True, **options
        ),
        (5,),
    ),
    "LeSiNN": (
        lambda **options: dlunits.layers.LeSiNN(2, 3, 3, **options),
        (5,),
    ),
    "GaussianSampling": (
        lambda **options: dlunits.layers.GaussianSampling(seed=0, **options),
        (3, 4),
    ),
    "MaskingNoise": (
        lambda **options: dlunits.layers.MaskingNoise(
            0.3, mask_value=-1.0, seed=0, **options
        ),
        (4, 3),
    ),
    "MovingMeanSparsity": (
        lambda **options: dlunits.layers.MovingMeanSparsity(
            dlunits.regularizers.KLSparsity(0.1), **options
        ),
        (4, 3),
    ),
    "HistogramOfOrientedGradients": (
        lambda **options: dlunits.layers.HistogramOfOrientedGradients(
            5, cell_size=2, **options
        ),
        (6, 5, 2),
    ),
    "GroupedConv2D": (
        lambda **options: dlunits.layers.GroupedConv2D(
            6, (3, 2), activation="tanh", **options
        ),
        (6, 5, 4),
    ),
    "LocalResponseNormalization": (
        lambda **options: dlunits.layers.LocalResponseNormalization(
            depth_radius=1, alpha=0.5, **options
        ),
        (3, 2, 5),
    ),
    "PartialConv2D": (
        lambda **options: dlunits.layers.PartialConv2D(
            [(0, 1), (1, 2), (0,)], (3, 2), activation="tanh", **options
        ),
        (6, 6, 3),
    ),
    "GRU": (
        lambda **options: dlunits.layers.GRU(3, **options),
        (5, 4),
    ),
    "GRUCell": (
        lambda **options: keras.layers.RNN(
            dlunits.layers.GRUCell(3, **options), **options
        ),
        (5, 4),
    ),
    "LSTM": (
        lambda **options: dlunits.layers.LSTM(3, **options),
        (5, 4),
    ),
    "LSTMCell": (
        lambda **options: keras.layers.RNN(
            dlunits.layers.LSTMCell(3, **options), **options
        ),
        (5, 4),
    ),
    "SimpleRNN": (
        lambda **options: dlunits.layers.SimpleRNN(3, **options),
        (5, 4),
    ),
    "SimpleRNNCell": (
        lambda **options: keras.layers.RNN(
            dlunits.layers.SimpleRNNCell(3, **options), **options
        ),
        (5, 4),
    ),
    "Bidirectional": (
        lambda **options: dlunits.layers.Bidirectional(
            dlunits.layers.LSTM(3, return_sequences=True, **options),
            backward_layer=dlunits.layers.GRU(
                2, return_sequences=True, go_backwards=True, **options
            ),
            **options,
        ),
        (5, 4),
    ),
    "GAN": (
        lambda **options: dlunits.models.GAN(
            keras.Sequential(
                [keras.Input((4,)), keras.layers.Dense(3, **options)]
            ),
            keras.Sequential(
                [keras.Input((3,)), keras.layers.Dense(1, **options)]
            ),
            latent_dim=4,
            **options,
        ),
        (4,),
    ),
    "convolutional_gan": (
        lambda **options: dlunits.models.gan.convolutional_gan(
            (4, 4, 1), 3, filters=(2,), **options
        ),
        (3,),
    ),
    "EmbeddingRNN": (
        lambda **options: dlunits.layers.EmbeddingRNN(
            keras.layers.Embedding(7, 2, **options),
            dlunits.layers.GRU(3, **options),
            **options,
        ),
        (5,),
    ),
    "SaltAndPepperNoise": (
        lambda **options: dlunits.layers.SaltAndPepperNoise(
            0.3, seed=0, **options
        ),
        (4, 3),
    ),
    "TrainableSubsampling": (
        lambda **options: dlunits.layers.TrainableSubsampling(
            (2, 3), activation="tanh", **options
        ),
        (7, 7, 2),
    ),
    "TiedConv2DTranspose": (
        lambda **options: dlunits.layers.TiedConv2DTranspose(
            convolution(2, 3), activation="tanh", **options
        ),
        (4, 5, 3),
    ),
    "TiedDense": (
        lambda **options: dlunits.layers.TiedDense(
            dense_layer(5, 3), activation="tanh", **options
        ),
        (3,),
    ),
    "Autoencoder": (
        lambda **options: dlunits.models.Autoencoder(
            keras.Sequential([keras.Input((6,)), dense_layer(6, 2)]),
            keras.Sequential([keras.Input((2,)), dense_layer(2, 6)]),
            **options,
        ),
        (6,),
    ),
    "ContractiveAutoencoder": (
        contractive_autoencoder,
        (4, 2),
    ),
    "dense_autoencoder": (
        lambda **options: dlunits.models.autoencoders.dense_autoencoder(
            (4, 2), 3, (5,), tied=True, **options
        ),
        (4, 2),
    ),
    "convolutional_autoencoder": (
        lambda **options: dlunits.models.autoencoders.convolutional_autoencoder(
            (6, 5, 1), 3, (4, 2), **options
        ),
        (6, 5, 1),
    ),
    "convolutional_autoencoder-tied": (
        lambda **options: dlunits.models.autoencoders.convolutional_autoencoder(
            (6, 5, 1), 3, (4, 2), tied=True, **options
        ),
        (6, 5, 1),
    ),
    "denoising_autoencoder": (
        lambda **options: dlunits.models.autoencoders.denoising_autoencoder(
            (8, 12, 1), 4, 3, **options
        ),
        (8, 12, 1),
    ),
    "RecurrentModel-one_to_one": (
        lambda **options: dlunits.models.RecurrentModel(
            "one_to_one", (4,), 2, units=(3, 4), **options
        ),
        (4,),
    ),
    "RecurrentModel-one_to_many": (
        lambda **options: dlunits.models.RecurrentModel(
            "one_to_many", (4,), 2, units=(3, 4), num_steps=3, **options
        ),
        (4,),
    ),
    "RecurrentModel-many_to_one": (
        lambda **options: dlunits.models.RecurrentModel(
            *("many_to_one", (5, 4), 2),
            cell="gru",
            units=(3, 4),
            bidirectional=True,
            **options,
        ),
        (5, 4),
    ),
    "RecurrentModel-many_to_many": (
        lambda **options: dlunits.models.RecurrentModel(
            *("many_to_many", (5, 4), 2),
            cell="rnn",
            units=(3,),
            dropout=0.1,
            output_activation="softmax",
            **options,
        ),
        (5, 4),
    ),
    "RecurrentModel-encoder-decoder": (
        lambda **options: dlunits.models.RecurrentModel(
            "many_to_many", (5, 4), 2, units=(3, 4), num_steps=3, **options
        ),
        (5, 4),
    ),
    "VariationalAutoencoder": (
        variational_autoencoder,
        (4, 2),
    ),
    "dense_variational_autoencoder": (
        variational_autoencoder,
        (4, 2),
    ),
    "pca_autoencoder": (
        lambda **options: dlunits.models.autoencoders.pca_autoencoder(
            np.random.default_rng(0).normal(size=(20, 4, 2)), 3, **options
        ),
        (4, 2),
    ),
    "Forecaster": (
        lambda **options: dlunits.models.Forecaster(6, 4, 3, **options),
        (6, 3),
    ),
    "Forecaster-combination": (
        lambda **options: dlunits.models.Forecaster(
            6, 4, 3, method="combination", season=2, minimum=-0.5, **options
        ),
        (6, 3),
    ),
    "Forecaster-gru": (
        lambda **options: dlunits.models.Forecaster(
            6, 4, 3, method="gru", units=4, segment_length=2, **options
        ),
        (6, 3),
    ),
    "Forecaster-lstm": (
        lambda **options: dlunits.models.Forecaster(
            6,
            3,
            3,
            targets=[1],
            method="lstm",
            channel_mixing=True,
            units=4,
            segment_length=4,
            **options,
        ),
        (6, 3),
    ),
    "AlexNet": (
        lambda **options: dlunits.models.AlexNet(
            3, width=0.02, input_shape=(67, 67, 3), dropout=0.0, **options
        ),
        (67, 67, 3),
    ),
    "LeNet5": (dlunits.models.LeNet5, (28, 28, 1)),
    "LeNet5-1998": (
        lambda **options: dlunits.models.LeNet5(variant="1998", **options),
        (28, 28, 1),
    ),
}

# Public regularizer -> function that makes one.
REGULARIZERS = {
    "KLSparsity": lambda: dlunits.regularizers.KLSparsity(0.1, weight=2.0),
}

# Public loss -> its value for an encoder and a batch of inputs.
LOSSES = {
    "contractive_penalty": lambda encoder, x: (
        dlunits.losses.contractive_penalty(encoder, x, seed=0)
    ),
    "discriminator_loss": lambda encoder, x: dlunits.losses.discriminator_loss(
        "hinge", encoder(x), encoder(-x)
    ),
    "generator_loss": lambda encoder, x: dlunits.losses.generator_loss(
        "non_saturating", encoder(x)
    ),
    "gradient_penalty": lambda encoder, x: dlunits.losses.gradient_penalty(
        encoder, x, -x, seed=0
    ),
    "gaussian_kl": lambda encoder, x: ops.mean(
        dlunits.losses.gaussian_kl(encoder(x), 2 * encoder(x))
    ),
    "r1_penalty": dlunits.losses.r1_penalty,
    "squared_jacobian_norm": lambda encoder, x: ops.mean(
        dlunits.losses.squared_jacobian_norm(encoder, x, seed=0)
    ),
}

WITHOUT_GRADIENT = {
    "ConformalPValue": "A count has no gradient.",
    "GAN": "It has its own training step: see gan_training_test.py.",
    "convolutional_gan": "It has its own training step, as GAN.",
    "EmbeddingRNN": "Its inputs are integers, which have no gradient.",
}

# Test -> reason why all units fail it on the backend; a unit that begins to
# pass is an error.
NOT_SUPPORTED = {
    "torch": {
        "test_a_saved_model_gives_the_results_of_predict": (
            "Keras 3.15 calls `torch.export.export` with `dynamic_shapes` that "
            "do not match the inputs, and needs torch_xla after that."
        ),
    },
}.get(keras.config.backend(), {})

every_unit = pytest.mark.parametrize("name", CATALOG)
# One entry of each public class; the other entries have the same layers.
every_class = pytest.mark.parametrize(
    "name",
    [
        name
        for name in CATALOG
        if name
        not in {
            "Forecaster-combination",
            "Forecaster-gru",
            "Forecaster-lstm",
            "LeNet5-1998",
            "RecurrentModel-encoder-decoder",
            "RecurrentModel-many_to_one",
            "RecurrentModel-one_to_many",
            "RecurrentModel-one_to_one",
            "convolutional_autoencoder",
            "dense_variational_autoencoder",
        }
    ],
)
every_regularizer = pytest.mark.parametrize("name", REGULARIZERS)


@pytest.fixture(autouse=True)
def fails_where_it_is_not_supported(request):
    reason = NOT_SUPPORTED.get(request.node.originalname)
    if reason:
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))


def make(name, **options):
    return CATALOG[name][0](**options)


def example(name, batch_size=4):
    rng = np.random.default_rng(0)
    shape = (batch_size, *CATALOG[name][1])
    return rng.uniform(size=shape).astype("float32")


def model_of(name, **options):
    """Model with the layer or model, and one output row per example."""
    inputs = keras.Input(CATALOG[name][1])
    outputs = make(name, **options)(inputs)
    return keras.Model(inputs, keras.layers.Flatten()(outputs))


def test_the_catalog_contains_every_public_class():
    public = {*dlunits.layers.__all__, *dlunits.models.__all__}
    public -= {
        "AnomalyDetector",
        "AnomalyStream",
        "TableSchema",
    }  # inputs are tables, not tensors
    public -= {"RecurrentLanguageModel"}  # states are inputs as well
    assert {name.split("-")[0] for name in CATALOG} == public
    assert REGULARIZERS.keys() == {*dlunits.regularizers.__all__}
    assert LOSSES.keys() == {*dlunits.losses.__all__}


@every_unit
def test_a_layer_from_its_config_is_the_same(name):
    unit = make(name)
    # Cells are tested in `keras.layers.RNN`.
    check_config_of(unit.cell if name.endswith("Cell") else unit)


def check_config_of(unit):
    config = keras.saving.serialize_keras_object(unit)
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is type(unit)
    assert again.get_config() == unit.get_config()
    assert config["registered_name"].startswith("dlunits>")


@every_unit
def test_output_shape_matches_compute_output_shape(name):
    x = example(name)
    unit = make(name)
    expected = unit.compute_output_shape(x.shape)
    assert tuple(unit(x).shape) == tuple(expected)
    batch_size = unit.compute_output_shape((None, *x.shape[1:]))[0]
    assert batch_size is None


@every_unit
def test_a_keras_file_holds_weights_and_architecture(name, tmp_path):
    model, x = model_of(name), example(name)
    model.save(tmp_path / "unit.keras")
    again = keras.saving.load_model(tmp_path / "unit.keras", safe_mode=True)
    np.testing.assert_array_equal(
        *map(ops.convert_to_numpy, (again(x), model(x)))
    )


@every_unit
def test_a_saved_model_gives_the_results_of_predict(name, tmp_path):
    tf = pytest.importorskip("tensorflow", reason="SavedModel is TensorFlow's.")
    model, x = bare_model(name), example(name)
    model.export(tmp_path / "unit", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "unit")
    np.testing.assert_allclose(
        loaded.serve(x), ops.convert_to_numpy(model(x)), rtol=1e-5, atol=1e-6
    )


# Units whose probabilities stay in single precision.
SINGLE_PRECISION_OUTPUTS = {"AlexNet"}


@every_unit
def test_half_precision_is_close_to_single(name):
    x = example(name)
    single = make(name)
    expected = ops.convert_to_numpy(single(x))
    keras.config.set_dtype_policy("mixed_float16")
    try:
        half = make(name)
    finally:
        keras.config.set_dtype_policy("float32")
    half(x)
    half.set_weights(single.get_weights())
    result = half(x)
    expected_dtype = (
        "float32" if name in SINGLE_PRECISION_OUTPUTS else "float16"
    )
    assert keras.backend.standardize_dtype(result.dtype) == expected_dtype
    np.testing.assert_allclose(
        ops.convert_to_numpy(result), expected, rtol=2e-2, atol=2e-2
    )
    again = type(half).from_config(half.get_config())
    assert again.dtype_policy.name == half.dtype_policy.name == "mixed_float16"
    assert keras.backend.standardize_dtype(again(x).dtype) == expected_dtype


@every_unit
def test_one_training_step_changes_every_trainable_weight(name):
    if name in WITHOUT_GRADIENT:
        pytest.skip(WITHOUT_GRADIENT[name])
    keras.utils.set_random_seed(0)
    x = example(name)
    inputs = keras.Input(x.shape[1:])
    # Gradients must reach the weights before the layer or model.
    hidden = keras.layers.Dense(x.shape[-1], activation="sigmoid")(inputs)
    outputs = keras.layers.Flatten()(make(name)(hidden))
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.1), "mse")
    before = [ops.convert_to_numpy(w).copy() for w in model.trainable_weights]
    target = np.ones_like(ops.convert_to_numpy(model(x)))
    losses = model.fit(x, target, verbose=0).history["loss"]
    assert np.isfinite(losses).all()
    for weight, old in zip(model.trainable_weights, before, strict=True):
        assert not np.array_equal(weight, old), weight.path


@every_unit
def test_the_result_of_an_example_does_not_depend_on_the_batch(name):
    unit, x = make(name), example(name)
    np.testing.assert_allclose(
        ops.convert_to_numpy(unit(x[:1])),
        ops.convert_to_numpy(unit(x))[:1],
        rtol=1e-4,
        atol=1e-5,
    )


# Use in other programs: frozen, quantized, copied, differentiated twice

# `clone_model` copies the layers between inputs and outputs. It does not copy
# the layer of forecast intervals, nor the tie of two kernels, which warns.
NOT_CLONED = {
    "Forecaster-combination",
    "Forecaster",
    "dense_autoencoder",
    "convolutional_autoencoder-tied",
}
NOT_QUANTIZED = "ignore:Layer .* does not have a `quantize` method"


def bare_model(name):
    """Model of the catalog, or a model of the layer alone."""
    unit = make(name)
    if isinstance(unit, keras.Model):
        return unit
    inputs = keras.Input(CATALOG[name][1])
    hidden = keras.layers.Dense(inputs.shape[-1], "sigmoid")(inputs)
    outputs = unit(inputs if name in WITHOUT_GRADIENT else hidden)
    return keras.Model(inputs, outputs)


def train_once(model, x):
    """Trains for one step."""
    if isinstance(model, dlunits.models.GAN):
        model.train_on_batch(generated := model(x))
        return generated
    if isinstance(model, dlunits.models.VariationalAutoencoder):
        return model.train_on_batch(x)
    return model.train_on_batch(x, ops.zeros_like(model(x)))


def compile_eagerly(model):
    if isinstance(model, dlunits.models.GAN):
        model.compile("adam", "adam", run_eagerly=True)
    elif isinstance(model, dlunits.models.VariationalAutoencoder):
        model.compile("adam", run_eagerly=True)
    else:
        model.compile("adam", "mse", run_eagerly=True)


def freeze_a_layer(model):
    """Freezes the first layer with weights, and returns it."""
    if isinstance(model, dlunits.models.GAN):
        return freeze_a_layer(model.generator)
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            return freeze_a_layer(layer)
        if layer.trainable_weights:
            layer.trainable = False
            return layer
    raise AssertionError("no layer has weights")


def copies(variables):
    return [ops.convert_to_numpy(variable).copy() for variable in variables]


def assert_all_equal(received, expected):
    for one, other in zip(received, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@every_class
def test_a_frozen_model_is_saved_loaded_and_trained_on(name, tmp_path):
    if not bare_model(name).trainable_weights:
        pytest.skip("It has no weights to freeze.")
    keras.utils.set_random_seed(0)
    model, x = bare_model(name), example(name)
    frozen = freeze_a_layer(model)
    before, count = copies(frozen.weights), len(model.weights)
    compile_eagerly(model)
    if model.trainable_weights:
        train_once(model, x)
    model.save(tmp_path / "unit.keras")
    again = keras.saving.load_model(tmp_path / "unit.keras")
    assert len(again.trainable_weights) == len(model.trainable_weights)
    assert_all_equal(copies(again.weights), copies(model.weights))
    assert_all_equal(
        copies(again.optimizer.variables), copies(model.optimizer.variables)
    )
    trained = copies(again.weights)
    if again.trainable_weights:
        train_once(again, x)
        after = copies(again.weights)
        assert any(
            not np.array_equal(*pair)
            for pair in zip(after, trained, strict=True)
        )
    assert len(again.weights) == count
    for old in before:  # the frozen weights are still there
        assert any(np.array_equal(old, new) for new in copies(again.weights))


@pytest.mark.filterwarnings(NOT_QUANTIZED)
@every_class
def test_a_quantized_model_is_saved_loaded_and_called(name, tmp_path):
    model, x = bare_model(name), example(name)
    model.quantize("int8")
    expected = ops.convert_to_numpy(model(x))
    model.save(tmp_path / "unit.keras")
    again = keras.saving.load_model(tmp_path / "unit.keras")
    np.testing.assert_allclose(
        ops.convert_to_numpy(again(x)), expected, rtol=1e-5, atol=1e-6
    )


@every_class
def test_a_copy_has_the_same_architecture(name):
    model, x = bare_model(name), example(name)
    copied = [type(model).from_config(model.get_config())]
    if name not in NOT_CLONED:
        copied.append(keras.models.clone_model(model))
    for again in copied:
        again.set_weights(model.get_weights())
        np.testing.assert_allclose(
            *map(ops.convert_to_numpy, (again(x), model(x))),
            rtol=1e-5,
            atol=1e-6,
        )


@pytest.mark.parametrize(
    "name", ["dense_autoencoder", "convolutional_autoencoder-tied"]
)
def test_a_clone_that_is_not_tied_warns(name):
    with pytest.warns(UserWarning, match=r"is not tied: .*\.from_config"):
        keras.models.clone_model(make(name))


def squared_gradient_norm(model):
    """Function from x to ||d sum(model(x)^2) / dx||^2 and its gradient."""
    if keras.config.backend() != "tensorflow":

        def output(x):
            return ops.sum(ops.square(model(x, training=True)))

        def norm(x):
            return ops.sum(ops.square(vjp(output, x)[1](1.0)))

        def norm_and_gradient(x):
            value, pullback = vjp(norm, x)
            return value, pullback(1.0)

        return norm_and_gradient
    import tensorflow as tf

    @tf.function
    def norm_and_gradient(x):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                output = ops.sum(ops.square(model(x, training=True)))
            norm = ops.sum(ops.square(inner.gradient(output, x)))
        return norm, outer.gradient(norm, x)

    return norm_and_gradient


@every_class
def test_the_gradient_of_the_gradient_is_finite(name):
    if name in {"ConformalPValue", "EmbeddingRNN"}:
        pytest.skip(WITHOUT_GRADIENT[name])
    keras.utils.set_random_seed(0)
    x = ops.convert_to_tensor(example(name))
    norm, gradient = squared_gradient_norm(bare_model(name))(x)
    assert np.isfinite(ops.convert_to_numpy(norm))
    assert np.isfinite(ops.convert_to_numpy(gradient)).all()


# Regularizers and losses


def penalized(name, policy="float32"):
    """Model whose loss is only the penalty, and a batch for it."""
    keras.utils.set_random_seed(0)
    layer = keras.layers.Dense(
        3, "sigmoid", activity_regularizer=REGULARIZERS[name](), dtype=policy
    )
    model = keras.Sequential([keras.Input((4,)), layer])
    model.compile(keras.optimizers.SGD(0.1), auto_scale_loss=False)
    x = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")
    return model, x


@every_regularizer
def test_a_regularizer_from_its_config_is_the_same(name):
    check_config_of(REGULARIZERS[name]())


@every_regularizer
def test_a_loaded_layer_has_the_same_penalty(name, tmp_path):
    model, x = penalized(name)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert again.evaluate(x, verbose=0) == model.evaluate(x, verbose=0) != 0


@every_regularizer
def test_the_penalty_in_half_precision_is_close_and_trains(name):
    model, x = penalized(name, "mixed_float16")
    single, _ = penalized(name)
    penalties = [m.evaluate(x, verbose=0) for m in (model, single)]
    assert penalties[0] == pytest.approx(penalties[1], rel=1e-2)
    model.fit(x, verbose=0)
    assert model.evaluate(x, verbose=0) < penalties[0]


class OnlyLoss(keras.Model):
    def __init__(self, encoder, loss):
        super().__init__()
        self.encoder = encoder
        self.loss_of = loss

    def call(self, x):
        return self.encoder(x)

    def compute_loss(self, x=None, *_, **__):
        return self.loss_of(self.encoder, x)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
@pytest.mark.parametrize("name", LOSSES)
def test_a_gradient_step_reduces_the_loss(name, policy):
    keras.utils.set_random_seed(0)
    layers = [
        keras.layers.Dense(units, "tanh", dtype=policy) for units in (5, 3)
    ]
    encoder = keras.Sequential([keras.Input((4,)), *layers])
    model = OnlyLoss(encoder, LOSSES[name])
    model.compile(keras.optimizers.SGD(0.1), auto_scale_loss=False)
    x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
    losses = model.fit(x, batch_size=64, epochs=10, verbose=0).history["loss"]
    assert 0 < losses[-1] < losses[0]  # False for NaN


def test_the_table_of_what_is_not_supported(capsys):
    """Prints it; run without `-n`, with which pytest hides what is printed."""
    assert NOT_SUPPORTED.keys() <= globals().keys()
    rows = [f"{test}: {reason}" for test, reason in NOT_SUPPORTED.items()]
    title = f"\nNot supported on the backend {keras.config.backend()}:"
    with capsys.disabled():
        print(title, *rows or ["nothing"], sep="\n  ")  # noqa: T201
