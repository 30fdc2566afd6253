"""Cross-entropy of the text app on tiny Shakespeare, in nats per character.

Runs `apps/text_generation.py` on nanoGPT's split, 1,003,854 characters for
training and 111,540 for validation. The validation text also selects the best
epoch, as in nanoGPT, whose results on the same text are 1.88 after three
minutes on a CPU and 1.4697 on a GPU. "nats" is for the whole text with the
state carried from its start to its end; "in windows" is for windows of 256
characters, each from zero states.

- default: the app's default flags.
- five minutes: one layer of 256 units, for as many epochs as take five
  minutes on two cores.

Usage:
    python benchmarks/tiny_shakespeare.py [--quick] [--only=ROW] [--seeds=3]
        [--data_dir=PREPARED_TFDS] [--workdir=FOLDER]

`--workdir` stores the results of finished seeds.
"""

import argparse
import pathlib
import statistics
import sys
import tempfile

from app_runs import metrics_of_run
from gates import gate
from json_cache import cached_json, recipe_hash
from real_data import DATA

# Row -> flags besides the defaults, upper bounds of nats and minutes.
ROWS = {
    "default": ((), 1.55, 60),
    "five minutes": (
        (
            "--units=256",
            "--num_layers=1",
            "--dropout=0.3",
            "--learning_rate=0.006",
            "--epochs=12",
        ),
        1.62,
        5,
    ),
}
QUICK = ("--units=64", "--num_layers=1", "--epochs=1")


def evaluate(row, flags, bounds, seeds, arguments, folder):
    runs = []
    for seed in range(seeds):
        name = f"{row}_seed_{seed}_{recipe_hash(flags)}.json".replace(" ", "_")
        metrics, minutes = cached_json(
            pathlib.Path(folder, name),
            lambda seed=seed: metrics_of_run(
                "text_generation.py",
                "--train=tiny_shakespeare",
                f"--data_dir={arguments.data_dir}",
                f"--seed={seed}",
                *flags,
            ),
        )
        print(
            f"{row}, seed {seed}: {metrics['nats']:.4f} nats, in windows "
            f"{metrics['window_nats']:.4f}, {minutes:.1f} min",
            flush=True,
        )
        runs.append((metrics["nats"], minutes))
    nats, minutes = zip(*runs, strict=True)
    if arguments.quick:
        return True
    max_nats, max_minutes = bounds
    return all(
        [
            gate(
                f"tiny_shakespeare ({row}, nats, mean of {seeds})",
                statistics.mean(nats),
                "<=",
                max_nats,
            ),
            gate(
                f"tiny_shakespeare ({row}, minutes per seed)",
                max(minutes),
                "<=",
                max_minutes,
            ),
        ]
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", default=DATA, help="prepared TFDS sets")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=ROWS, help="one row")
    parser.add_argument("--workdir", help="existing folder for results")
    parser.add_argument(
        "--quick", action="store_true", help="one seed, one epoch, no gates"
    )
    arguments = parser.parse_args()
    passed = True
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.workdir or temporary
        for row, (flags, *bounds) in ROWS.items():
            if arguments.only in (None, row):
                flags = QUICK if arguments.quick else flags
                seeds = 1 if arguments.quick else arguments.seeds
                passed &= evaluate(row, flags, bounds, seeds, arguments, folder)
    sys.exit(not passed)


if __name__ == "__main__":
    main()
