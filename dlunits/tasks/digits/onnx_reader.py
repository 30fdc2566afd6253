"""Recognition of digits with the ONNX files of a model, without TensorFlow."""

import pathlib

from dlunits.serving.formats.export_card import find_export
from dlunits.serving.formats.runtimes import OnnxFunction, is_installed
from dlunits.typing import Array, Path

FUNCTIONS = ("extract_digit", "find_ink", "normalize_digits", "serving_default")


def find_onnx_files(version: Path) -> pathlib.Path | None:
    """Folder of the ONNX files that belong to a SavedModel of digits.

    Args:
        version: Folder of the SavedModel.

    Returns:
        Folder, or `None` if onnxruntime is not installed, or there are no
        files, or they were made from another SavedModel.
    """
    if not is_installed("onnx"):
        return None
    return find_export(version, "onnx", FUNCTIONS)


class OnnxReader:
    """Preprocessing of pages and classifier of digits, run in onnxruntime.

    A file is loaded when it is first needed: a page with one digit needs two
    of them.

    Args:
        folder: Folder of the files, see `find_onnx_files`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = pathlib.Path(folder)
        self.loaded: dict[str, OnnxFunction] = {}

    def extract_digit(self, page: Array) -> dict[str, Array]:
        """See `dlunits.tasks.digits.page_functions.extract_digit`."""
        return self._function("extract_digit")(page=page)

    def find_ink(self, page: Array) -> dict[str, Array]:
        """See `dlunits.tasks.digits.page_functions.find_ink`."""
        return self._function("find_ink")(page=page)

    def normalize_digits(self, levels: Array) -> dict[str, Array]:
        """See `dlunits.tasks.digits.page_functions.normalize_digits`."""
        return self._function("normalize_digits")(levels=levels)

    def classify(self, digits: Array) -> dict[str, Array]:
        """See `dlunits.tasks.digits.serve.digit_endpoints`."""
        return self._function("serving_default")(images=digits)

    def _function(self, name: str) -> OnnxFunction:
        if name not in self.loaded:
            self.loaded[name] = OnnxFunction(self.folder / f"{name}.onnx")
        return self.loaded[name]
