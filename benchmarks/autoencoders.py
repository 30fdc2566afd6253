"""Autoencoders on MNIST: equivalence to PCA, error, fine-tuning on few labels.

- linear: an autoencoder without activations and `latent_dim=32`, trained by
  gradient descent, has the test error and the subspace of PCA.
- nonlinear: an autoencoder with `latent_dim=32` has a smaller error than PCA
  with 32 components.
- fine-tuning: a network trained on the same 1,000 or 100 labels, with and
  without pre-training on unlabeled images. Each seed draws its own labels and
  weights; the two are compared in pairs.

Models are trained on the 55,000 training images, recipes were chosen on the
5,000 validation images, and the 10,000 test images are used for evaluation
only.

Usage:
    python benchmarks/autoencoders.py [--quick] [--data_dir=PREPARED_TFDS]
        [--only=linear|nonlinear|fine_tuning]
"""

import argparse
import os
import statistics
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import keras
import numpy as np
from gates import gate
from keras import ops
from real_data import DATA
from sklearn.decomposition import PCA

from dlunits.data.images import image_datasets
from dlunits.layers import MaskingNoise
from dlunits.models import dense_autoencoder
from dlunits.tasks.autoencoders.few_labels import few_label_errors
from dlunits.training import pretrain_layerwise, warmup_cosine

LATENT_DIM = 32
LINEAR = {"batch_size": 256, "learning_rate": 1e-3}
NONLINEAR = {"batch_size": 128, "learning_rate": 2e-3}


def fit(model, x, loss, *, epochs, batch_size, learning_rate):
    steps = epochs * (len(x) // batch_size)
    schedule = warmup_cosine(
        learning_rate, steps=steps, warmup_steps=steps // epochs
    )
    model.compile(
        keras.optimizers.Adam(schedule),
        loss,
        jit_compile=True,
        steps_per_execution=20,
    )
    model.fit(x, batch_size=batch_size, epochs=epochs, verbose=0)


def mean_squared_error(reconstructions, x):
    return float(((reconstructions - x) ** 2).mean(dtype="float64"))


def sum_of_squares(x, reconstructions):
    """Larger gradients than those of the mean: Adam's epsilon is negligible."""
    return ops.sum((x - reconstructions) ** 2, axis=-1)


def largest_angle(basis, other):
    """Largest principal angle of the row spaces of two matrices, in degrees."""
    q, _ = np.linalg.qr(basis.T.astype("float64"))
    cosines = np.linalg.svd(other @ q, compute_uv=False)
    return float(np.degrees(np.arccos(min(1.0, cosines.min()))))


def linear(data, seed, quick):
    """Test errors of PCA and autoencoder, and the angle of their subspaces."""
    train, test = (flat(part) for part in (data.train, data.test))
    pca = PCA(LATENT_DIM, svd_solver="covariance_eigh").fit(
        train.astype("float64")
    )
    projected = pca.inverse_transform(pca.transform(test))
    best = mean_squared_error(projected, test)
    keras.utils.set_random_seed(seed)
    model = dense_autoencoder((784,), LATENT_DIM)
    fit(model, train, sum_of_squares, **LINEAR, epochs=5 if quick else 100)
    error = mean_squared_error(model.reconstruct(test, 1000), test)
    kernel = model.decoder.get_layer("reconstruction").get_weights()[0]
    return {
        "PCA": best,
        "autoencoder": error,
        "difference": abs(error / best - 1),
        "degrees": largest_angle(kernel, pca.components_),
    }


def nonlinear(data, seed, quick):
    train, test = (
        part[0].astype("float32") / 255 for part in (data.train, data.test)
    )
    keras.utils.set_random_seed(seed)
    model = dense_autoencoder(
        (28, 28, 1),
        LATENT_DIM,
        (512, 256, 128),
        activation="silu",
        output_activation="sigmoid",
    )
    fit(model, train, "mse", **NONLINEAR, epochs=5 if quick else 20)
    return {
        "autoencoder": mean_squared_error(model.reconstruct(test, 1000), test)
    }


def fine_tuning(data, seed, quick):
    """Test errors by number of labels, pre-trained and from scratch."""
    keras.utils.set_random_seed(seed)
    encoder = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(500, "relu"),
            keras.layers.Dense(500, "relu"),
        ]
    )
    pretrain_layerwise(
        encoder,
        data.train[0].astype("float32") / 255,
        epochs=2 if quick else 15,
        noise=MaskingNoise(0.3, seed=seed),
        verbose=0,
    )
    return {
        f"{row['labels']} labels, {start}": row[start]
        for row in few_label_errors(encoder, data, seed=seed)
        for start in ("pretrained", "scratch")
    }


def flat(part):
    return part[0].reshape(-1, 784).astype("float32") / 255


def report(name, seeds, results):
    for seed, result in zip(seeds, results, strict=True):
        figures = ", ".join(f"{key} {v:.6g}" for key, v in result.items())
        print(f"{name}, seed {seed}: {figures}", flush=True)


def mean_of(results, key):
    return statistics.mean(result[key] for result in results)


def linear_gates(results):
    worst = {key: max(r[key] for r in results) for key in results[0]}
    return [
        gate("linear = PCA, relative error", worst["difference"], "<=", 1e-4),
        gate("linear = PCA, largest angle", worst["degrees"], "<", 1, " deg"),
    ]


def nonlinear_gates(results):
    error = mean_of(results, "autoencoder")
    return [gate("nonlinear, latent_dim 32, test MSE", error, "<", 0.0070)]


def fine_tuning_gates(results):
    """With 1,000 labels, pre-training must improve every seed."""
    gains = {
        labels: [
            100
            * (
                result[f"{labels} labels, scratch"]
                - result[f"{labels} labels, pretrained"]
            )
            for result in results
        ]
        for labels in (100, 1000)
    }
    for labels, gain in gains.items():
        print(f"{labels} labels, points gained: {statistics.mean(gain):.2f}")
    return [
        gate(
            "fine-tuning, smallest improvement with 1,000 labels",
            min(gains[1000]),
            ">",
            0,
            " points",
        )
    ]


CLAIMS = {
    "linear": (linear, linear_gates),
    "nonlinear": (nonlinear, nonlinear_gates),
    "fine_tuning": (fine_tuning, fine_tuning_gates),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", default=DATA, help="prepared TFDS sets")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=CLAIMS, help="one claim")
    parser.add_argument(
        "--quick", action="store_true", help="one seed, a few epochs"
    )
    arguments = parser.parse_args()
    data = image_datasets.load("mnist", data_dir=arguments.data_dir)
    seeds = range(1 if arguments.quick else arguments.seeds)
    passed = []
    for name, (measure, gates) in CLAIMS.items():
        if arguments.only in (None, name):
            start = time.monotonic()
            results = [measure(data, seed, arguments.quick) for seed in seeds]
            report(name, seeds, results)
            minutes = (time.monotonic() - start) / 60 / len(seeds)
            print(f"{name}: {minutes:.1f} min per seed")
            passed += gates(results)
    sys.exit(not all(passed))


if __name__ == "__main__":
    main()
