r"""Recognizes handwritten digits in photos and scans, one digit or many.

Reads all common image files, of any size: photos of phones, scans, PNG with
transparency; dark digits on light paper or light on dark. Ruled lines, dark
edges of scans, boxes and circles around a digit, and the table on which the
paper lies are left out. Several digits are read line by line, also those that
touch.

Usage:
    python apps/recognize_digits.py photo.jpg scan.png
    python apps/recognize_digits.py --json *.jpg
    python apps/recognize_digits.py --model=saved_models/lenet_FOLDER_modern \
        photo.jpg

With the model of a folder of images, the answer is one of its classes. Each
page of a file with several images is answered.

Prints one line per file with the digit and the model's confidence in it, or
with the digits, lines separated by " / ". What is probably no digit (see
--reject_rate) is a "?". Such files, and those that cannot be read or show no
digit, are listed on stderr with the reason; the others are still recognized,
and the exit status is 1.

Expected: 10 photos in 1 second on 2 CPU cores. Without onnxruntime (pip install
onnxruntime) TensorFlow is started, which takes 6 seconds.
"""

import os
import sys
from json import dumps

from absl import flags

import _main

REJECT_RATE = 0.01  # default of --reject_rate


def define_flags():
    flags.DEFINE_bool(
        "json", False, "Print the results as JSON, with all probabilities."
    )
    flags.DEFINE_string(
        "model",
        str(_main.SHIPPED_MODELS / "lenet_mnist/1"),
        "Folder of a SavedModel that lenet_mnist or sequence_digits exported: "
        "saved_models/NAME/1, or saved_models/NAME for the latest version. A "
        "model of a folder of images answers with its classes.",
    )
    flags.DEFINE_float(
        "reject_rate",
        None,
        "Fraction of images of clean digits on which a digit may be refused. A "
        "higher one refuses more letters and other drawings; 0 refuses none. "
        "Default: "
        f"{REJECT_RATE}.",
        lower_bound=0.0,
        upper_bound=0.5,
    )


def place(result):
    """File, and page if the file contains several images."""
    page = f", page {result['page']}" if "page" in result else ""
    return f"{result['file']}{page}"


def format_line(result):
    if "text" in result:
        read = [each for each in result["digits"] if "digit" in each]
        least = min(each["confidence"] for each in read)
        text = result["text"].replace("\n", " / ")
        return f"{place(result)}: {text} (least sure: {least:.1%})"
    scores = result["scores"]
    if isinstance(scores, list):
        scores = dict(enumerate(scores))
    first, second = sorted(scores, key=lambda name: -scores[name])[:2]
    return (
        f"{place(result)}: {first} ({scores[first]:.1%}; "
        f"next {second}, {scores[second]:.1%})"
    )


def failure(result):
    """Why something on an image was not recognized; empty if all was."""
    digits = result.get("digits", [])
    refused = sum("error" in each for each in digits)
    if not refused:
        return result.get("error", "")
    verb = "is" if refused == 1 else "are"
    return f"{refused} of {len(digits)} {verb} probably not a digit"


def run(json, model, reject_rate, paths):
    """Prints the digits in each image file, and returns the exit status."""
    if not paths:
        raise ValueError("Expected at least one image file. Received none")
    # onnxruntime needs no Keras, whose import takes seconds.
    os.environ.setdefault("DLUNITS_LAZY_IMPORT", "1")
    from dlunits.tasks.digits.classify_files import (
        classify_files,
        has_own_classes,
    )
    from dlunits.tasks.digits.recognize_files import (
        load_digit_reader,
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
        results = recognize_files(load_digit_reader(model), paths, rate)
    if json:
        print(dumps(results, indent=1))
    failed = False
    for result in results:
        if "error" not in result and not json:
            print(format_line(result))
        reason = failure(result)
        if reason:
            failed = True
            print(f"{place(result)}: {reason}", file=sys.stderr)
    return int(failed)


if __name__ == "__main__":
    _main.run_app(define_flags, run, positional="paths", tf_log_level=3)
