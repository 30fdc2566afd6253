"""Reads handwritten digits from photos and scans, one digit an image.

Any common image file will do: a phone's photo, a scan, a PNG with
transparency; dark ink on light paper or light on dark; any size.

Usage:
    python apps/recognize_digits.py photo.jpg scan.png
    python apps/recognize_digits.py --json *.jpg

Prints the digit and the model's confidence in it, a line a file. A file
that cannot be read is named on stderr; the others are still answered, and
the exit status is 1.

Expected: 10 photos in 9 seconds on 2 CPU cores, nearly all of it start-up.
"""

import pathlib
import sys
from json import dumps

from absl import flags

import _main

SHIPPED = pathlib.Path(__file__).parents[1] / "saved_models/lenet_mnist/1"
MEGAPIXELS = 40  # a larger image is not decoded
ENOUGH = 1024  # pixels; a longer side is reduced while it is read


def define_flags():
    flags.DEFINE_bool("json", False, "Print a JSON list, for programs.")
    flags.DEFINE_string(
        "model", str(SHIPPED), "Folder of a SavedModel that reads digits."
    )


def load_image(path):
    """Returns the image upright, uint8 `(height, width, channels)`.

    Raises:
        ValueError: With one line that says what is wrong with the file.
    """
    import numpy as np
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = None  # checked here, from the header alone
    try:
        if path.stat().st_size == 0:
            raise ValueError("is empty")
        with Image.open(path) as image:
            width, height = image.size
            if width * height > MEGAPIXELS * 1_000_000:
                raise ValueError(
                    f"has {width * height / 1e6:.1f} megapixels, at most "
                    f"{MEGAPIXELS} are read: scale it down or crop it"
                )
            image.draft(None, (ENOUGH, ENOUGH))
            image = ImageOps.exif_transpose(image)
            if image.mode.startswith("I"):  # 16 bits a pixel
                image = Image.fromarray(
                    (np.asarray(image) // 257).clip(0, 255).astype("uint8")
                )
            image = image.convert(
                "RGBA" if image.has_transparency_data else "RGB"
            )
            return np.asarray(image.reduce(max(1, max(image.size) // ENOUGH)))
    except ValueError:
        raise
    except Image.UnidentifiedImageError:
        raise ValueError("is not an image, or of a kind unknown here") from None
    except Exception as error:  # Pillow's decoders raise many kinds
        reason = getattr(error, "strerror", None) or f"is damaged: {error}"
        raise ValueError(reason[0].lower() + reason[1:]) from None


def find_all(paths):
    """Returns the digits found and the errors, both by path."""
    import tensorflow as tf

    from dlunits.data.images.handwriting import BLANK, extract_digits, shrink

    @tf.function(input_signature=[tf.TensorSpec((None, None, None), tf.uint8)])
    def find(page):
        return extract_digits(shrink(page)[None])

    digits, errors = {}, {}
    for path in paths:
        try:
            found = find(load_image(path))
        except ValueError as error:
            errors[path] = str(error)
            continue
        if found.contrast[0] < BLANK:
            errors[path] = "is blank: no ink stands out from the paper"
        elif found.several[0]:
            errors[path] = "shows several digits: crop it to one"
        else:
            digits[path] = found.digits[0]
    return digits, errors


def recognize(model, paths):
    """Returns a dict a path: `digit`, `confidence`, `scores`, or `error`."""
    import tensorflow as tf

    digits, errors = find_all(dict.fromkeys(paths))
    scores = {}
    if digits:
        answer = model.serving_default(tf.stack(list(digits.values())))
        scores = dict(
            zip(digits, answer["scores"].numpy().tolist(), strict=True)
        )
    return [
        {"file": str(path), "error": errors[path]}
        if path in errors
        else {
            "file": str(path),
            "digit": scores[path].index(max(scores[path])),
            "confidence": max(scores[path]),
            "scores": scores[path],
        }
        for path in paths
    ]


def load_model(folder):
    """Returns the SavedModel in a folder.

    Raises:
        ValueError: If there is none, or it does not read digits.
    """
    folder = pathlib.Path(folder).expanduser()
    if not (folder / "saved_model.pb").is_file():
        raise ValueError(f"No SavedModel in --model={folder}")

    import tensorflow as tf

    try:
        model = tf.saved_model.load(str(folder))
    except (OSError, ValueError, tf.errors.OpError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"--model={folder} is damaged: {reason}") from None
    if not hasattr(model, "recognize"):
        raise ValueError(f"--model={folder} does not read digits")
    return model


def line(answer):
    scores = answer["scores"]
    first, second = sorted(range(len(scores)), key=lambda k: -scores[k])[:2]
    return (
        f"{answer['file']}: {first} ({scores[first]:.1%}; "
        f"next {second}, {scores[second]:.1%})"
    )


def run(json, model, paths):
    """Prints the digit in each image file, and returns the exit status."""
    if not paths:
        raise ValueError("Expected at least one image file. Received none")
    paths = [pathlib.Path(path) for path in paths]
    answers = recognize(load_model(model), paths)
    if json:
        print(dumps(answers, indent=1))
    for answer in answers:
        if "error" in answer:
            print(f"{answer['file']}: {answer['error']}", file=sys.stderr)
        elif not json:
            print(line(answer))
    return int(any("error" in answer for answer in answers))


if __name__ == "__main__":
    _main.run_app(define_flags, run, positional="paths", tf_log_level=3)
