"""Bias-variance decomposition: bias, variance and noise sum to the test error.

Trains networks of several widths on independent training sets, decomposes their
error on one half of the examples, and measures it on the other half, with new
noise: squared error of a sine with Gaussian noise, and error rate on MNIST with
10 % wrong labels. Each row is a width and a seed. The interval is the 95 %
confidence interval of the difference between both errors, so that one row in 20
is expected outside. The baseline is the sum without the noise.

Usage:
    python benchmarks/bias_variance.py [--quick] [--data_dir=PREPARED_TFDS]
"""

import argparse
import dataclasses
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from gates import gate
from real_data import DATA
from scipy import stats

from dlunits.tasks.lab.bias_variance.experiments import complexity_row
from dlunits.tasks.lab.bias_variance.problems import (
    data_problem,
    prepare_data,
    sine_problem,
)
from dlunits.tasks.lab.bias_variance.stacked_networks import train_stack
from dlunits.tasks.lab.sources import load_data

NUM_SETS = 30
LABEL_NOISE = 0.1
NUM_TEST = 4000  # images, half of them for each side of the equation
WIDTHS = {"sine": (1, 3, 10, 100), "mnist": (1, 4, 16, 128)}
SIZES = {"sine": 30, "mnist": 100}
LEVEL = 0.95
CHANCE = 0.01  # probability of failing although the errors are equal


def make_problem(name, data, seed):
    if name == "sine":
        return sine_problem(seed=seed)
    prepared = prepare_data(data, label_noise=LABEL_NOISE, seed=seed)
    test = tuple(array[:NUM_TEST] for array in prepared.test)
    return data_problem(
        dataclasses.replace(prepared, test=test), noise=LABEL_NOISE, seed=seed
    )


def check(name, data, seeds):
    """Prints a row per width and seed, and the gates of a problem."""
    rows = []
    for seed in range(seeds):
        problem = make_problem(name, data, seed)
        for width in WIDTHS[name]:
            start = time.monotonic()
            stack = train_stack(
                problem,
                num_networks=NUM_SETS,
                width=width,
                size=SIZES[name],
                seed=seed,
            )
            row = complexity_row(problem, stack, width)
            rows.append(row)
            bias = row.get("bias_squared", row.get("bias"))
            variance = row.get("net_variance", row["variance"])
            print(
                f"{name}, seed {seed}, width {width:3d}: bias {bias:.4f}, "
                f"variance {variance:.4f}, noise {row['noise']:.4f}, sum "
                f"{row['sum']:.4f}, measured {row['measured_error']:.4f}, "
                f"interval +-{row['half_width']:.4f}, "
                f"{'inside' if row['adds_up'] else 'outside'}, "
                f"{time.monotonic() - start:.0f} s",
                flush=True,
            )
    inside = sum(row["adds_up"] for row in rows)
    without = sum(
        abs(row["sum"] - row["noise"] - row["measured_error"])
        <= row["half_width"]
        for row in rows
    )
    bound = stats.binom.ppf(CHANCE, len(rows), LEVEL)
    print(f"{name}: without the noise {without} of {len(rows)} are inside")
    return gate(
        f"bias_variance ({name}, rows of {len(rows)} inside their interval)",
        inside,
        ">=",
        bound,
    ) & gate(
        f"bias_variance ({name}, largest difference / error)",
        max(abs(row["sum"] / row["measured_error"] - 1) for row in rows),
        "<=",
        0.1,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data_dir", default=DATA, help="folder of prepared TFDS data sets"
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--quick", action="store_true", help="one seed, the sine only"
    )
    arguments = parser.parse_args()
    if arguments.quick:
        sys.exit(not check("sine", None, 1))
    mnist = load_data("mnist", data_dir=arguments.data_dir)
    passed = [check(name, mnist, arguments.seeds) for name in WIDTHS]
    sys.exit(not all(passed))


if __name__ == "__main__":
    main()
