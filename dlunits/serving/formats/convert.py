"""Conversion of the endpoints of a SavedModel to ONNX, LiteRT and OpenVINO."""

import contextlib
import datetime
import functools
import importlib.metadata
import io
import logging
import pathlib
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from dlunits.serving.formats.export_card import fingerprint, write_card
from dlunits.serving.formats.runtimes import (
    FUNCTIONS,
    RUNTIMES,
    first_line,
)
from dlunits.serving.load import find_version, load_saved_model
from dlunits.serving.model_card import read_card
from dlunits.serving.warmup import read_warmup_requests
from dlunits.typing import Array, Path

# Package that converts to a format.
CONVERTERS = {"onnx": "tf2onnx", "litert": "tensorflow", "openvino": "tf2onnx"}
OPSET = 18  # version of the operators of ONNX
BATCH_SIZE = 4  # number of examples on which the results are compared
# Largest allowed value of `largest_difference`.
MAX_DIFFERENCE = 1e-4
# Patterns of the operations that LiteRT and OpenVINO do not support, in their
# error messages.
MISSING_OPERATIONS = (
    r"TF Select ops: (.+)",
    r"Custom ops: (.+)",
    r"^<unknown>:0: error: loc\(callsite\(fused\[\"(\w+):",
)


def export_functions(
    version: Path,
    model_format: str,
    folder: Path,
    *,
    names: Collection[str] | None = None,
    further: Mapping[str, tuple[Any, dict[str, Array]]] | None = None,
    progress: Callable[[str], object] = lambda line: None,
    allow_none: bool = False,
) -> dict[str, Any]:
    """Converts the endpoints of a SavedModel to ONNX, LiteRT or OpenVINO.

    Each endpoint with numeric arguments and results becomes one file. It is
    run in its runtime, and left out if its results differ from those of
    TensorFlow. The card lists all endpoints that are left out, such as those
    that take texts or image files, with the reason.

    Args:
        version: Folder of the SavedModel.
        model_format: `"onnx"`, `"litert"` or `"openvino"`.
        folder: Folder to write; its parent must exist.
        names: Names of the endpoints, and of the functions in `further`, to
            write. `None` writes all.
        further: Additional functions: dict from name to a `tf.function` with
            one signature and an example of its arguments.
        progress: Called with a line about each endpoint.
        allow_none: Whether the card is written even if no endpoint can be
            converted.

    Returns:
        The card, a dict. `functions` has for each file its arguments and
        results, its size in bytes, the `largest_difference` and the
        milliseconds per call; `left_out` has the reason for each other
        endpoint.

    Raises:
        ValueError: If a package is missing, a name is unknown, or no endpoint
            can be converted.
        OSError: If the folder exists, or cannot be written.
    """
    check_installed(model_format)
    version, folder = find_version(version), pathlib.Path(folder)
    loaded = load_saved_model(version)
    card = read_card(version, {})
    if folder.exists():
        raise FileExistsError(
            f"{folder} exists: choose another folder, or remove it"
        )
    examples = dict(read_warmup_requests(version))
    functions = {
        name: endpoint(loaded, name, examples.get(name, {}))
        for name in sorted(loaded.signatures)
    } | dict(further or {})
    if names is not None:
        unknown = set(names) - functions.keys()
        if unknown:
            raise ValueError(
                f"{version} has no endpoint {sorted(unknown)}: choose from "
                f"{sorted(functions)}"
            )
        functions = {name: functions[name] for name in names}
    written: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    with tempfile.TemporaryDirectory(
        prefix=".export.", dir=folder.parent
    ) as outer:
        new = pathlib.Path(outer, "model")
        new.mkdir()
        for name, (function, example) in functions.items():
            try:
                written[name] = export_function(
                    function, example, model_format, new / name
                )
                entry = written[name]
                progress(
                    f"{name}: {entry['bytes']:,} bytes, largest difference "
                    f"{entry['largest_difference']:.1e}"
                )
            except NotConvertibleError as error:
                left_out[name] = str(error)
                progress(f"{name}: left out: {error}")
        if not written and not allow_none:
            raise ValueError(
                f"No endpoint of {version} can be written as {model_format}: "
                f"{left_out}"
            )
        whole = {
            "format": model_format,
            "name": card.get("name", version.parent.name),
            "version": card.get("version"),
            "created": datetime.datetime.now(datetime.UTC).isoformat(
                timespec="seconds"
            ),
            "license": card.get("license"),
            "fingerprint": fingerprint(version),
            "functions": written,
            "left_out": left_out,
            "versions": {
                package: importlib.metadata.version(package)
                for package in sorted(
                    {
                        *("dlunits", "tensorflow", CONVERTERS[model_format]),
                        RUNTIMES[model_format][1],
                    }
                )
            },
        }
        write_card(new, whole)
        new.rename(folder)
    return whole


