"""Rejection rates of `recognize_digits`: letters, blank tiles, noise, digits.

The threshold is set on held-out MNIST digits, of which 1 % are rejected. Images
are processed as in the app, so that wide ones may also be read as several
touching digits. The baseline is the rejection rate of clean test digits.

Usage:
    python benchmarks/not_a_digit.py --count=200
"""

import argparse
import sys

import numpy as np
from cluttered_photos import LOOK_ALIKES, letter
from digit_lines import PROJECT, load_digits
from gates import gate
from real_data import add_data_dir
from scipy import ndimage

LETTERS_BOUND = 0.6  # fraction of the letters that is rejected
NOTHING_BOUND = 0.98  # fraction of blank tiles and noise that is rejected


def paper(rng):
    """Paper with uneven light and grain, without ink."""
    rows, columns = rng.integers(60, 400, size=2)
    y, x = np.indices((rows, columns)) / max(rows, columns)
    angle = rng.uniform(0, 2 * np.pi)
    light = 1 - rng.uniform(0, 0.3) * (np.cos(angle) * y + np.sin(angle) * x)
    page = rng.uniform(0.6, 0.95) * light
    page += rng.uniform(0, 0.02) * rng.normal(size=page.shape)
    return np.uint8(255 * np.clip(page, 0, 1))


def noise(rng):
    """Noise with a random size of grain, scaled to the range of brightness."""
    field = rng.normal(size=rng.integers(60, 300, size=2))
    field = ndimage.gaussian_filter(field, rng.choice([0, 1, 3, 8]))
    field = (field - field.min()) / np.ptp(field)
    return np.uint8(255 * field)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=200)
    add_data_dir(parser)
    options = parser.parse_args()
    from dlunits.tasks.digits.recognize_files import (
        load_digit_reader,
        read_image,
    )

    digits, _ = load_digits(options.data_dir / "tfds", "test")
    reader = load_digit_reader(PROJECT / "saved_models/lenet_mnist/1")
    rng = np.random.default_rng(0)

    def is_refused(page):
        try:
            answer = read_image(reader, np.stack([page] * 3, axis=-1), 0.01)
        except ValueError:
            return True
        return "?" in answer.get("text", "")

    kinds = {
        "test digits": lambda: np.uint8(255 * digits[rng.integers(10_000)]),
        "letters of fonts": lambda: letter(rng),
        f"letters like digits, {LOOK_ALIKES}": lambda: letter(rng, LOOK_ALIKES),
        "blank tiles": lambda: paper(rng),
        "noise": lambda: noise(rng),
    }
    refused = {}
    for kind, draw in kinds.items():
        outcomes = [is_refused(draw()) for _ in range(options.count)]
        refused[kind] = np.mean(outcomes)
        print(f"{kind:42} refused {refused[kind]:7.1%}", flush=True)
    passed = gate(
        "letters, refused", refused["letters of fonts"], ">=", LETTERS_BOUND
    )
    for kind in ("blank tiles", "noise"):
        passed &= gate(f"{kind}, refused", refused[kind], ">=", NOTHING_BOUND)
    sys.exit(not passed)


if __name__ == "__main__":
    main()
