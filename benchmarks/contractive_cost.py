"""What the contractive penalty adds to a training step.

Batches of 128 images of 784 pixels, Adam, tied sigmoid layers, each row a
compiled Keras training step: the plain autoencoder, and the contractive one
with the norm found in each way. They run in turns, so that a slow moment of
the machine meets all of them; the fastest turn of each counts.

- one layer of 1000: the closed form, beside the random projection.
- layers of 1000, 1000 and 256: the random projection.
- exact: the whole Jacobian of every image (`tape.batch_jacobian`,
  `jax.jacrev`), as tutorials find the norm; one step.

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

# Encoder -> units of its hidden layers, of its code, and methods to time.
ENCODERS = {
    "784-1000": ((), 1000, ("closed_form", "hutchinson")),
    "784-1000-1000-256": ((1000, 1000), 256, ("hutchinson",)),
}

# (encoder, method) -> bound on its step by the plain autoencoder's.
BOUNDS = {
    ("784-1000", "closed_form"): 1.25,
    ("784-1000-1000-256", "hutchinson"): 2.2,
}


def training_step(units, latent_dim, method):
    """Function that trains for one step; `method` is `None` without penalty."""
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


def seconds(step, num_steps):
    start = time.perf_counter()
    for _ in range(num_steps):
        step()
    return (time.perf_counter() - start) / num_steps


def time_encoder(name, turns, num_steps):
    """Method -> seconds a step, `None` for the plain autoencoder."""
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
            took = seconds(step, num_steps)
            fastest[method] = min(fastest[method], took)
    exact = training_step(units, latent_dim, "exact")
    exact()
    return {**fastest, "exact": seconds(exact, 1)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few short turns")
    arguments = parser.parse_args()
    turns, num_steps = (3, 5) if arguments.quick else (20, 20)
    import keras

    print(f"backend {keras.backend.backend()}", flush=True)
    ratios = {}
    for name in ENCODERS:
        took = time_encoder(name, turns, num_steps)
        for method, value in took.items():
            ratios[name, method] = value / took[None]
            print(
                f"{name:18} {method or 'plain':12} {1000 * value:10.2f} ms a "
                f"step {ratios[name, method]:9.2f} x plain",
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
