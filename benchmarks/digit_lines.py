"""Recognition of lines of five digits by `recognize_digits`, shipped model.

Each line is composed of digits of MNIST of several sizes, spacings and slants,
some of which touch, on uneven paper, some of it with specks and ruled lines.
The segmentation was designed on lines of validation digits (the last 5,000
training images, on which the model was not trained): `--split=validation`. A
line is correct if its text is, without missing, additional or rejected digits.

Usage:
    python benchmarks/digit_lines.py
    python benchmarks/digit_lines.py --split=validation --count=100 --save=lines
"""

import argparse
import collections
import pathlib
import sys
import tempfile
import time

import numpy as np
from gates import gate
from paper_photos import crop
from real_data import add_data_dir
from scipy import ndimage

PROJECT = pathlib.Path(__file__).parents[1]
BOUND = 0.95
NUM_DIGITS = 5
TOUCHING = 0.05  # probability that two neighbors touch
RULED = 0.35  # probability of ruled lines
SPECKS = 0.5  # probability of specks


def load_digits(folder, split):
    """Images in [0, 1] and labels of MNIST."""
    from dlunits.data.images import image_datasets

    data = image_datasets.load("mnist", data_dir=folder)
    images, labels = data.test if split == "test" else data.validation
    return images[..., 0] / 255, labels


def resized(digit, height):
    """Digit in another size, without the empty pixels around it."""
    digit = crop(np.asarray(digit, "float32"), 0.1)
    return np.clip(ndimage.zoom(digit, height / digit.shape[0]), 0, 1)


def sheared(image, shear):
    """Image whose rows are shifted in proportion to their height."""
    rows = image.shape[0]
    margin = int(np.ceil(abs(shear) * rows / 2)) + 1
    padded = np.pad(image, ((0, 0), (margin, margin)))
    middle = (rows - 1) / 2
    return ndimage.affine_transform(
        padded, [[1, 0], [shear, 1]], offset=[0, -shear * middle], order=1
    )


def advance(left, right, gap):
    """Columns between the starts of two images, for a gap between their ink.

    The gap is the smallest distance in any row; it is negative if they overlap.
    """
    reach = np.where(left > 0.3, np.arange(left.shape[1]), -np.inf).max(axis=1)
    first = np.where(right > 0.3, np.arange(right.shape[1]), np.inf).min(axis=1)
    distance = (first - reach)[np.isfinite(first - reach)]
    closest = distance.min() if len(distance) else 0
    return round(gap - closest)


def compose(digits, rng):
    """Photo of a line of digits, and its properties, such as specks."""
    height = int(rng.integers(28, 80))
    shear = rng.uniform(-0.15, 0.15)
    placed, left, touching = [], 0, False
    rows = int(1.6 * height)
    for digit in digits:
        drawn = resized(digit, height * rng.uniform(0.85, 1.15))
        drawn = sheared(drawn, shear)
        top = round((rows - drawn.shape[0]) / 2 + height * rng.normal(0, 0.05))
        layer = np.zeros((rows, drawn.shape[1]), "float32")
        top = min(max(top, 0), rows - drawn.shape[0])
        layer[top : top + drawn.shape[0]] = drawn
        if placed:
            touches = rng.random() < TOUCHING
            gap = (
                -rng.uniform(0.0, 0.02) * height
                if touches
                else rng.uniform(0.06, 0.6) * height
            )
            touching |= touches
            left += advance(placed[-1][0], layer, gap)
        placed.append((layer, left))
    width = max(start + layer.shape[1] for layer, start in placed)
    line = np.zeros((rows, width), "float32")
    for layer, start in placed:
        columns = slice(start, start + layer.shape[1])
        line[:, columns] = np.maximum(line[:, columns], layer)
    line = ndimage.rotate(line, rng.uniform(-3, 3), order=1)
    margins = [
        (int(m), int(n))
        for m, n in (rng.uniform(0.2, 1.2, (2, 2)) * height).round()
    ]
    return on_paper(np.pad(line, margins), height, touching, rng)


