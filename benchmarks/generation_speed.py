"""Generation speed of a served language model, in characters per second.

A language model of two LSTM layers of 128 units is exported and loaded like in
TensorFlow Serving, with one thread. `generate` returns the whole text from one
call; the baseline is a Python loop over `step`, which returns the same text.

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

# Batch size -> lower bound of characters per second.
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


def rate(generate, count, characters):
    """Characters per second of the fastest of `count` calls."""
    seconds = []
    for _ in range(count):
        start = time.perf_counter()
        generate()
        seconds.append(time.perf_counter() - start)
    return characters / min(seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="one repetition, no speed gates"
    )
    arguments = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    repetitions, length = (1, 500) if arguments.quick else (5, 2000)
    with tempfile.TemporaryDirectory() as folder:
        served = served_model(folder)
    passed = True
    for batch_size, bound in BOUNDS.items():
        prompts = ["THE "] * batch_size
        served.generate(prompts, 2)
        found = rate(
            lambda prompts=prompts: served.generate(prompts, length),
            repetitions,
            batch_size * length,
        )
        print(
            f"generate, batch {batch_size}: {found:,.0f} characters per second"
        )
        if not arguments.quick:
            name = f"generation_speed (batch {batch_size})"
            passed &= gate(name, found, ">", bound)
    "".join(served.stream("THE ", 2))
    found = rate(
        lambda: "".join(served.stream("THE ", length)), repetitions, length
    )
    print(f"a loop of steps: {found:,.0f} characters per second")
    [whole] = served.generate(["THE "], length)
    same = whole == "THE " + "".join(served.stream("THE ", length))
    passed &= gate("generation_speed (same text as the loop)", same, ">=", 1)
    sys.exit(not passed)


if __name__ == "__main__":
    main()
