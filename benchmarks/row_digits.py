"""Test accuracy of recurrent networks on MNIST as sequences of rows.

Runs `apps/sequence_digits.py` once per seed, each in a separate process, with
the default recipe of the app, and reads the error from the model card. The
recipe was chosen with the LSTM on the 5,000 validation images, which are held
out of the 60,000 training images; the other rows differ in one flag. The bounds
are those of the LSTM, unidirectional and bidirectional.

Usage:
    python benchmarks/row_digits.py [--quick] [--data_dir=PREPARED_TFDS]
        [--seeds=3] [--workdir=FOLDER]

`--workdir` caches the results of finished seeds, in files whose names contain a
hash of the recipe: the same command resumes after an interruption.
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
from json_cache import cached_json, recipe_hash
from real_data import DATA

# Row -> flags of the app, and the bound on the mean test accuracy, if any.
ROWS = {
    "LSTM": (["--cell=lstm"], 0.988),
    "bidirectional LSTM": (["--cell=lstm", "--bidirectional"], 0.990),
    "GRU": (["--cell=gru"], None),
    "simple RNN": (["--cell=rnn"], None),
}

MAX_MINUTES_PER_SEED = 6  # CPU time

DIGITS = APPS.parent / "dlunits/tasks/digits"
RECIPE = (DIGITS / "train_sequence_classifier.py", DIGITS / "fit_classifier.py")


def train(flags, data_dir, seed):
    """Test accuracy, minutes, and minutes of CPU of one run of the app."""
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


def evaluate(arguments, folder):
    """Runs all rows and seeds, and returns whether all gates passed."""
    seeds = 1 if arguments.quick else arguments.seeds
    sources = (APPS / "sequence_digits.py", *RECIPE)
    passed, longest = True, 0.0
    for row, (flags, bound) in ROWS.items():
        flags = [*flags, "--epochs=1"] if arguments.quick else flags
        name = recipe_hash(flags, *(path.read_text() for path in sources))
        accuracies = []
        for seed in range(seeds):
            accuracy, minutes, used = cached_json(
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
        claim = "row_digits (minutes of CPU per seed)"
        passed &= gate(claim, longest, "<=", MAX_MINUTES_PER_SEED)
    return passed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", default=DATA, help="prepared TFDS sets")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workdir", help="existing folder that caches results")
    parser.add_argument(
        "--quick", action="store_true", help="one seed, 1 epoch, no gates"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        passed = evaluate(arguments, arguments.workdir or temporary)
    sys.exit(not passed)


if __name__ == "__main__":
    main()
