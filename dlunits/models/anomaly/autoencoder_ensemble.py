"""Several autoencoders of rows side by side, as one model."""

import math

import keras
import numpy as np
from keras import layers

from dlunits.layers import GaussianSampling
from dlunits.models.autoencoders.autoencoder import Autoencoder
from dlunits.models.autoencoders.contractive_autoencoder import (
    ContractiveAutoencoder,
)
from dlunits.models.autoencoders.variational_autoencoder import (
    VariationalAutoencoder,
)
from dlunits.regularizers import KLSparsity

BATCH_SIZE = 128
LEAST_STEPS = 100  # an epoch; fewer rows are passed over several times

KINDS = ("plain", "denoising", "sparse", "contractive", "variational")


def autoencoder_ensemble(
    num_members,
    num_features,
    kind="denoising",
    hidden_units=64,
    latent_dim=8,
    *,
    noise=0.3,
    contraction=0.01,
    sparsity=0.01,
    stddev=0.3,
    seed=None,
    dtype=None,
    name="autoencoders",
):
    """Builds autoencoders that learn in the same step, each from its own rows.

    Each member has weights of its own, and the members never meet: row `m` of
    an example belongs to member `m`. Trained so they cost little more than
    one, where there are many features less than as many.

        features -> hidden units -> code -> hidden units -> features

    Args:
        num_members: Positive integer.
        num_features: Positive integer.
        kind: `"plain"`, `"denoising"`, `"sparse"`, `"contractive"` or
            `"variational"`.
        hidden_units: Positive integer, SiLU units of either hidden layer.
        latent_dim: Positive integer.
        noise: Number, standard deviation of the noise that denoising adds.
        contraction: Number, weight of the contractive penalty.
        sparsity: Number, weight of the sparsity penalty; its target is 0.05.
        stddev: Number, standard deviation of the variational decoder.
        seed: Integer, decides the first weights and the noise.
        dtype: Policy of all layers; `None` takes Keras' current one.
        name: Name of the model.

    Returns:
        `dlunits.models.Autoencoder` of `(num_members, num_features)`.

    Raises:
        ValueError: If there is no such kind, or a size is not positive.

    Example, 16 + 5 + 8 + 15 weights and biases of 3 -> 4 -> 1 -> 4 -> 3:

    >>> autoencoder_ensemble(2, 3, "plain", 4, 1).count_params()
    88
    """
    check_kind(kind)
    if min(num_members, num_features, hidden_units, latent_dim) < 1:
        raise ValueError(
            "Every size must be at least 1. Received: "
            f"{num_members=}, {num_features=}, {hidden_units=}, {latent_dim=}"
        )
    seeds = keras.random.SeedGenerator(seed)
    drawn = iter(keras.random.randint((6,), 0, 2**31 - 1, seed=seeds))

    def dense(x, units, name, activation=None, **options):
        """x[m] W[m] + b[m] for every member m."""
        scale = math.sqrt(2 / (x.shape[-1] + units))
        return layers.EinsumDense(
            "bmi,mio->bmo",
            (num_members, units),
            bias_axes="mo",
            activation=activation,
            kernel_initializer=keras.initializers.RandomNormal(
                stddev=scale, seed=int(next(drawn))
            ),
            dtype=dtype,
            name=name,
            **options,
        )(x)

    x = inputs = keras.Input((num_members, num_features), name="features")
    if kind == "denoising":
        x = layers.GaussianNoise(
            noise, seed=int(next(drawn)), dtype=dtype, name="noise"
        )(x)
    x = dense(x, hidden_units, "encoder_1", "silu")
    if kind == "variational":
        x = dense(x, 2 * latent_dim, "distribution")
        x = GaussianSampling(int(next(drawn)), dtype=dtype, name="code")(x)
    elif kind == "sparse":
        x = layers.Flatten(dtype=dtype, name="units")(
            dense(x, latent_dim, "drive")
        )
        x = layers.Activation(
            "sigmoid",
            activity_regularizer=KLSparsity(0.05, sparsity),
            dtype=dtype,
            name="code",
        )(x)
        x = layers.Reshape((num_members, latent_dim), dtype=dtype)(x)
    else:
        x = dense(x, latent_dim, "code")
    encoder = keras.Model(inputs, x, name="encoder")

    x = codes = keras.Input((num_members, latent_dim), name="code")
    x = dense(x, hidden_units, "decoder_1", "silu")
    x = dense(x, num_features, "reconstruction")
    decoder = keras.Model(codes, x, name="decoder")
    options = {"dtype": dtype, "name": name}
    if kind == "contractive":
        return ContractiveAutoencoder(
            encoder, decoder, contraction, seed=int(next(drawn)), **options
        )
    if kind == "variational":
        return VariationalAutoencoder(
            encoder, decoder, "gaussian", stddev=stddev, **options
        )
    return Autoencoder(encoder, decoder, **options)


def check_kind(kind):
    if kind not in KINDS:
        raise ValueError(f"`kind` must be one of {KINDS}. Received: {kind=}")


def train_ensemble(model, rows, steps, seed=0, verbose=0):
    """Trains every member on the rows of all folds but its own.

    Row i belongs to fold `i % num_members`; a single member learns from all.

    Args:
        model: What `autoencoder_ensemble` builds.
        rows: Array `(num_rows, num_features)`.
        steps: Positive integer, gradient steps of 128 rows a member.
        seed: Integer, decides the order of the rows.
        verbose: As Keras' `fit`.

    Returns:
        Keras' `History`.
    """
    num_members = model.input_shape[1]
    generator = np.random.default_rng(seed)
    numbers = np.arange(len(rows))
    size = -(-len(rows) // BATCH_SIZE) * BATCH_SIZE
    size = min(max(size, LEAST_STEPS * BATCH_SIZE), steps * BATCH_SIZE)

    def drawn(member):
        """Numbers of that many rows, each as often as another."""
        own = numbers[numbers % num_members != member]
        own = own if num_members > 1 else numbers
        passes = -(-size // len(own))
        return np.concatenate(
            [generator.permutation(own) for _ in range(passes)]
        )[:size]

    order = np.stack([drawn(member) for member in range(num_members)], axis=1)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps, warmup_target=3e-3, warmup_steps=min(100, steps)
    )
    variational = isinstance(model, VariationalAutoencoder)
    model.compile(
        keras.optimizers.Adam(schedule, beta_2=0.99, epsilon=1e-4),
        None if variational else "mse",
        steps_per_execution=size // BATCH_SIZE,
    )
    return model.fit(
        **rows_in_order(rows[order]),
        epochs=max(1, round(steps * BATCH_SIZE / size)),
        shuffle=False,  # by the seed above instead
        verbose=verbose,
    )


def rows_in_order(rows):
    """What `fit` takes to go through the rows in order.

    Of arrays it makes a pipeline that tunes itself, and TensorFlow takes long
    to tear such a one down at the end of every epoch.
    """
    if keras.config.backend() != "tensorflow":
        return {"x": rows, "batch_size": BATCH_SIZE}
    import tensorflow as tf

    batches = rows.reshape(-1, BATCH_SIZE, *rows.shape[1:])
    options = tf.data.Options()
    options.autotune.enabled = False
    dataset = tf.data.Dataset.from_tensor_slices(batches).prefetch(2)
    return {"x": dataset.with_options(options)}
