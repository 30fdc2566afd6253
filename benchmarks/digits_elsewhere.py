"""Generalization of the shipped digit model to other data than MNIST.

- The 7,291 USPS zip-code digits. Nothing was trained or tuned on them.
  Baselines are the same model with the same digits, only resized to 28x28, or
  resized to 20x20 without centering by mass.
- Synthetic photos of test digits: on paper, and of the kinds of
  `cluttered_photos.py`, such as a dark strip at an edge or a printed box.
- Pages with several digits and letters of fonts, which are to be rejected.

An image is rejected as by `apps/recognize_digits.py`: if it is blank, has
several digits, or has a p-value of at most `--reject_rate`. The table has for
each kind the fractions that are right, rejected ("refused"), wrong, and wrong
with a confidence above 90 %.

Usage:
    python benchmarks/digits_elsewhere.py
    python benchmarks/digits_elsewhere.py --quick --model=saved_models/NAME/1
"""

import argparse
import gzip
import io
import pathlib
import sys
import time

import numpy as np
from cluttered_photos import KINDS, LOOK_ALIKES, letter, several_digits
from gates import gate
from paper_photos import random_photo
from real_data import add_data_dir

PROJECT = pathlib.Path(__file__).parents[1]
USPS_BOUND = 0.9899
PHOTOS_BOUND = 0.982
RIGHT_BOUND = 0.9
RIGHT_KINDS = ("edges", "boxes", "tables")
CONFIDENT = 0.9
CONFIDENT_BOUND = 0.01
LETTERS_BOUND = 0.6


def load_usps(folder):
    """Returns `(n, 16, 16)`, uint8, white on black, and labels."""
    with gzip.open(folder / "usps/zip.train.gz", "rt") as lines:
        table = np.loadtxt(lines, dtype="float32")
    digits = (table[:, 1:].reshape(-1, 16, 16) + 1) / 2
    return np.round(255 * digits).astype("uint8"), table[:, 0].astype(int)


def load_test_digits(folder):
    """Test images in [0, 1] and labels of MNIST, or of the embedded digits."""
    from dlunits.data.images import image_datasets

    prepared = folder / "tfds"
    data = image_datasets.load(
        "mnist" if prepared.is_dir() else "digits",
        data_dir=prepared if prepared.is_dir() else None,
    )
    print(data.source)
    images, labels = data.test
    return images[..., 0] / 255, labels


def png(image):
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image).save(file, "png", compress_level=1)
    return file.getvalue()


def recognize(model, images, batch_size=256):
    """Outputs of the SavedModel, with its own preprocessing, as arrays."""
    import tensorflow as tf

    files = [png(image) for image in images]
    outputs = [
        model.recognize(tf.constant(files[i : i + batch_size]))
        for i in range(0, len(files), batch_size)
    ]
    return {
        name: np.concatenate([output[name] for output in outputs])
        for name in outputs[0]
    }


def without_preprocessing(model, digits, size):
    """Scores of digits resized to `size` and padded to 28x28."""
    import tensorflow as tf

    digits = tf.image.resize(digits[..., None], (size, size), antialias=True)
    margin = (28 - size) // 2
    digits = tf.image.pad_to_bounding_box(digits, margin, margin, 28, 28)
    return model.serving_default(digits / 255)["scores"].numpy()


def accuracy(scores, labels):
    return float(np.mean(np.argmax(scores, axis=1) == labels))


def is_refused(outputs, reject_rate):
    """Whether the app rejects an image."""
    from dlunits.data.images.faint_ink import MIN_CONTRAST

    refused = (outputs["contrast"] < MIN_CONTRAST) | outputs["several"]
    if "p_value" in outputs:
        refused |= outputs["p_value"] <= reject_rate
    return refused


def outcomes(outputs, labels, reject_rate):
    """Fractions that are right, rejected, wrong, and confidently wrong.

    Args:
        outputs: Outputs of the SavedModel.
        labels: True digits; -1 for images that are to be rejected.
        reject_rate: Fraction of clean digits that is rejected.
    """
    scores = outputs["scores"]
    refused = is_refused(outputs, reject_rate)
    hit = scores.argmax(axis=1) == labels
    wrong = ~refused & ~hit
    confident = wrong & (scores.max(axis=1) > CONFIDENT)
    parts = (hit & ~refused, refused, wrong, confident)
    return [float(part.mean()) for part in parts]


