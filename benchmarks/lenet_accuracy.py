"""Test error of LeNet-5 on MNIST with the default recipe of the app.

Runs `apps/lenet_mnist.py` once per seed, each in a separate process, with the
default number of epochs and with `--epochs=5`, and reads the error from the
model card. The recipe was chosen on the 5,000 validation images, which are
held out of the 60,000 training images.

The baseline is the same network without augmentation.

Usage:
    python benchmarks/lenet_accuracy.py [--quick] [--data_dir=PREPARED_TFDS]
"""

import argparse
import statistics
import sys

from app_runs import metrics_of_run
from gates import gate
from real_data import DATA

MAX_MINUTES_PER_SEED = 10

# Row -> flags of the app, and the bound on the mean test error, if any.
ROWS = {
    "default recipe": ([], 0.0070),
    "5 epochs": (["--epochs=5"], 0.0120),
    "5 epochs, no augmentation": (["--epochs=5", "--noaugment"], None),
}


def train(flags, data_dir, seed):
    """Test error and minutes of one run of the app."""
    metrics, minutes = metrics_of_run(
        "lenet_mnist.py",
        "--dataset=mnist",
        f"--seed={seed}",
        f"--data_dir={data_dir}",
        *flags,
    )
    return metrics["test_error"], minutes


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", default=DATA, help="prepared TFDS sets")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--quick", action="store_true", help="one seed, 5 epochs only"
    )
    arguments = parser.parse_args()
    seeds = 1 if arguments.quick else arguments.seeds
    passed = True
    for row, (flags, bound) in ROWS.items():
        if arguments.quick and row == "default recipe":
            continue
        errors, minutes = [], []
        for seed in range(seeds):
            error, duration = train(flags, arguments.data_dir, seed)
            print(
                f"{row}, seed {seed}: {error:.2%}, {duration:.1f} min",
                flush=True,
            )
            errors.append(error)
            minutes.append(duration)
        mean = statistics.mean(errors)
        print(f"{row}: mean test error {mean:.3%}", flush=True)
        if bound is not None:
            name = f"lenet_accuracy ({row}, mean of {seeds})"
            passed &= gate(name, 100 * mean, "<=", 100 * bound, " %")
        if row == "default recipe":
            name = "lenet_accuracy (minutes per seed)"
            passed &= gate(name, max(minutes), "<=", MAX_MINUTES_PER_SEED)
    sys.exit(not passed)


if __name__ == "__main__":
    main()
