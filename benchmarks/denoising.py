"""PSNR and SSIM of the denoiser on test images, against a linear filter.

Runs `apps/denoising_mnist.py` once per row and seed, each in a separate
process, and reads the means over the 10,000 test images from the model card.
The network and its recipe were chosen on the 5,000 validation images of MNIST
and Fashion-MNIST.

The baseline is the optimal linear filter: weights of all 784 noisy pixels and a
bias that minimize the squared error of each clean pixel over the training
images; the result is clipped to 0 ... 1. PSNR and SSIM are those of TensorFlow,
per image.

Usage:
    python benchmarks/denoising.py [--quick] [--data_dir=PREPARED_TFDS]
        [--seeds=3] [--workdir=FOLDER] [--only=NOISE]

`--workdir` caches the results of finished seeds, in files whose names contain a
hash of the recipe (the defaults of the app and of the network): the same
command resumes after an interruption.
"""

import argparse
import ast
import inspect
import os
import pathlib
import statistics
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from app_runs import APPS, metrics_of_run
from gates import gate
from json_cache import cached_json, recipe_hash
from real_data import DATA

from dlunits.models import denoising_autoencoder

APP, LEVEL = "denoising_mnist.py", 0.5

# Data set, noise -> bounds on the mean over the seeds.
ROWS = {
    ("mnist", "gaussian"): {"psnr": 21.0, "ssim": 0.86},
    ("fashion_mnist", "gaussian"): {"psnr": 20.0, "ssim": 0.70},
    ("mnist", "masking"): {},
    ("mnist", "salt_and_pepper"): {},
}
RESULTS = ("noisy", "linear filter", "denoiser")


def default_flags(app):
    """Dict from common flags of an app to defaults, read from its source."""
    [call] = [
        call
        for call in ast.walk(ast.parse((APPS / app).read_text()))
        if isinstance(call, ast.Call)
        and getattr(call.func, "attr", "") == "define_common_flags"
    ]
    return {
        keyword.arg: ast.literal_eval(keyword.value)
        for keyword in call.keywords
    }


RECIPE = {
    flag: default_flags(APP)[flag]
    for flag in ("epochs", "batch_size", "learning_rate", "patience")
}
NETWORK = str(inspect.signature(denoising_autoencoder))


def run_once(dataset, noise, flags, data_dir, seed, folder):
    """Means of one run of the app by result, or the cached ones."""
    recipe = recipe_hash(RECIPE, LEVEL, NETWORK)
    name = "_".join([dataset, noise, *flags, "seed", str(seed), recipe])

    def measure():
        metrics, minutes = metrics_of_run(
            APP,
            *(
                f"--dataset={dataset}",
                f"--noise={noise}",
                f"--noise_level={LEVEL}",
            ),
            *(f"--seed={seed}", f"--data_dir={data_dir}", *flags),
        )
        return {name: metrics[name] for name in RESULTS}, minutes

    means, minutes = cached_json(pathlib.Path(folder, f"{name}.json"), measure)
    print(
        f"{dataset}, {noise}, seed {seed}: {line(means)}, {minutes:.1f} min",
        flush=True,
    )
    return means


def line(means):
    """Results as one line: `noisy 9.40 dB/0.412, linear filter ...`."""
    return ", ".join(
        f"{name} {mean['psnr']:.2f} dB/{mean['ssim']:.3f}"
        for name, mean in means.items()
    )


def evaluate(arguments, folder):
    """Runs all rows and seeds, and returns whether all gates passed."""
    seeds = 1 if arguments.quick else arguments.seeds
    flags = ["--epochs=1"] if arguments.quick else []
    passed = True
    for (dataset, noise), bounds in ROWS.items():
        if arguments.only not in (None, noise):
            continue
        bounds = {} if arguments.quick else bounds
        row = f"{dataset}, {noise}"
        runs = [
            run_once(dataset, noise, flags, arguments.data_dir, seed, folder)
            for seed in range(seeds)
        ]
        mean = {
            name: {
                measure: statistics.mean(run[name][measure] for run in runs)
                for measure in ("psnr", "ssim")
            }
            for name in RESULTS
        }
        print(f"{row}, mean of {seeds}: {line(mean)}", flush=True)
        for measure, bound in bounds.items():
            name = f"denoising ({row}, {measure}, mean of {seeds})"
            passed &= gate(name, mean["denoiser"][measure], ">=", bound)
    return passed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", default=DATA, help="prepared TFDS sets")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="one seed, one epoch, no gates",
    )
    parser.add_argument("--only", help="type of noise")
    parser.add_argument("--workdir", help="existing folder that caches results")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        passed = evaluate(arguments, arguments.workdir or temporary)
    sys.exit(not passed)


if __name__ == "__main__":
    main()
