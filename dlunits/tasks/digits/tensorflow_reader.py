"""Recognition of digits with a SavedModel, in TensorFlow."""

import functools
from typing import Any

import numpy as np
import tensorflow as tf

from dlunits.tasks.digits.page_functions import page_functions
from dlunits.typing import Array


@functools.cache
def traced_functions() -> dict[str, Any]:
    """`page_functions`, traced once per process."""
    return page_functions()


class TensorFlowReader:
    """Preprocessing of pages, and the classifier of a SavedModel.

    Its methods are those of `dlunits.tasks.digits.onnx_reader.OnnxReader`,
    and return the same up to rounding.

    Args:
        model: SavedModel of digits.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.functions = traced_functions()

    def extract_digit(self, page: Array) -> dict[str, Array]:
        """See `dlunits.tasks.digits.page_functions.extract_digit`."""
        return self._call("extract_digit", page)

    def find_ink(self, page: Array) -> dict[str, Array]:
        """See `dlunits.tasks.digits.page_functions.find_ink`."""
        return self._call("find_ink", page)

    def normalize_digits(self, levels: Array) -> dict[str, Array]:
        """See `dlunits.tasks.digits.page_functions.normalize_digits`."""
        return self._call("normalize_digits", levels)

    def classify(self, digits: Array) -> dict[str, Array]:
        """See `dlunits.tasks.digits.serve.digit_endpoints`."""
        outputs = self.model.serving_default(tf.constant(digits))
        return {name: np.asarray(value) for name, value in outputs.items()}

    def _call(self, name: str, array: Array) -> dict[str, Array]:
        outputs = self.functions[name](tf.constant(array))
        return {key: value.numpy() for key, value in outputs.items()}