def calibration_error(scores, labels, bins=10):
    """Expected calibration error: mean |confidence - accuracy| over bins."""
    confidence = scores.max(axis=1)
    correct = scores.argmax(axis=1) == labels
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(index, confidence - correct, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


def print_row(name, parts):
    print(f"{name:28}" + "".join(f"{part:9.2%}" for part in parts), flush=True)


def check_usps(model, folder, options):
    """Evaluates the USPS digits, and returns whether the gate holds."""
    digits, labels = load_usps(folder)
    if options.quick:
        chosen = np.random.default_rng(0).choice(len(digits), 500, False)
        digits, labels = digits[chosen], labels[chosen]
    resized = accuracy(without_preprocessing(model, digits, 28), labels)
    boxed = accuracy(without_preprocessing(model, digits, 20), labels)
    start = time.perf_counter()
    outputs = recognize(model, digits)
    seconds = time.perf_counter() - start
    value = accuracy(outputs["scores"], labels)
    print(f"USPS, {len(digits)} digits, resized to 28x28 only  {resized:.4f}")
    print(f"USPS, resized to 20x20, padded to 28x28          {boxed:.4f}")
    print(f"USPS, `recognize`                                {value:.4f}")
    print(
        f"  {1e3 * seconds / len(digits):.1f} ms per digit, calibration error "
        f"{calibration_error(outputs['scores'], labels):.4f}"
    )
    print_row("USPS", outcomes(outputs, labels, options.reject_rate))
    return gate("digits_elsewhere", value, ">=", USPS_BOUND)


def check_kinds(model, digits, labels, options):
    """Evaluates photos of test digits, and returns whether all gates hold."""
    rate = options.reject_rate
    count = 60 if options.quick else 300
    passed = []
    outputs = recognize(model, np.uint8(255 * digits[: 10 * count]))
    print_row("test digits", outcomes(outputs, labels[: 10 * count], rate))

    rng = np.random.default_rng(0)
    count_photos = 100 if options.quick else 500
    photos = [random_photo(digit, rng) for digit in digits[:count_photos]]
    outputs = recognize(model, photos)
    print_row("photos", outcomes(outputs, labels[:count_photos], rate))
    value = accuracy(outputs["scores"], labels[:count_photos])
    passed.append(gate("photos, accuracy", value, ">=", PHOTOS_BOUND))

    for kind, draw in KINDS.items():
        photos = [draw(digit, rng) for digit in digits[-count:]]
        right, *others = outcomes(
            recognize(model, photos, 64), labels[-count:], rate
        )
        print_row(kind, [right, *others])
        passed.append(
            gate(
                f"{kind}, confidently wrong", others[-1], "<=", CONFIDENT_BOUND
            )
        )
        if kind in RIGHT_KINDS:
            passed.append(gate(f"{kind}, right", right, ">=", RIGHT_BOUND))

    none = np.full(count, -1)
    pages = [several_digits(digits, rng) for _ in range(count)]
    parts = outcomes(recognize(model, pages, 64), none, rate)
    print_row("several digits", parts)
    passed.append(
        gate("several, confidently wrong", parts[-1], "<=", CONFIDENT_BOUND)
    )
    pages = [letter(rng) for _ in range(2 * count)]
    parts = outcomes(recognize(model, pages, 64), np.full(2 * count, -1), rate)
    print_row("letters", parts)
    passed.append(gate("letters, refused", parts[1], ">=", LETTERS_BOUND))
    passed.append(
        gate("letters, confidently wrong", parts[-1], "<=", CONFIDENT_BOUND)
    )
    pages = [letter(rng, LOOK_ALIKES) for _ in range(count)]
    parts = outcomes(recognize(model, pages, 64), none, rate)
    print_row(f"{LOOK_ALIKES[:4]}... like digits", parts)
    return all(passed)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer images")
    parser.add_argument(
        "--model",
        type=pathlib.Path,
        default=PROJECT / "saved_models/lenet_mnist/1",
        help="folder of a SavedModel with the digit endpoints",
    )
    parser.add_argument(
        "--reject_rate",
        type=float,
        default=0.01,
        help="fraction of held-out training digits that is rejected",
    )
    add_data_dir(parser, "usps/ and tfds/")
    options = parser.parse_args()
    folder = options.data_dir
    import tensorflow as tf

    model = tf.saved_model.load(str(options.model))
    digits, labels = load_test_digits(folder)
    print(f"{'':28}{'right':>9}{'refused':>9}{'wrong':>9}{'> 90 %':>9}")
    passed = check_kinds(model, digits, labels, options)
    if (folder / "usps/zip.train.gz").is_file():
        passed &= check_usps(model, folder, options)
    else:
        print(f"USPS: skipped, no usps/zip.train.gz in {folder}")
    sys.exit(not passed)


if __name__ == "__main__":
    main()
