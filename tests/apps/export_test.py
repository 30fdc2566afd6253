"""The export app as a process: files and errors.

tests/serving/formats/convert_test.py compares the results with Keras.
"""

import json

import pytest

from benchmarks.exported_models import KINDS

pytest.importorskip("tf2onnx")


def test_a_missing_model_or_folder_is_refused_in_one_line(
    run_app, assert_refused, tmp_path
):
    (tmp_path / "here").mkdir()
    for flag, message in (
        ("--model=none/1", "there is no folder none/1"),
        ("--output_dir=none/onnx", "there is no folder none"),
        ("--output_dir=here", "here exists: choose another"),
        ("--endpoints=predict,cut", "has no endpoint .'cut'.: choose from"),
    ):
        process = run_app("export.py", tmp_path, flag)
        assert_refused(process, message, "export.py: ")
    assert list((tmp_path / "here").iterdir()) == []


def test_every_endpoint_is_written_or_left_out_with_a_reason(run_app, tmp_path):
    KINDS["language_model"](tmp_path / "saved_models/text")
    flags = ("--model=text", "--format=onnx")
    process = run_app("export.py", tmp_path, *flags)
    assert process.returncode == 0, process.stderr
    folder = tmp_path / "exports/text-1-onnx"
    card = json.loads((folder / "export_card.json").read_text())
    assert card["functions"].keys() == {"predict", "step_model"}
    assert "texts" in card["left_out"]["generate"]
    assert {path.name for path in folder.iterdir()} == {
        *("export_card.json", "predict.onnx", "step_model.onnx"),
    }
    assert "predict: " in process.stdout and str(folder.name) in process.stdout
