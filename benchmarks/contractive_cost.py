"""Cost of the contractive penalty in a training step.

Each row is a compiled Keras training step on batches of 128 images of 784
pixels, with Adam and tied sigmoid layers: the autoencoder without penalty, and
with the contractive penalty by each method. Rows are measured in turns, and the
fastest turn of each is used.

- 784-1000: the closed form and the random projection.
- 784-1000-1000-256: the random projection.
- exact: the whole Jacobian of each image (`tape.batch_jacobian`,
  `jax.jacrev`), as in tutorials; one step.

Usage:
    [KERAS_BACKEND=jax] python benchmarks/contractive_cost.py [--quick]
"""

import argparse
import os
import sys
import time

from gates import gate

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

NUM_PIXELS, BATCH_SIZE = 784, 128

# Encoder -> units of its hidden layers, its latent_dim, and methods to time.
ENCODERS = {
    "784-1000": ((), 1000, ("closed_form", "hutchinson")),
    "784-1000-1000-256": ((1000, 1000), 256, ("hutchinson",)),
}

# (encoder, method) -> bound on the ratio to the step without penalty.
BOUNDS = {
    ("784-1000", "closed_form"): 1.25,
    ("784-1000-1000-256", "hutchinson"): 2.2,
}


def training_step(units, latent_dim, method):
    """Returns a function that trains one step; no penalty if `method=None`."""
    import keras
    import numpy as np

    from dlunits.models import ContractiveAutoencoder, dense_autoencoder

    keras.utils.set_random_seed(0)
    model = dense_autoencoder(
        (NUM_PIXELS,),
        latent_dim,
        units,
        activation="sigmoid",
        code_activation="sigmoid",
        output_activation="sigmoid",
        tied=True,
    )
    if method:
        model = ContractiveAutoencoder(
            model.encoder, model.decoder, 0.1 / NUM_PIXELS, method
        )
    model.compile("adam", "binary_crossentropy")
    rng = np.random.default_rng(0)
    x = rng.random((BATCH_SIZE, NUM_PIXELS), dtype="float32")
    return lambda: model.train_on_batch(x)


def seconds_per_step(step, num_steps):
    start = time.perf_counter()
    for _ in range(num_steps):
        step()
    return (time.perf_counter() - start) / num_steps


def time_encoder(name, turns, num_steps):
    """Returns a dict from method to seconds per step; `None`: no penalty."""
    units, latent_dim, methods = ENCODERS[name]
    steps = {
        method: training_step(units, latent_dim, method)
        for method in (None, *methods)
    }
    for step in steps.values():  # the first step compiles
        step()
    fastest = dict.fromkeys(steps, float("inf"))
    for _ in range(turns):
        for method, step in steps.items():
            seconds = seconds_per_step(step, num_steps)
            fastest[method] = min(fastest[method], seconds)
    exact = training_step(units, latent_dim, "exact")
    exact()
    return {**fastest, "exact": seconds_per_step(exact, 1)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="fewer and shorter turns"
    )
    arguments = parser.parse_args()
    turns, num_steps = (3, 5) if arguments.quick else (20, 20)
    import keras

    print(f"backend {keras.backend.backend()}", flush=True)
    ratios = {}
    for name in ENCODERS:
        seconds = time_encoder(name, turns, num_steps)
        for method, value in seconds.items():
            ratios[name, method] = value / seconds[None]
            print(
                f"{name:18} {method or 'no penalty':12} {1000 * value:10.2f} "
                f"ms per step {ratios[name, method]:9.2f} x no penalty",
                flush=True,
            )
    passed = [
        gate(
            f"contractive_cost ({method}, {name})",
            ratios[name, method],
            "<=",
            bound,
            " x",
        )
        for (name, method), bound in BOUNDS.items()
    ]
    sys.exit(not all(passed))


if __name__ == "__main__":
    main()
