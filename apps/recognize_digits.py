r"""Recognizes handwritten digits in photos and scans, one digit per image.

Reads all common image files, of any size: photos of phones, scans, PNG with
transparency; dark digits on light paper or light on dark. Lines of tables, dark
edges of scans, boxes and circles around the digit, and the table on which the
paper lies are left out.

Usage:
    python apps/recognize_digits.py photo.jpg scan.png
    python apps/recognize_digits.py --json *.jpg
    python apps/recognize_digits.py --model=saved_models/lenet_FOLDER_modern \
        photo.jpg

With the model of a folder of images, the answer is one of its classes. Each
page of a file with several images is answered.

Prints one line per file with the digit and the model's confidence in it. Files
that cannot be read, that show several digits or that are probably no digit (see
--reject_rate) are listed on stderr with the reason; the others are still
recognized, and the exit status is 1.

Expected: 10 photos in 15 seconds on 2 CPU cores, nearly all of it start-up.
"""

import pathlib
import sys
from json import dumps

from absl import flags

import _main

SHIPPED = pathlib.Path(__file__).parents[1] / "saved_models/lenet_mnist/1"
REJECT_RATE = 0.01  # default of --reject_rate


def define_flags():
    flags.DEFINE_bool(
        "json", False, "Print the results as JSON, with all probabilities."
    )
    flags.DEFINE_string(
        "model",
        str(SHIPPED),
        "Folder of a SavedModel that lenet_mnist or sequence_digits exported: "
        "saved_models/NAME/1, or saved_models/NAME for the latest version. A "
        "model of a folder of images answers with its classes.",
    )
    flags.DEFINE_float(
        "reject_rate",
        None,
        "Fraction of clean digits that may be refused, so that letters and "
        "other drawings are refused too; 0 to answer always. Default: "
        f"{REJECT_RATE}.",
        lower_bound=0.0,
        upper_bound=0.5,
    )


def place(result):
    """File, and page if the file contains several images."""
    page = f", page {result['page']}" if "page" in result else ""
    return f"{result['file']}{page}"


def format_line(result):
    scores = result["scores"]
    if isinstance(scores, list):
        scores = dict(enumerate(scores))
    first, second = sorted(scores, key=lambda name: -scores[name])[:2]
    return (
        f"{place(result)}: {first} ({scores[first]:.1%}; "
        f"next {second}, {scores[second]:.1%})"
    )


def run(json, model, reject_rate, paths):
    """Prints the digit in each image file, and returns the exit status."""
    if not paths:
        raise ValueError("Expected at least one image file. Received none")
    from dlunits.tasks.digits.classify_files import (
        classify_files,
        has_own_classes,
    )
    from dlunits.tasks.digits.recognize_files import (
        load_digit_classifier,
        recognize_files,
    )

    if has_own_classes(model):
        if reject_rate is not None:
            raise ValueError(
                "--reject_rate has no effect with the model of a folder of "
                "images, which refuses none"
            )
        results = classify_files(model, paths)
    else:
        rate = REJECT_RATE if reject_rate is None else reject_rate
        results = recognize_files(load_digit_classifier(model), paths, rate)
    if json:
        print(dumps(results, indent=1))
    for result in results:
        if "error" in result:
            print(f"{place(result)}: {result['error']}", file=sys.stderr)
        elif not json:
            print(format_line(result))
    return int(any("error" in result for result in results))


if __name__ == "__main__":
    _main.run_app(define_flags, run, positional="paths", tf_log_level=3)