class NotConvertibleError(Exception):
    """An endpoint cannot be converted; the message is the reason, one line."""


def check_installed(model_format: str) -> None:
    """Checks that the packages for a format are installed.

    Args:
        model_format: Key of `CONVERTERS`.

    Raises:
        ValueError: If a package is missing.
    """
    for package in (CONVERTERS[model_format], RUNTIMES[model_format][1]):
        try:
            importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            raise ValueError(
                f"The format {model_format} needs the package {package}: "
                "pip install 'dlunits[export]'"
            ) from None


def endpoint(
    loaded: Any, name: str, request: Mapping[str, Array]
) -> tuple[Any, dict[str, Array]]:
    """Endpoint as a `tf.function` of named arguments, with example arguments.

    Args:
        loaded: SavedModel.
        name: Name of the endpoint.
        request: Arguments of a request, or an empty dict. They determine the
            rank of arguments of unknown rank, and the values of integers.

    Returns:
        `(function, example)`. Floats in the example are random, from 0 to 1.
    """
    signature = loaded.signatures[name]
    _, specs = signature.structured_input_signature
    rng = np.random.default_rng(0)
    specs, example = dict(specs), {}
    for key, spec in specs.items():
        given = request.get(key)
        shape = spec.shape
        if shape.rank is None and given is not None:
            shape = tf.TensorShape([None, *np.shape(given)[1:]])
        specs[key] = tf.TensorSpec(shape, spec.dtype, key)
        if shape.rank is None or spec.dtype == tf.string:
            continue
        size = [
            (BATCH_SIZE if axis == 0 else 8) if length is None else length
            for axis, length in enumerate(shape)
        ]
        if spec.dtype.is_floating:
            example[key] = rng.random(size).astype(spec.dtype.as_numpy_dtype)
        else:
            value = 0 if given is None else np.ravel(given)[0]
            example[key] = np.full(size, value, spec.dtype.as_numpy_dtype)

    def call(**inputs: Any) -> dict[str, Any]:
        return signature(**inputs)

    function = tf.function(call, autograph=False)
    function.specs = specs
    return function, example


def export_function(
    function: Any,
    example: Mapping[str, Array],
    model_format: str,
    path: pathlib.Path,
) -> dict[str, Any]:
    """Converts one function, and compares its results with TensorFlow.

    Args:
        function: `tf.function` of named arguments.
        example: Its arguments.
        model_format: Key of `CONVERTERS`.
        path: Path of the file without its suffix.

    Returns:
        Entry of the card.

    Raises:
        NotConvertibleError: If it cannot be converted, or results differ.
    """
    specs = getattr(function, "specs", None)
    try:
        if specs is None:
            concrete = function.get_concrete_function()
        else:
            if any(spec.dtype == tf.string for spec in specs.values()):
                raise NotConvertibleError(
                    "its arguments are texts or image files"
                )
            if any(spec.shape.rank is None for spec in specs.values()):
                raise NotConvertibleError("its arguments have no fixed rank")
            concrete = function.get_concrete_function(**specs)
        if draws_random_numbers(concrete):
            raise NotConvertibleError(
                "it draws random numbers, which differ between runtimes"
            )
        outputs = concrete.structured_outputs
        if any(spec.dtype == tf.string for spec in outputs.values()):
            raise NotConvertibleError("its results are texts")
        expected = {
            name: np.asarray(value)
            for name, value in function(
                **{key: tf.constant(value) for key, value in example.items()}
            ).items()
        }
        path = path.with_suffix(RUNTIMES[model_format][2])
        with quiet():
            CONVERT[model_format](concrete, path)
            run = FUNCTIONS[model_format](path)
            found = run(**example)
    except NotConvertibleError:
        raise
    except Exception as error:  # converters raise exceptions of any type
        remove(path)
        raise NotConvertibleError(reason_of(error)) from error
    difference = largest_difference(found, expected)
    if not difference <= MAX_DIFFERENCE:
        remove(path)
        raise NotConvertibleError(f"its results differ by {difference:.1e}")
    return {
        "file": path.name,
        "inputs": {key: describe(value) for key, value in example.items()},
        "outputs": {key: describe(value) for key, value in expected.items()},
        "bytes": sum(
            each.stat().st_size for each in path.parent.glob(f"{path.stem}.*")
        ),
        "largest_difference": difference,
        "milliseconds_per_call": milliseconds(run, example),
    }


