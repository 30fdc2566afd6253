"""Exported models in onnxruntime, LiteRT and OpenVINO: prints docs/formats.md.

A small model of each kind, and the shipped digit classifier, are converted to
each format with `dlunits export` and compared with TensorFlow. The digit
classifier is also quantized to 8 bits after training, for LiteRT and with
`keras.Model.quantize`; its accuracy is measured on the test images of MNIST.

Usage:
    python benchmarks/formats.py --endpoints predict > docs/formats.md
    python benchmarks/formats.py --kinds=digit_classifier --noint8
"""

import argparse
import pathlib
import sys
import tempfile

import numpy as np
from real_data import add_data_dir

PROJECT = pathlib.Path(__file__).parents[1]
SHIPPED = PROJECT / "saved_models/lenet_mnist/1"
NUM_CALIBRATION_IMAGES = 500  # training images for the ranges of int8
MAX_LOSS = 0.002  # largest loss of accuracy by quantization

INTRODUCTION = """\
# Models in other formats

`dlunits export --model=NAME/V --format=onnx|litert|openvino` writes the
endpoints of a SavedModel for onnxruntime, LiteRT (formerly TensorFlow Lite) or
OpenVINO, and compares each with TensorFlow. It needs the extra `export`.

<!-- not run: converting takes a minute -->
```console
dlunits export --model=lenet_mnist/1 --format=litert
```

`--endpoints` selects some of them. `export_card.json` beside the files has the
arguments and results of each endpoint, and the reason why an endpoint is left
out. The caller must do what no format supports: decoding of image files, texts
and categories (the vocabulary and the columns are in the model card), and
random numbers. The files do not check arguments: an image with pixels out of
range is not an error.

In Python; with `DLUNITS_LAZY_IMPORT=1`, TensorFlow and Keras are not loaded:

<!-- not run: names a file that the command above writes -->
```python
from dlunits.serving.formats.runtimes import LiteRTFunction

predict = LiteRTFunction("predict.tflite")
print(predict(args_0=images))
```

This page was printed by `python benchmarks/formats.py --endpoints predict`, for
small models with random weights as in `benchmarks/exported_models.py`, and the
shipped digit classifier. Differences are those from TensorFlow, relative to the
largest value (at least 1). Times are per example, in batches of 4, in one
thread of a machine with other load. Endpoints that can be converted to one
format but not to another are in both parts.

The first table has the endpoint `predict`, the model itself. Other endpoints
that have texts or image files as arguments or results, or draw random numbers,
are left out of every format.
"""


def export_all(kinds, folder, names):
    """Cards by kind and format."""
    from exported_models import KINDS

    from dlunits.serving.formats.convert import CONVERTERS, export_functions

    cards = {}
    for kind in kinds:
        version = SHIPPED if kind == "lenet_mnist" else None
        if version is None:
            version = KINDS[kind](folder / kind).version
        for model_format in CONVERTERS:
            print(f"{kind}, {model_format}", file=sys.stderr, flush=True)
            cards[kind, model_format] = export_functions(
                version,
                model_format,
                folder / f"{kind}-{model_format}",
                names=names,
                progress=lambda line: print(line, file=sys.stderr),
                allow_none=True,
            )
    return cards


def tables(cards):
    """Lines of the table of functions, and of those that are left out."""
    lines = [
        "| kind | endpoint | format | kB | difference | ms |",
        "|---|---|---|---|---|---|",
    ]
    left_out = {}
    for (kind, model_format), card in cards.items():
        for name, entry in card["functions"].items():
            milliseconds = entry["milliseconds_per_call"] / 4
            lines.append(
                f"| {kind} | `{name}` | {model_format} | "
                f"{entry['bytes'] / 1000:.0f} | "
                f"{entry['largest_difference']:.0e} | {milliseconds:.2f} |"
            )
        for name, reason in card["left_out"].items():
            key = (kind, name, reason)
            left_out.setdefault(key, []).append(model_format)
    lines += [
        "",
        "## Endpoints that are left out",
        "",
        "| kind | endpoint | format | why |",
        "|---|---|---|---|",
    ]
    for (kind, name, reason), formats in left_out.items():
        which = "all" if len(formats) == 3 else ", ".join(formats)
        lines.append(f"| {kind} | `{name}` | {which} | {reason} |")
    return lines


