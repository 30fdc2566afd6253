"""Models of every kind in onnxruntime, LiteRT and OpenVINO, against Keras."""

import json
import logging

import keras
import numpy as np
import pytest

from benchmarks.exported_models import KINDS
from dlunits.serving.formats.convert import (
    CONVERTERS,
    NotConvertibleError,
    export_functions,
    largest_difference,
)
from dlunits.serving.formats.runtimes import FUNCTIONS, OnnxFunction

for package in ("onnxruntime", "tf2onnx", "ai_edge_litert", "openvino"):
    pytest.importorskip(package)
onnx = pytest.importorskip("onnx")


# Kinds whose endpoint `predict` cannot be converted, and part of the reason.
LEFT_OUT = {
    ("anomaly_detector", "litert"): "no operation for Asinh, LowerBound",
    ("anomaly_detector", "openvino"): "OpenVINO: ",
    ("forecaster", "litert"): "no operation for TensorListReserve",
    ("language_model", "litert"): "no operation for TensorListReserve",
}
# Their graphs are those of the other detector, and of the other networks with a
# loop over time.
SLOW = ("image_anomaly_detector", "sequence_classifier")


def as_in_keras(model, arguments):
    """Outputs of a Keras model for the arguments of its endpoint `predict`."""
    inputs = [arguments[name] for name in sorted(arguments)]
    outputs = model(inputs if len(inputs) > 1 else inputs[0])
    return [np.asarray(value) for value in keras.tree.flatten(outputs)]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in SLOW])
def test_every_kind_of_model_gives_the_same_as_in_keras(kind, tmp_path):
    keras.utils.set_random_seed(0)
    exported = KINDS[kind](tmp_path / "models" / kind)
    model, version = exported.model, exported.version
    rng = np.random.default_rng(1)
    log_level = logging.getLogger().level
    for name in CONVERTERS:
        folder = tmp_path / name
        lines = []
        options = {"names": ["predict"], "progress": lines.append}
        if (kind, name) in LEFT_OUT:
            with pytest.raises(ValueError, match=LEFT_OUT[kind, name]):
                export_functions(version, name, folder, **options)
            assert not folder.exists()
            continue
        card = export_functions(version, name, folder, **options)
        assert card == json.loads((folder / "export_card.json").read_text())
        entry = card["functions"]["predict"]
        assert entry["bytes"] >= (folder / entry["file"]).stat().st_size > 0
        arguments = {
            key: rng.random(value["example_shape"]).astype(value["dtype"])
            for key, value in entry["inputs"].items()
        }
        found = FUNCTIONS[name](folder / entry["file"])(**arguments)
        expected = as_in_keras(model, arguments)
        for key, right in zip(sorted(found), expected, strict=True):
            np.testing.assert_allclose(
                found[key], right, rtol=1e-4, atol=1e-5, err_msg=name
            )
    assert logging.getLogger().level == log_level


def all_names(graph):
    """Names of the values of an ONNX graph and of the graphs inside it."""
    for node in graph.node:
        yield from [*node.input, *node.output, node.name]
        for attribute in node.attribute:
            yield from all_names(attribute.g)


def test_names_inside_onnx_files_are_short(tmp_path):
    """In a model with a loop, which is a graph inside the graph."""
    version = KINDS["language_model"](tmp_path / "models/text").version
    folder = tmp_path / "onnx"
    card = export_functions(version, "onnx", folder, names=["predict"])
    graph = onnx.load(folder / "predict.onnx").graph
    assert any(node.op_type in ("Loop", "Scan") for node in graph.node)
    arguments = [value.name for value in graph.input]
    assert set(arguments) == card["functions"]["predict"]["inputs"].keys()
    names = set(all_names(graph)) - {
        value.name for value in [*graph.input, *graph.output]
    }
    assert len(names) > 100
    assert max(map(len, names)) < 6


def test_an_endpoint_that_is_not_there_is_refused(tmp_path):
    version = KINDS["autoencoder"](tmp_path / "models/vae").version
    with pytest.raises(ValueError, match=r"no endpoint \['classify'\]"):
        export_functions(
            version, "onnx", tmp_path / "onnx", names=["predict", "classify"]
        )


def test_results_that_differ_are_found():
    one, two = {"y": np.zeros(3)}, {"y": np.array([0.0, 0.2, 0.0])}
    assert largest_difference(one, two) == 0.2
    assert largest_difference(one, {"y": np.zeros(4)}) == np.inf
    assert largest_difference(one, {"z": np.zeros(3)}) == np.inf
    nan = {"y": np.array([np.nan, 0, 0])}
    assert largest_difference(one, nan) == np.inf
    assert largest_difference(nan, nan) == 0
    assert largest_difference({"y": np.full(3, np.inf)}, one) == np.inf
    assert issubclass(NotConvertibleError, Exception)


def test_a_file_that_is_not_a_model_is_refused_in_one_line(tmp_path):
    with pytest.raises(ValueError, match=r"a\.onnx is missing or damaged"):
        OnnxFunction(tmp_path / "a.onnx")