def draws_random_numbers(concrete: Any) -> bool:
    """Whether a function samples; the converter of LiteRT would then crash."""
    graph = concrete.graph.as_graph_def()
    nodes = [*graph.node]
    for function in graph.library.function:
        nodes += function.node_def
    return any("Random" in node.op for node in nodes)


def describe(value: Array) -> dict[str, Any]:
    """Shape and data type of an example, as JSON values."""
    return {"example_shape": list(value.shape), "dtype": value.dtype.name}


def largest_difference(
    found: Mapping[str, Array], expected: Mapping[str, Array]
) -> float:
    """Largest difference between results, relative to the largest value.

    Args:
        found: Results by name.
        expected: Results of TensorFlow by name.

    Returns:
        `max |found - expected| / max(1, max |expected|)` over all results;
        infinity if names, shapes or the positions of NaN differ.

    Example:

    >>> largest_difference({"y": np.ones(2)}, {"y": np.array([1.0, 0.5])})
    0.5
    """
    if found.keys() != expected.keys():
        return float("inf")
    differences = [0.0]
    for name, right in expected.items():
        left = np.asarray(found[name])
        if left.shape != right.shape:
            return float("inf")
        left, right = left.astype("float64"), right.astype("float64")
        if (np.isnan(left) != np.isnan(right)).any():
            return float("inf")
        gap = np.nan_to_num(np.abs(left - right), posinf=np.inf)
        scale = np.nanmax(np.abs(right), initial=1.0)
        differences.append(float(gap.max(initial=0.0) / scale))
    return max(differences)


def milliseconds(
    run: Callable[..., Any], example: Mapping[str, Array]
) -> float:
    """Median time of up to 20 calls, in milliseconds.

    Args:
        run: Function.
        example: Its arguments by name.

    Returns:
        Milliseconds per call.
    """
    seconds: list[float] = []
    while len(seconds) < 20 and sum(seconds) < 0.5:
        start = time.perf_counter()
        run(**example)
        seconds.append(time.perf_counter() - start)
    return 1e3 * statistics.median(seconds)


def reason_of(error: BaseException) -> str:
    """Reason for the failure of a converter, with unsupported operations.

    >>> reason_of(ValueError("error" + chr(10) + "TF Select ops: UpperBound"))
    'no operation for UpperBound'
    """
    for pattern in MISSING_OPERATIONS:
        names = re.findall(pattern, str(error))
        if names:
            unique = dict.fromkeys(", ".join(names).split(", "))
            return f"no operation for {', '.join(unique)}"
    if type(error).__name__ == "OpConversionFailure":
        lines = " ".join(str(error).split("\n")[1:]).split()
        return f"OpenVINO: {' '.join(lines)[:150]}"
    invalid = re.search(r"\[ONNXRuntimeError\] : \d+ : (.{1,100})", str(error))
    if invalid:
        return f"onnxruntime cannot load it: {invalid[1]}"
    return f"{type(error).__name__}: {first_line(error)}"


