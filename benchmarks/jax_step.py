"""Time of a training step on Keras' JAX backend, on a GPU if there is one.

Language models with the recurrent layers of dlunits and of Keras, and a GAN
for 28x28 images. Each step is a compiled program with its batch on the
device; the median of five runs is reported. TensorFlow is not needed.

Usage:
    KERAS_BACKEND=jax python benchmarks/jax_step.py [--quick]
"""

import argparse
import os
import statistics
import time

os.environ["KERAS_BACKEND"] = "jax"

import jax
import keras
import numpy as np

from dlunits.layers import GRU, LSTM
from dlunits.models import convolutional_gan

RUNS, STEPS = 5, 50
BATCH_SIZE, LENGTH, VOCABULARY, EMBEDDING_DIM = 64, 100, 65, 64
SIZES = ((1, 256), (2, 128), (1, 512))  # layers, units
LAYERS = {
    "dlunits LSTM": LSTM,
    "Keras LSTM": keras.layers.LSTM,
    "dlunits GRU": GRU,
    "Keras GRU": keras.layers.GRU,
}


def milliseconds_per_step(model, batch, steps):
    """Time of `train_step` after the first two steps, which compile."""
    state = tuple(
        [variable.value for variable in variables]
        for variables in (
            model.trainable_variables,
            model.non_trainable_variables,
            model.optimizer.variables,
            model.metrics_variables,
        )
    )
    step = jax.jit(
        lambda state, batch: model.train_step(state, batch)[1],
        donate_argnums=0,
    )
    state = jax.block_until_ready(step(step(state, batch), batch))
    seconds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        for _ in range(steps):
            state = step(state, batch)
        jax.block_until_ready(state)
        seconds.append(time.perf_counter() - start)
    return 1e3 * statistics.median(seconds) / steps


def character_model(layer, count, units):
    model = keras.Sequential(
        [
            keras.Input((LENGTH,), dtype="int32"),
            keras.layers.Embedding(VOCABULARY, EMBEDDING_DIM),
            *[layer(units, return_sequences=True) for _ in range(count)],
            keras.layers.Dense(VOCABULARY),
        ]
    )
    model.compile(
        keras.optimizers.Adam(1e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.optimizer.build(model.trainable_variables)
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="one size, three steps a run"
    )
    arguments = parser.parse_args()
    steps = 3 if arguments.quick else STEPS
    sizes = SIZES[1:2] if arguments.quick else SIZES
    print(f"{jax.devices()[0].device_kind}, JAX {jax.__version__}")

    rng = np.random.default_rng(0)
    shape = 2, BATCH_SIZE, LENGTH
    characters = jax.numpy.asarray(
        rng.integers(0, VOCABULARY, shape).astype("int32")
    )
    for count, units in sizes:
        for name, layer in LAYERS.items():
            model = character_model(layer, count, units)
            taken = milliseconds_per_step(model, tuple(characters), steps)
            print(f"{count}x{units}, {name}: {taken:.3f} ms", flush=True)

    model = convolutional_gan(seed=0)
    model.compile()
    images = jax.numpy.asarray(rng.random((128, 28, 28, 1)).astype("float32"))
    taken = milliseconds_per_step(model, (images,), steps)
    print(
        f"GAN: {taken:.3f} ms, "
        f"{1e3 * len(images) / taken:.0f} images per second"
    )


if __name__ == "__main__":
    main()