def on_paper(ink, height, touching, rng):
    """Draws ink on paper, with specks and ruled lines."""
    y, x = np.indices(ink.shape, "float32")
    specks = rng.random() < SPECKS
    for _ in range(rng.integers(1, 7) if specks else 0):
        row, column = rng.uniform(0, ink.shape[0]), rng.uniform(0, ink.shape[1])
        radius = rng.uniform(0.5, max(1.0, 0.04 * height))
        away = np.hypot(y - row, x - column)
        ink = np.maximum(ink, np.clip(radius - away + 0.5, 0, 1))
    dark, paper = rng.uniform(0.05, 0.35), rng.uniform(0.75, 0.97)
    photo = paper + (dark - paper) * ink
    ruled = rng.random() < RULED
    if ruled:
        spacing = rng.uniform(1.1, 1.8) * height
        thickness = rng.uniform(1.0, 2.5)
        slope = rng.uniform(-0.03, 0.03)
        line = rng.uniform(0.3, 0.8) * paper
        distance = (y - rng.uniform(0, spacing) - slope * x) % spacing
        distance = np.minimum(distance, spacing - distance)
        covered = np.clip(thickness / 2 - distance + 0.5, 0, 1)
        photo = np.minimum(photo, paper + (line - paper) * covered)
    angle = rng.uniform(0, 2 * np.pi)
    along = np.cos(angle) * y / ink.shape[0] + np.sin(angle) * x / ink.shape[1]
    photo *= 1 - rng.uniform(0, 0.4) * (along - along.min()) / np.ptp(along)
    photo += rng.uniform(0, 0.02) * rng.normal(size=photo.shape)
    photo = ndimage.gaussian_filter(photo, rng.uniform(0, 1))
    kinds = {"touching": touching, "specks": specks, "ruled": ruled}
    pixels = np.round(255 * np.clip(photo, 0, 1)).astype("uint8")
    return pixels, [name for name, holds in kinds.items() if holds] or ["plain"]


def text_of(result):
    """Text that the app prints for a file, `?` for a rejected digit."""
    if "error" in result:
        return ""
    if "digits" not in result:
        return str(result["digit"])
    return "".join(str(part.get("digit", "?")) for part in result["digits"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--split", default="test")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", type=pathlib.Path, help="folder for errors")
    parser.add_argument(
        "--model",
        type=pathlib.Path,
        default=PROJECT / "saved_models/lenet_mnist/1",
    )
    add_data_dir(parser)
    options = parser.parse_args()
    from PIL import Image

    from dlunits.tasks.digits.recognize_files import (
        load_digit_reader,
        recognize_files,
    )

    images, labels = load_digits(options.data_dir / "tfds", options.split)
    reader = load_digit_reader(options.model)
    rng = np.random.default_rng(options.seed)
    outcomes = collections.defaultdict(list)
    seconds = 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "line.png")
        for number in range(options.count):
            chosen = rng.integers(len(images), size=NUM_DIGITS)
            photo, kinds = compose(images[chosen], rng)
            Image.fromarray(photo).save(path)
            start = time.perf_counter()
            [result] = recognize_files(reader, [path])
            seconds += time.perf_counter() - start
            expected = "".join(map(str, labels[chosen]))
            right = text_of(result) == expected
            for kind in ("all", *kinds):
                outcomes[kind].append(right)
            if not right:
                read = text_of(result) or result["error"]
                print(f"line {number}: {expected} read as {read}; {kinds}")
                if options.save:
                    options.save.mkdir(exist_ok=True)
                    Image.fromarray(photo).save(
                        options.save / f"{number}-{expected}.png"
                    )
    for kind, rights in outcomes.items():
        print(f"{kind:10} {np.mean(rights):7.1%} of {len(rights)} lines")
    print(f"{1e3 * seconds / options.count:.0f} ms per line")
    value = float(np.mean(outcomes["all"]))
    sys.exit(not gate("digit_lines", value, ">=", BOUND))


if __name__ == "__main__":
    main()
