"""Accuracy of dense and convolutional networks on shifted MNIST digits.

Trains a fully connected network (FCNN), LeNet-5 and a CNN, which have 62,020,
61,706 and 61,130 parameters, on the same 20,000 unshifted training images in
the same way: Adam with a learning rate of 0.001, mini-batches of 64, 3 epochs,
3 seeds. Each is evaluated on 2,000 test images that are shifted by 0 to 6
pixels in eight directions; diagonal shifts move rows and columns.

The CNN is selected among LeNet-5 and two CNNs with global pooling, of the mean
or of the maximum, by the accuracy on 2,000 validation images that are shifted
by 3 pixels. They are held out of the training split; the test images are not
used for the selection.

The baseline is the FCNN, which has at least as many parameters.

Usage:
    python benchmarks/shifted_digits.py [--data_dir=PREPARED_TFDS]
"""

import argparse
import dataclasses
import functools
import os
import pathlib
import sys
import tempfile

# As in the apps; see docs/decisions/0003-convolutions.md.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from gates import gate
from real_data import DATA
from tqdm import tqdm

from dlunits.reporting.text_table import format_table
from dlunits.tasks.lab.convolution.networks import global_pooling_cnn
from dlunits.tasks.lab.convolution.report import accuracy_table
from dlunits.tasks.lab.convolution.run_lab import (
    FCNN,
    LENET,
    POOLED,
    accuracies_at,
    compare_networks,
    make_networks,
)
from dlunits.tasks.lab.convolution.subject import limit_images
from dlunits.tasks.lab.sources import load_data

NUM_IMAGES = 20_000
EPOCHS = 3
BATCH_SIZE = 64
LEARNING_RATE = 1e-3
SHIFT = 3  # pixels
MIN_GAIN = 20  # points
MAX_POOLED = "CNN, global maximum"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", default=DATA, help="prepared TFDS sets")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    data = load_data("mnist", data_dir=arguments.data_dir)
    networks = make_networks(data, None)
    networks[MAX_POOLED] = functools.partial(
        global_pooling_cnn, data.num_outputs, "maximum"
    )
    seeds = range(arguments.seeds)
    candidates = (LENET, POOLED, MAX_POOLED)
    # The validation images are used instead of the test images.
    tried = train(
        dataclasses.replace(data, test=data.validation),
        {name: networks[name] for name in candidates},
        seeds,
    )
    print("Shifted validation images:")
    print(format_table(*accuracy_table(tried)), flush=True)
    chosen = max(
        candidates,
        key=lambda name: accuracies_at(tried, name, SHIFT).mean(),
    )
    print(f"Chosen at {SHIFT} pixels: {chosen}")

    measured = dict.fromkeys((FCNN, LENET, chosen))
    trained = train(data, {name: networks[name] for name in measured}, seeds)
    print("Shifted test images:")
    print(format_table(*accuracy_table(trained)), flush=True)
    dense, lenet, cnn = (
        accuracies_at(trained, name, SHIFT) for name in (FCNN, LENET, chosen)
    )
    print(
        f"LeNet-5 - FCNN at {SHIFT} pixels: "
        f"{100 * np.mean(lenet - dense):.1f} points"
    )
    passed = gate(
        f"shifted_digits (CNN - FCNN at {SHIFT} pixels, lowest of "
        f"{arguments.seeds} seeds)",
        100 * np.min(cnn - dense),
        ">=",
        MIN_GAIN,
        " points",
    )
    sys.exit(not passed)


def train(data, networks, seeds):
    """Trains networks, and evaluates them on shifted images of `data.test`."""
    with tempfile.TemporaryDirectory() as folder:
        return compare_networks(
            pathlib.Path(folder),
            limit_images(data, NUM_IMAGES),
            networks,
            seeds=seeds,
            epochs=EPOCHS,
            batch_size=BATCH_SIZE,
            learning_rate=LEARNING_RATE,
            progress=tqdm,
        )


if __name__ == "__main__":
    main()
