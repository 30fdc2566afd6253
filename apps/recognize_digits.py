r"""Recognizes handwritten digits in photos and scans, one digit or many.

Reads image files of all common formats and any size: phone photos, scans, PNG
with transparency; dark digits on light paper or light digits on dark. Ruled
lines, dark edges of scans, boxes and circles around a digit, and the background
of the paper are ignored. Several digits, also touching ones, are read line by
line.

Usage:
    python apps/recognize_digits.py photo.jpg scan.png
    python apps/recognize_digits.py --json *.jpg
    python apps/recognize_digits.py --model=saved_models/lenet_FOLDER_modern \
        photo.jpg

With a model that was trained on a folder of images, the result is one of its
classes. Each page of a file with several images is recognized.

Prints one line per file: the digit and its probability, or several digits, with
" / " between lines. A shape that is probably not a digit (see --reject_rate) is
a "?". Files with such shapes, and those that cannot be read or show no digit,
are listed on stderr with the reason; the others are still recognized, and the
exit status is 1.

Expected: 10 photos in 1 second on 2 CPU cores. Without onnxruntime (pip install
onnxruntime) TensorFlow is used, which takes 6 seconds to start.
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
        "model that was trained on a folder of images returns its classes.",
    )
    flags.DEFINE_float(
        "reject_rate",
        None,
        "Maximum expected fraction of images of clean digits on which a digit "
        "is rejected as not a digit. Higher values reject more letters and "
        f"other drawings; 0 rejects nothing. Default: {REJECT_RATE}.",
        lower_bound=0.0,
        upper_bound=0.5,
    )


def place(result):
    """Name of a file, with the page if it contains several images."""
    page = f", page {result['page']}" if "page" in result else ""
    return f"{result['file']}{page}"


def format_line(result):
    if "text" in result:
        read = [each for each in result["digits"] if "digit" in each]
        least = min(each["confidence"] for each in read)
        text = result["text"].replace("\n", " / ")
        return f"{place(result)}: {text} (lowest probability: {least:.1%})"
    scores = result["scores"]
    if isinstance(scores, list):
        scores = dict(enumerate(scores))
    first, second = sorted(scores, key=lambda name: -scores[name])[:2]
    return (
        f"{place(result)}: {first} ({scores[first]:.1%}; "
        f"next {second}, {scores[second]:.1%})"
    )


def failure(result):
    """Reason why part of an image was not recognized, or an empty text."""
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
                "--reject_rate has no effect with a model that was trained on "
                "a folder of images, which rejects nothing"
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
