"""Functions of exported models in onnxruntime, LiteRT and OpenVINO.

None of these runtimes loads TensorFlow or Keras.
"""

import importlib.util
import pathlib
from typing import Any

import numpy as np

from dlunits.typing import Array, Path

# Format -> module of its runtime, package to install, suffix of its files.
RUNTIMES = {
    "onnx": ("onnxruntime", "onnxruntime", ".onnx"),
    "litert": ("ai_edge_litert", "ai-edge-litert", ".tflite"),
    "openvino": ("openvino", "openvino", ".xml"),
}


def is_installed(model_format: str) -> bool:
    """Whether the runtime of a format is installed.

    Args:
        model_format: Key of `RUNTIMES`.

    Returns:
        Boolean.
    """
    return importlib.util.find_spec(RUNTIMES[model_format][0]) is not None


class OnnxFunction:
    """Function in an ONNX file, run by onnxruntime in one thread.

    Args:
        path: Path of the file.
        optimize: Whether the graph is optimized when it is loaded. For a small
            graph this takes longer than it saves in a call.

    Raises:
        ValueError: If the file is missing or damaged.
    """

    def __init__(self, path: Path, *, optimize: bool = False) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3  # errors
        levels = onnxruntime.GraphOptimizationLevel
        options.graph_optimization_level = (
            levels.ORT_ENABLE_ALL if optimize else levels.ORT_DISABLE_ALL
        )
        try:
            self.session = onnxruntime.InferenceSession(
                pathlib.Path(path).read_bytes(),
                options,
                providers=["CPUExecutionProvider"],
            )
        except Exception as error:  # its own classes derive from Exception
            raise ValueError(
                f"{path} is missing or damaged: {first_line(error)}. Write it "
                "again with `dlunits export`"
            ) from error

    def __call__(self, **inputs: Array) -> dict[str, Array]:
        """Outputs by name."""
        names = [output.name for output in self.session.get_outputs()]
        return dict(zip(names, self.session.run(names, inputs), strict=True))


class LiteRTFunction:
    """Function in a LiteRT file, run in one thread.

    Args:
        path: Path of the file.
    """

    def __init__(self, path: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(str(path), num_threads=1)
        self.runner = interpreter.get_signature_runner()

    def __call__(self, **inputs: Array) -> dict[str, Array]:
        """Outputs by name."""
        outputs = self.runner(**inputs)
        return {name: np.array(value) for name, value in outputs.items()}


class OpenVINOFunction:
    """Function in a pair of OpenVINO files, run on the CPU in one thread.

    Args:
        path: Path of the .xml file; the weights are in the .bin file beside it.
    """

    def __init__(self, path: Path) -> None:
        import openvino

        self.model: Any = openvino.Core().compile_model(
            str(path),
            "CPU",
            {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"},
        )

    def __call__(self, **inputs: Array) -> dict[str, Array]:
        """Outputs by name."""
        outputs = self.model(inputs)
        return {
            output.get_any_name(): np.array(value)
            for output, value in outputs.items()
        }


FUNCTIONS = {
    "onnx": OnnxFunction,
    "litert": LiteRTFunction,
    "openvino": OpenVINOFunction,
}


def first_line(error: BaseException) -> str:
    """First line of the message of an error, at most 200 characters.

    Args:
        error: Exception.

    Returns:
        Text.

    Example:

    >>> first_line(ValueError("no such file" + chr(10) + "at 0x7f"))
    'no such file'
    """
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200]