def remove(path: pathlib.Path) -> None:
    """Deletes the files of a function."""
    for file in path.parent.glob(f"{path.stem}.*"):
        file.unlink()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Suppresses the output and the log of converters, and their retries."""
    root = logging.getLogger()
    level = root.level  # OpenVINO changes it
    logging.disable(logging.CRITICAL)
    try:
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            yield
    finally:
        logging.disable(logging.NOTSET)
        root.setLevel(level)


# Concrete function -> file


def to_onnx(concrete: Any, path: pathlib.Path) -> None:
    """Writes a function as an ONNX file."""
    import onnx
    import tf2onnx

    args, kwargs = concrete.structured_input_signature
    specs = [*args, *kwargs.values()]
    names = [spec.name for spec in specs]
    wrapped = tf.function(
        lambda *values: concrete(**dict(zip(names, values, strict=True))),
        autograph=False,
        input_signature=specs,
    )
    model, _ = tf2onnx.convert.from_function(
        wrapped,
        input_signature=specs,
        opset=OPSET,
        custom_op_handlers={
            name: (functools.partial(count_smaller, comparison), [])
            for name, comparison in (
                ("LowerBound", "Less"),
                ("UpperBound", "LessOrEqual"),
            )
        },
    )
    unsupported = {
        node.op_type
        for node in model.graph.node
        if not onnx.defs.has(node.op_type, node.domain)
    }
    if unsupported:
        raise NotConvertibleError(f"no operation for {', '.join(unsupported)}")
    constants = {
        placeholder.name: value.numpy()
        for value, placeholder in wrapped.get_concrete_function().graph.captures
        if value.dtype != tf.resource
    }
    for given in [*model.graph.input]:
        if given.name in constants:
            model.graph.input.remove(given)
            model.graph.initializer.append(
                onnx.numpy_helper.from_array(constants[given.name], given.name)
            )
    shorten_names(model.graph)
    onnx.save(model, str(path))


def shorten_names(graph: Any) -> None:
    """Renames the values inside an ONNX graph to `_0`, `_1`, ...

    tf2onnx names each value by its path in the graph of TensorFlow. In a graph
    with few weights, these names are most of the file.

    Args:
        graph: `onnx.GraphProto`. Its inputs and outputs keep their names.
    """
    ends = {value.name: value.name for value in [*graph.input, *graph.output]}
    names = {"": "", **ends}  # an empty name is an input that is left out

    def shorten(name: str) -> str:
        if name not in names:
            names[name] = f"_{len(names)}"
        return names[name]

    def rename(graph: Any) -> None:
        for value in [*graph.initializer, *graph.input, *graph.output]:
            value.name = shorten(value.name)
        del graph.value_info[:]
        for node in graph.node:
            node.ClearField("name")
            node.input[:] = list(map(shorten, node.input))
            node.output[:] = list(map(shorten, node.output))
            for attribute in node.attribute:
                if attribute.HasField("g"):  # the body of a loop
                    rename(attribute.g)

    rename(graph)


def count_smaller(
    comparison: str, graph: Any, node: Any, name: str, args: Any, **options: Any
) -> None:
    """Converts `tf.searchsorted` to ONNX, as the number of smaller values.

    tf2onnx does not support the operation.

    Args:
        comparison: Comparison of a sorted value with the value that is
            searched for: "Less" for the side "left", "LessOrEqual" for
            "right".
        graph, node, name, args, options: As in tf2onnx.
    """
    from onnx import TensorProto

    ordered, values = node.input
    dtype = node.get_attr_value("out_type", TensorProto.INT32)

    def constant(value: int) -> str:
        return graph.make_const(
            f"{name}/axis_{value}", np.array([value], "int64")
        ).output[0]

    def make(kind: str, inputs: list[str], of: int, **attributes: Any) -> str:
        made = graph.make_node(kind, inputs, attr=attributes, dtypes=[of])
        return made.output[0]

    values_type = graph.get_dtype(values)
    left = make(
        "Unsqueeze", [ordered, constant(1)], values_type
    )  # (rows, 1, n)
    right = make(
        "Unsqueeze", [values, constant(2)], values_type
    )  # (rows, m, 1)
    inside = make(comparison, [left, right], TensorProto.BOOL)
    counts = make("Cast", [inside], dtype, to=dtype)
    total = make("ReduceSum", [counts, constant(-1)], dtype, keepdims=0)
    graph.replace_all_inputs(node.output[0], total)
    graph.remove_node(node.name)


@contextlib.contextmanager
def as_saved_model(concrete: Any) -> Iterator[str]:
    """Saves a function as the only signature of a temporary SavedModel."""
    module = tf.Module()
    module.variables_of_function = list(concrete.variables)
    module.captured = [
        value
        for value in concrete.captured_inputs
        if value.dtype != tf.resource
    ]
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, {"serving_default": concrete})
        yield folder


def to_litert(concrete: Any, path: pathlib.Path) -> None:
    """Writes a function as a LiteRT file."""
    with as_saved_model(concrete) as folder:
        converter = tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=["serving_default"]
        )
        path.write_bytes(converter.convert())


def to_openvino(concrete: Any, path: pathlib.Path) -> None:
    """Writes a function as OpenVINO files, with weights of full precision.

    OpenVINO converts the graph of TensorFlow, or its ONNX file if it does not
    support an operation of the graph.
    """
    import openvino

    try:
        with as_saved_model(concrete) as folder:
            model = openvino.convert_model(folder)
    except openvino.frontend.OpConversionFailure:
        with tempfile.TemporaryDirectory() as folder:
            onnx_file = pathlib.Path(folder, "function.onnx")
            to_onnx(concrete, onnx_file)
            model = openvino.convert_model(str(onnx_file))
        for output, name in zip(
            model.outputs, sorted(concrete.structured_outputs), strict=True
        ):
            output.get_tensor().set_names({name})
    openvino.save_model(model, str(path), compress_to_fp16=False)


CONVERT = {"onnx": to_onnx, "litert": to_litert, "openvino": to_openvino}
