"""Accuracy of the model trained on MNIST on digits of other data sets.

Test data: the 7,291 USPS zip-code digits, classified by the SavedModel with its
own preprocessing. Nothing was trained or tuned on them. The preprocessing was
tuned on synthetic photos of MNIST test digits, whose accuracy is shown too.
Baselines are the same model with the same digits, only resized to 28x28, or
resized to 20x20 without centering by mass.

Usage:
    python benchmarks/digits_elsewhere.py
    python benchmarks/digits_elsewhere.py --quick --model=saved_models/NAME/1
"""

import argparse
import gzip
import io
import os
import pathlib
import sys
import time

import numpy as np
from gates import gate

PROJECT = pathlib.Path(__file__).parents[1]
BOUND = 0.96


def load_usps(folder):
    """Returns `(n, 16, 16)`, uint8, white on black, and labels."""
    with gzip.open(folder / "usps/zip.train.gz", "rt") as lines:
        table = np.loadtxt(lines, dtype="float32")
    digits = (table[:, 1:].reshape(-1, 16, 16) + 1) / 2
    return np.round(255 * digits).astype("uint8"), table[:, 0].astype(int)


def synthetic_photos(folder, count):
    """Returns uint8 photos of MNIST test digits, and labels."""
    import tensorflow_datasets as tfds
    from paper_photos import photograph

    split = tfds.load(
        "mnist",
        data_dir=folder / "tfds",
        split=f"test[:{count}]",
        batch_size=-1,
    )
    rng = np.random.default_rng(0)
    photos = []
    for digit in tfds.as_numpy(split)["image"][..., 0] / 255:
        photo = photograph(
            digit,
            rng,
            page=(int(rng.integers(120, 400)), int(rng.integers(120, 400))),
            height=int(rng.integers(40, 100)),
            pen=rng.uniform(0.04, 0.2),
            center=rng.uniform(0.35, 0.65, size=2),
            paper=rng.uniform(0.6, 0.95),
            ink=rng.uniform(0.05, 0.35),
            gradient=rng.uniform(0, 0.6),
            shadow=rng.uniform(0, 0.3),
            texture=rng.uniform(0, 0.04),
            specks=int(rng.integers(0, 4)),
            blur=rng.uniform(0, 1.5),
        )
        photos.append(255 - photo if rng.random() < 0.5 else photo)
    return photos, tfds.as_numpy(split)["label"]


def png(image):
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image).save(file, "png", compress_level=1)
    return file.getvalue()


def recognize(model, images, batch_size=256):
    """Scores `(n, 10)` with the preprocessing of the SavedModel."""
    import tensorflow as tf

    files = [png(image) for image in images]
    return np.concatenate(
        [
            model.recognize(tf.constant(files[i : i + batch_size]))["scores"]
            for i in range(0, len(files), batch_size)
        ]
    )


def without_preprocessing(model, digits, size):
    """Scores of digits resized to `size` and padded to 28x28."""
    import tensorflow as tf

    digits = tf.image.resize(digits[..., None], (size, size), antialias=True)
    margin = (28 - size) // 2
    digits = tf.image.pad_to_bounding_box(digits, margin, margin, 28, 28)
    return model.serving_default(digits / 255)["scores"].numpy()


def accuracy(scores, labels):
    return float(np.mean(np.argmax(scores, axis=1) == labels))


def calibration_error(scores, labels, bins=10):
    """Expected calibration error: mean |confidence - accuracy| over bins."""
    confidence = scores.max(axis=1)
    correct = scores.argmax(axis=1) == labels
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(index, confidence - correct, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="500 digits")
    parser.add_argument(
        "--model",
        type=pathlib.Path,
        default=PROJECT / "saved_models/lenet_mnist/1",
        help="folder of a SavedModel with the digit endpoints",
    )
    parser.add_argument(
        "--data_dir",
        type=pathlib.Path,
        default=os.environ.get("DLUNITS_DATA", PROJECT / "../shared/data"),
        help="folder that holds usps/ and tfds/",
    )
    options = parser.parse_args()
    data_dir = pathlib.Path(options.data_dir)
    if not (data_dir / "usps/zip.train.gz").is_file():
        sys.exit(f"No usps/zip.train.gz in {data_dir}: set DLUNITS_DATA.")
    import tensorflow as tf

    model = tf.saved_model.load(str(options.model))
    digits, labels = load_usps(data_dir)
    if options.quick:
        chosen = np.random.default_rng(0).choice(len(digits), 500, False)
        digits, labels = digits[chosen], labels[chosen]
    photos, photo_labels = synthetic_photos(
        data_dir, 100 if options.quick else 500
    )

    resized = accuracy(without_preprocessing(model, digits, 28), labels)
    boxed = accuracy(without_preprocessing(model, digits, 20), labels)
    start = time.perf_counter()
    scores = recognize(model, digits)
    seconds = time.perf_counter() - start
    photographed = accuracy(recognize(model, photos), photo_labels)
    value = accuracy(scores, labels)
    print(f"USPS, {len(digits)} digits, resized to 28x28 only  {resized:.4f}")
    print(f"USPS, resized to 20x20, padded to 28x28          {boxed:.4f}")
    print(f"USPS, `recognize`                                {value:.4f}")
    print(
        f"  {1e3 * seconds / len(digits):.1f} ms per digit, calibration error "
        f"{calibration_error(scores, labels):.4f}"
    )
    print(
        f"MNIST test, {len(photos)} synthetic photos, `recognize` "
        f"{photographed:.4f}"
    )
    sys.exit(not gate("digits_elsewhere", value, ">=", BOUND))


if __name__ == "__main__":
    main()