def rebuild_classifier():
    """The shipped digit classifier as a Keras model, with its weights."""
    import tensorflow as tf

    from dlunits.models import LeNet5

    loaded = tf.saved_model.load(str(SHIPPED))
    signature = loaded.signatures["predict"]
    num_classes = signature.structured_outputs["output_0"].shape[-1]
    model = LeNet5(num_classes=num_classes)
    images = np.random.default_rng(0).random((8, 28, 28, 1), "float32")
    model(images)
    # No two weights have the same shape.
    values = {tuple(v.shape): v.numpy() for v in signature.variables}
    model.set_weights([values[tuple(w.shape)] for w in model.weights])
    expected = signature(tf.constant(images))["output_0"]
    np.testing.assert_allclose(model(images), expected, atol=1e-5)
    return model


def accuracy(predict, images, labels):
    found = [
        np.argmax(predict(images[i : i + 500])[:, :10], axis=1)
        for i in range(0, len(images), 500)
    ]
    return float(np.mean(np.concatenate(found) == labels))


def int8_table(data, folder):
    """Lines of the table of int8, and whether the accuracy is kept."""
    import tensorflow as tf

    from dlunits.serving.formats.runtimes import LiteRTFunction

    model = rebuild_classifier()
    images, labels = data.test[0].astype("float32") / 255, data.test[1]
    sample = data.train[0][:NUM_CALIBRATION_IMAGES].astype("float32") / 255
    rows = []

    def converted(name, **options):
        saved = folder / "keras"
        if not saved.exists():
            model.export(str(saved), verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(str(saved))
        for key, value in options.items():
            setattr(converter, key, value)
        path = folder / f"{name}.tflite"
        path.write_bytes(converter.convert())
        runner = LiteRTFunction(path)
        [argument] = runner.runner.get_input_details()

        def predict(batch):
            return next(iter(runner(**{argument: batch}).values()))

        rows.append(
            (
                f"LiteRT, {name}",
                path.stat().st_size,
                accuracy(predict, images, labels),
            )
        )

    converted("float32")
    converted("int8 weights", optimizations=[tf.lite.Optimize.DEFAULT])
    converted(
        "int8 weights and activations",
        optimizations=[tf.lite.Optimize.DEFAULT],
        representative_dataset=lambda: ([image[None]] for image in sample),
    )

    def in_keras(batch):
        return np.asarray(model.predict(batch, verbose=0, batch_size=500))

    size = sum(4 * np.size(weight) for weight in model.get_weights())
    rows.append(("Keras, float32", size, accuracy(in_keras, images, labels)))
    model.quantize("int8")
    size = sum(
        weight.dtype.itemsize * weight.size
        for weight in map(np.asarray, model.get_weights())
    )
    rows.append(
        ('Keras, `quantize("int8")`', size, accuracy(in_keras, images, labels))
    )
    lines = ["| digit classifier | kB | accuracy |", "|---|---|---|"]
    lines += [f"| {n} | {s / 1000:.0f} | {a:.2%} |" for n, s, a in rows]
    lost = rows[0][2] - rows[2][2]
    return lines, lost


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kinds", nargs="*", help="kinds to write")
    parser.add_argument("--endpoints", nargs="*", help="by default all")
    parser.add_argument("--noint8", action="store_true")
    parser.add_argument("--only_int8", action="store_true")
    add_data_dir(parser)
    options = parser.parse_args()
    from exported_models import KINDS
    from gates import gate

    from dlunits.data.images import image_datasets

    kinds = options.kinds or ["lenet_mnist", *KINDS]
    if options.only_int8:
        kinds = []
    passed = True
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        print(INTRODUCTION)
        print("\n".join(tables(export_all(kinds, folder, options.endpoints))))
        if not options.noint8:
            data = image_datasets.load(
                "mnist", data_dir=options.data_dir / "tfds"
            )
            lines, lost = int8_table(data, folder)
            print("\n## int8\n")
            print("\n".join(lines))
            print("\n```text")
            passed = gate("formats, accuracy lost", lost, "<=", MAX_LOSS)
            print("```")
    sys.exit(not passed)


if __name__ == "__main__":
    main()
