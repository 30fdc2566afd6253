"""Ensemble of autoencoders that train in one model."""

import math
from typing import Any

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
from dlunits.typing import Array, Tensor

BATCH_SIZE = 128
MIN_EPOCH_STEPS = 100  # an epoch repeats the rows if there are fewer

AUTOENCODERS = ("plain", "denoising", "sparse", "contractive", "variational")


def autoencoder_ensemble(
    num_members: int,
    num_features: int,
    autoencoder: str = "denoising",
    units: int = 64,
    latent_dim: int = 8,
    *,
    noise: float = 0.3,
    contraction: float = 0.01,
    sparsity: float = 0.01,
    stddev: float = 0.3,
    seed: int | None = None,
    dtype: Any = None,
    name: str = "autoencoders",
) -> Autoencoder:
    """Builds an ensemble of autoencoders that train in one model.

    Each member has its own weights and its own rows: row `m` of an example
    belongs to member `m`. A training step costs little more than that of one
    autoencoder, or, with many features, less than that of as many.

        features -> units -> code -> units -> features

    Args:
        num_members: Number of autoencoders.
        num_features: Number of features of a row.
        autoencoder: Type: `"plain"`, `"denoising"`, `"sparse"`,
            `"contractive"` or `"variational"`.
        units: Number of SiLU units of the hidden layers.
        latent_dim: Size of the code.
        noise: Standard deviation of the noise of denoising autoencoders.
        contraction: Weight of the penalty of contractive autoencoders.
        sparsity: Weight of the penalty of sparse autoencoders, whose target
            activity is 0.05.
        stddev: Standard deviation of the decoder of variational autoencoders.
        seed: Seed of the initial weights and the noise.
        dtype: Policy of all layers; `None` takes Keras' current one.
        name: Name of the model.

    Returns:
        `dlunits.models.Autoencoder` of `(num_members, num_features)`.

    Raises:
        ValueError: If there is no such type, or a size is not positive.

    Example, 16 + 5 + 8 + 15 weights and biases of 3 -> 4 -> 1 -> 4 -> 3:

    >>> autoencoder_ensemble(2, 3, "plain", 4, 1).count_params()
    88
    """
    check_autoencoder(autoencoder)
    if min(num_members, num_features, units, latent_dim) < 1:
        raise ValueError(
            "Every size must be at least 1. Received: "
            f"{num_members=}, {num_features=}, {units=}, {latent_dim=}"
        )
    generator = keras.random.SeedGenerator(seed)
    seeds = iter(keras.random.randint((6,), 0, 2**31 - 1, seed=generator))

    def dense(
        x: Tensor,
        size: int,
        name: str,
        activation: str | None = None,
        **options: Any,
    ) -> Tensor:
        """x[m] W[m] + b[m] for every member m."""
        scale = math.sqrt(2 / (x.shape[-1] + size))
        return layers.EinsumDense(
            "bmi,mio->bmo",
            (num_members, size),
            bias_axes="mo",
            activation=activation,
            kernel_initializer=keras.initializers.RandomNormal(
                stddev=scale, seed=int(next(seeds))
            ),
            dtype=dtype,
            name=name,
            **options,
        )(x)

    x = inputs = keras.Input((num_members, num_features), name="features")
    if autoencoder == "denoising":
        x = layers.GaussianNoise(
            noise, seed=int(next(seeds)), dtype=dtype, name="noise"
        )(x)
    x = dense(x, units, "encoder_1", "silu")
    if autoencoder == "variational":
        x = dense(x, 2 * latent_dim, "distribution")
        x = GaussianSampling(int(next(seeds)), dtype=dtype, name="code")(x)
    elif autoencoder == "sparse":
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
    x = dense(x, units, "decoder_1", "silu")
    x = dense(x, num_features, "reconstruction")
    decoder = keras.Model(codes, x, name="decoder")
    options = {"dtype": dtype, "name": name}
    if autoencoder == "contractive":
        return ContractiveAutoencoder(
            encoder, decoder, contraction, seed=int(next(seeds)), **options
        )
    if autoencoder == "variational":
        return VariationalAutoencoder(
            encoder, decoder, "gaussian", stddev=stddev, **options
        )
    return Autoencoder(encoder, decoder, **options)


def check_autoencoder(autoencoder: str) -> None:
    if autoencoder not in AUTOENCODERS:
        raise ValueError(
            f"`autoencoder` must be one of {AUTOENCODERS}. Received: "
            f"{autoencoder=}"
        )


def train_ensemble(
    model: Autoencoder,
    rows: Array,
    train_steps: int,
    seed: int = 0,
    verbose: int | str = 0,
) -> keras.callbacks.History:
    """Trains each member of an ensemble on the rows of the other folds.

    Row i belongs to fold `i % num_members`. A single member trains on all.

    Args:
        model: Model of `autoencoder_ensemble`.
        rows: Array `(num_rows, num_features)`.
        train_steps: Number of gradient steps, of 128 rows for each member.
        seed: Seed of the order of the rows.
        verbose: As in `keras.Model.fit`.

    Returns:
        Keras' `History`.
    """
    num_members = model.input_shape[1]
    generator = np.random.default_rng(seed)
    numbers = np.arange(len(rows))
    size = -(-len(rows) // BATCH_SIZE) * BATCH_SIZE
    size = min(
        max(size, MIN_EPOCH_STEPS * BATCH_SIZE), train_steps * BATCH_SIZE
    )

    def row_order(member: int) -> Array:
        """Indices of `size` rows, each about as often as another."""
        own = numbers[numbers % num_members != member]
        own = own if num_members > 1 else numbers
        repeats = -(-size // len(own))
        return np.concatenate(
            [generator.permutation(own) for _ in range(repeats)]
        )[:size]

    order = np.stack(
        [row_order(member) for member in range(num_members)], axis=1
    )
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0,
        train_steps,
        warmup_target=3e-3,
        warmup_steps=min(100, train_steps),
    )
    variational = isinstance(model, VariationalAutoencoder)
    model.compile(
        keras.optimizers.Adam(schedule, beta_2=0.99, epsilon=1e-4),
        None if variational else "mse",
        steps_per_execution=size // BATCH_SIZE,
    )
    return model.fit(
        **rows_in_order(rows[order]),
        epochs=max(1, round(train_steps * BATCH_SIZE / size)),
        shuffle=False,  # `order` is shuffled
        verbose=verbose,
    )


def rows_in_order(rows: Array) -> dict[str, Any]:
    """Arguments of `fit` that iterate over the rows in order.

    For arrays Keras makes a pipeline with autotuning, which TensorFlow is slow
    to shut down at the end of every epoch.
    """
    if keras.config.backend() != "tensorflow":
        return {"x": rows, "batch_size": BATCH_SIZE}
    import tensorflow as tf

    batches = rows.reshape(-1, BATCH_SIZE, *rows.shape[1:])
    options = tf.data.Options()
    options.autotune.enabled = False
    dataset = tf.data.Dataset.from_tensor_slices(batches).prefetch(2)
    return {"x": dataset.with_options(options)}
