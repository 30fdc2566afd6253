"""Mean activation of the code of a sparse autoencoder on MNIST.

Trains an autoencoder 784-400-784 with a sigmoid code in three ways: without
penalty, with the KL penalty as a plain function (which Keras divides by the
batch size), and with `dlunits.regularizers.KLSparsity`. Each row reports for
the test images the mean activation, the fraction of units whose mean activation
is within 20 % of the target, the fraction of dead units, and the squared
reconstruction error.

The last gate runs a training step on 64 images, and on the same images
repeated four times, and compares the penalties that Keras adds to the loss.

The weight and the number of epochs were chosen on the 5,000 validation images.

Usage:
    python benchmarks/sparse_code.py [--quick] [--data_dir=PREPARED_TFDS]
"""

import argparse
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import keras
import numpy as np
from gates import gate
from keras import ops
from real_data import DATA

from dlunits.data.images import image_datasets
from dlunits.diagnostics import code_statistics
from dlunits.models import dense_autoencoder
from dlunits.regularizers import KLSparsity

LATENT_DIM = 400
TARGET = 0.05
WEIGHT = 0.01  # for a mean over 784 pixels; 7.84 for their sum
BATCH_SIZE = 256
EPOCHS = 20


def plain_penalty(activations):
    """KL penalty of the batch, without a correction for the batch size."""
    sparsity = KLSparsity(TARGET, WEIGHT)
    return sparsity.penalty(sparsity.mean_activation(activations))


ROWS = {
    "no penalty": None,
    "plain function": plain_penalty,
    "KLSparsity": KLSparsity(TARGET, WEIGHT),
}


def as_floats(images):
    return images.astype("float32") / 255


def train(penalty, images, seed):
    keras.utils.set_random_seed(seed)
    model = dense_autoencoder(
        images.shape[1:],
        LATENT_DIM,
        code_activation="sigmoid",
        output_activation="sigmoid",
        activity_regularizer=penalty,
    )
    model.compile("adam", "binary_crossentropy")
    model.fit(
        images, batch_size=BATCH_SIZE, epochs=EPOCHS, shuffle=True, verbose=0
    )
    return model


def evaluate(model, images):
    codes = model.encode(images, batch_size=1000)
    means = codes.mean(axis=0, dtype="float64")
    errors = model.reconstruct(images, batch_size=1000) - images
    return {
        "mean activation": means.mean(),
        "units within 20 %": np.mean(abs(means / TARGET - 1) <= 0.2),
        "dead units": code_statistics(codes)["dead_units"],
        "squared error per pixel": np.mean(errors**2, dtype="float64"),
    }


def penalty_in_loss(model, images):
    """Penalty of the code that is added to the loss of a training step."""
    model.encoder.compile(
        keras.optimizers.SGD(0.0),  # does not change the weights
        lambda y, code: 0.0 * ops.sum(code, axis=-1),
    )
    targets = np.zeros((len(images), LATENT_DIM))
    return model.encoder.train_on_batch(images, targets)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data_dir", default=DATA, help="folder of prepared TFDS data sets"
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--quick", action="store_true", help="one seed, KLSparsity only"
    )
    arguments = parser.parse_args()
    seeds = 1 if arguments.quick else arguments.seeds
    mnist = image_datasets.load("mnist", data_dir=arguments.data_dir)
    images, test_images = (
        as_floats(part[0]) for part in (mnist.train, mnist.test)
    )

    off_target, difference = [], []
    for row, penalty in ROWS.items():
        if arguments.quick and row != "KLSparsity":
            continue
        for seed in range(seeds):
            start = time.monotonic()
            model = train(penalty, images, seed)
            metrics = evaluate(model, test_images)
            numbers = ", ".join(f"{k} {v:.4f}" for k, v in metrics.items())
            seconds = time.monotonic() - start
            print(f"{row}, seed {seed}: {numbers}, {seconds:.0f} s", flush=True)
            if penalty is None:
                continue
            once = test_images[:64]
            small = penalty_in_loss(model, once)
            large = penalty_in_loss(model, np.concatenate([once] * 4))
            print(
                f"{row}, seed {seed}: penalty {small:.8f} at batch size 64, "
                f"{large:.8f} at 256",
                flush=True,
            )
            if row == "KLSparsity":
                off_target.append(abs(metrics["mean activation"] / TARGET - 1))
                difference.append(abs(large / small - 1))
    worst = f"worst of {seeds}"
    passed = gate(
        f"sparse_code (mean activation off {TARGET}, {worst})",
        100 * max(off_target),
        "<=",
        20,
        " %",
    )
    passed &= gate(
        f"sparse_code (penalty at batch 64 and 256, relative, {worst})",
        max(difference),
        "<=",
        1e-6,
    )
    sys.exit(not passed)


if __name__ == "__main__":
    main()
