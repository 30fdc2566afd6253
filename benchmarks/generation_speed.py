"""Characters a second that a served language model writes, on one core.

An LSTM of 2x128, exported, loaded as TensorFlow Serving loads it, and held to
one thread. `generate` writes all in one call; a loop of `step` in Python is
the baseline, and writes the same text.

Usage:
    python benchmarks/generation_speed.py [--quick]
"""

import argparse
import os
import pathlib
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import keras
import tensorflow as tf
from gates import gate

from dlunits.data.text.vocabulary import build_vocabulary
from dlunits.models import RecurrentLanguageModel
from dlunits.tasks.text.generate import TextGenerator
from dlunits.tasks.text.serve import export_text_model

# Texts at a time -> characters a second to beat.
BOUNDS = {1: 1_250, 16: 10_700}
LETTERS = "".join(map(chr, range(32, 96)))


def served_model(folder):
    keras.utils.set_random_seed(0)
    vocabulary = build_vocabulary([LETTERS])
    version = export_text_model(
        RecurrentLanguageModel(
            vocabulary.size, "lstm", units=128, num_layers=2
        ),
        pathlib.Path(folder, "text"),
        vocabulary=vocabulary,
        data="none: the weights are random",
        metrics={},
        command="python benchmarks/generation_speed.py",
    )
    return TextGenerator(version)


def rate(write, count, characters):
    """The best of so many tries, in characters a second."""
    seconds = []
    for _ in range(count):
        start = time.perf_counter()
        write()
        seconds.append(time.perf_counter() - start)
    return characters / min(seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="one try, and no gates"
    )
    arguments = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tries, length = (1, 500) if arguments.quick else (5, 2000)
    with tempfile.TemporaryDirectory() as folder:
        served = served_model(folder)
    passed = True
    for batch_size, bound in BOUNDS.items():
        prompts = ["THE "] * batch_size
        served.generate(prompts, 2)
        found = rate(
            lambda prompts=prompts: served.generate(prompts, length),
            tries,
            batch_size * length,
        )
        print(f"generate, batch {batch_size}: {found:,.0f} characters a second")
        if not arguments.quick:
            name = f"generation_speed (batch {batch_size})"
            passed &= gate(name, found, ">", bound)
    "".join(served.stream("THE ", 2))
    found = rate(lambda: "".join(served.stream("THE ", length)), tries, length)
    print(f"a loop of steps: {found:,.0f} characters a second")
    [whole] = served.generate(["THE "], length)
    same = whole == "THE " + "".join(served.stream("THE ", length))
    passed &= gate("generation_speed (the loop writes the same)", same, ">=", 1)
    sys.exit(not passed)


if __name__ == "__main__":
    main()
