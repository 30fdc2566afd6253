r"""Converts an exported model to ONNX, LiteRT or OpenVINO.

Each endpoint of the SavedModel becomes one file, which is run in its runtime
and compared with TensorFlow. Endpoints that a format does not support, such as
those that take texts or image files, are left out; export_card.json lists them
with the reason. For models of digits, the preprocessing from a page to a digit
is converted as well.

Usage:
    python apps/export.py --model=lenet_mnist/1 --format=onnx
    python apps/export.py --model=saved_models/text_shakespeare \
        --format=openvino --output_dir=/tmp/text

Needs the extra "export": pip install ".[export]".

Expected: 30 seconds for LeNet-5 on 2 CPU cores.
"""

import pathlib

from absl import flags

import _main


def define_flags():
    flags.DEFINE_string(
        "model",
        "lenet_mnist/1",
        "Folder of a SavedModel that an app exported: a path, or NAME/VERSION "
        "in saved_models/ or among the models that come with dlunits. Without "
        "the version, the latest.",
    )
    flags.DEFINE_enum(
        "format", "onnx", ["onnx", "litert", "openvino"], "Format to write."
    )
    flags.DEFINE_list(
        "endpoints",
        None,
        "Comma-separated names of the endpoints to convert and, for models of "
        "digits, of the preprocessing functions. Default: all.",
    )
    flags.DEFINE_string(
        "output_dir",
        None,
        "Folder to write to, which must not exist. Default: "
        "exports/NAME-VERSION-FORMAT.",
    )


def run(model, format, endpoints, output_dir):
    """Converts a model, and prints the result for each endpoint."""
    from dlunits.serving.formats.convert import (
        check_installed,
        export_functions,
    )
    from dlunits.serving.load import find_model, find_version
    from dlunits.serving.model_card import read_card

    folder = find_model(model)
    if not folder.is_dir():
        raise ValueError(
            f"--model: there is no folder {model}, and none in saved_models/"
        )
    check_installed(format)
    version = find_version(folder)
    if output_dir is None:
        name = f"{version.parent.name}-{version.name}-{format}"
        output = pathlib.Path("exports", name)
        output.parent.mkdir(exist_ok=True)
    else:
        output = _main.expanded_path(output_dir)
        if not output.parent.is_dir():
            raise ValueError(
                f"--output_dir: there is no folder {output.parent}"
            )
    further = {}
    if "recognize" in read_card(version, {}).get("signatures", {}):
        from dlunits.tasks.digits.page_functions import (
            example_arguments,
            page_functions,
        )

        examples = example_arguments()
        further = {
            name: (function, examples[name])
            for name, function in page_functions().items()
        }
    export_functions(
        version,
        format,
        output,
        names=endpoints,
        further=further,
        progress=print,
    )
    print(f"Wrote {output}; export_card.json lists its contents")


if __name__ == "__main__":
    _main.run_app(define_flags, run)
