"""Test accuracy of MNIST read row by row, by the app's default recipe.

Runs `apps/sequence_digits.py` as a user does, once a seed, each in a process
of its own, and reads the error off the model card it writes. The recipe was
chosen with the LSTM on the 5,000 validation images, which are held out of
the 60,000 and not trained on here either; the other rows differ from it in the
one flag they name. The bounds hold for the LSTM, one way and both ways.

Usage:
    python benchmarks/row_digits.py [--quick] [--data_dir=PREPARED_TFDS]
        [--seeds=3] [--workdir=FOLDER]

`--workdir` keeps the results of finished seeds, under names that hold a hash of
the recipe: run again with it, the benchmark goes on where it was stopped.
"""

import argparse
import functools
import os
import pathlib
import statistics
import sys
import tempfile

from app_runs import APPS, metrics_of_run
from gates import gate
from kept_results import kept, recipe_hash
from real_data import DATA

# Row -> the app's flags, and the bound on the mean test accuracy, if any.
ROWS = {
    "LSTM": (["--cell=lstm"], 0.988),
    "bidirectional LSTM": (["--cell=lstm", "--bidirectional"], 0.990),
    "GRU": (["--cell=gru"], None),
    "simple RNN": (["--cell=rnn"], None),
}

MINUTES_A_SEED = 6  # of one core

RECIPE = APPS.parent / "dlunits/tasks/digits/train_sequence_classifier.py"


def train(flags, data_dir, seed):
    """Test accuracy of one run of the app, its minutes, and those of CPU."""
    before = os.times()
    metrics, minutes = metrics_of_run(
        "sequence_digits.py",
        "--dataset=mnist",
        f"--seed={seed}",
        f"--data_dir={data_dir}",
        *flags,
    )
    after = os.times()
    used = sum(after[2:4]) - sum(before[2:4])  # of children, user and system
    return 1 - metrics["test_error"], minutes, used / 60


def judge(arguments, folder):
    """Whether all bounds hold, of the rows that it prints."""
    seeds = 1 if arguments.quick else arguments.seeds
    sources = (APPS / "sequence_digits.py", RECIPE)
    passed, longest = True, 0.0
    for row, (flags, bound) in ROWS.items():
        flags = [*flags, "--epochs=1"] if arguments.quick else flags
        name = recipe_hash(flags, *(path.read_text() for path in sources))
        accuracies = []
        for seed in range(seeds):
            accuracy, minutes, used = kept(
                pathlib.Path(folder, f"{name}_seed_{seed}.json"),
                functools.partial(train, flags, arguments.data_dir, seed),
            )
            print(
                f"{row}, seed {seed}: {accuracy:.2%}, {minutes:.1f} min, "
                f"{used:.1f} min of CPU",
                flush=True,
            )
            accuracies.append(accuracy)
            longest = max(longest, used)
        mean = statistics.mean(accuracies)
        print(f"{row}: mean test accuracy {mean:.3%}", flush=True)
        if bound is not None and not arguments.quick:
            claim = f"row_digits ({row}, mean of {seeds})"
            passed &= gate(claim, 100 * mean, ">=", 100 * bound, " %")
    if not arguments.quick:
        claim = "row_digits (minutes of CPU a seed)"
        passed &= gate(claim, longest, "<=", MINUTES_A_SEED)
    return passed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", default=DATA, help="prepared TFDS sets")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workdir", help="existing folder that keeps results")
    parser.add_argument(
        "--quick", action="store_true", help="one seed, 1 epoch, no gates"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        passed = judge(arguments, arguments.workdir or temporary)
    sys.exit(not passed)


if __name__ == "__main__":
    main()
