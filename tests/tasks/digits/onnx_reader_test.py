"""The ONNX files of the shipped model, compared with TensorFlow."""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from benchmarks.paper_photos import photograph
from dlunits.serving.load import load_saved_model
from dlunits.tasks.digits.onnx_reader import OnnxReader, find_onnx_files
from dlunits.tasks.digits.recognize_files import (
    load_digit_reader,
    recognize_files,
)
from dlunits.tasks.digits.tensorflow_reader import TensorFlowReader

pytest.importorskip("onnxruntime")

# One of each of scikit-learn's digits, legible with any pen.
WELL_WRITTEN = (0, 11, 22, 13, 4, 15, 16, 7, 8, 9)


@pytest.fixture(scope="module")
def version(project):
    return project / "saved_models/lenet_mnist/1"


@pytest.fixture(scope="module")
def readers(version):
    onnx = load_digit_reader(version)
    assert isinstance(onnx, OnnxReader)
    return onnx, TensorFlowReader(load_saved_model(version))


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Files of photos with and without clutter, of two digits, and of none."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)

    def draw(label, **options):
        digit = load_digits().images[WELL_WRITTEN[label]] / 16
        return photograph(digit, rng, **options)

    table, framed, chalk = draw(3, texture=0.02), draw(8), 255 - draw(6)
    table[:, 5:9] = table[230:233] = 60
    framed[20:23, 20:220] = framed[217:220, 20:220] = 70
    framed[20:220, 20:23] = framed[20:220, 217:220] = 70
    pages = [
        *(table, framed, chalk),
        draw(0, page=(300, 500), shadow=0.4, specks=5),
        np.concatenate([draw(1), draw(2)], axis=1),
        np.full((90, 60), 230, "uint8"),
        np.stack([0 * chalk] * 3 + [chalk], axis=-1),  # RGBA
    ]
    paths = []
    for number, page in enumerate(pages):
        paths.append(folder / f"{number}.png")
        Image.fromarray(page).save(paths[-1])
    return paths


def test_both_runtimes_give_the_same_digits_and_probabilities(readers, photos):
    both = [recognize_files(reader, photos, 0) for reader in readers]
    assert sum("digit" in result for result in both[0]) >= 4
    for left, right in zip(*both, strict=True):
        assert left.keys() == right.keys()
        assert left.get("digit") == right.get("digit")
        assert left.get("error") == right.get("error")
        np.testing.assert_allclose(
            left.get("scores", []), right.get("scores", []), atol=1e-5
        )


def test_both_runtimes_give_the_same_p_values(readers):
    images = np.random.default_rng(0).random((20, 28, 28, 1), "float32")
    images[:10, :, 8:] = 0
    left, right = (reader.classify(images) for reader in readers)
    assert left.keys() == right.keys() == {"class", "p_value", "scores"}
    for name in left:
        np.testing.assert_allclose(left[name], right[name], atol=1e-5)
    assert len(set(left["p_value"].tolist())) > 2


def test_files_of_another_model_are_not_used(version, tmp_path):
    copy = tmp_path / "1"
    shutil.copytree(version, copy)
    assert find_onnx_files(copy) == copy / "assets.extra/onnx"
    weights = copy / "variables/variables.data-00000-of-00001"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert find_onnx_files(copy) is None


def test_a_damaged_file_is_refused_in_one_line(version, tmp_path):
    copy = tmp_path / "1"
    shutil.copytree(version, copy)
    (copy / "assets.extra/onnx/extract_digit.onnx").write_bytes(b"no graph")
    reader = load_digit_reader(copy)
    with pytest.raises(ValueError, match=r"extract_digit\.onnx is missing or"):
        reader.extract_digit(np.zeros((9, 9, 3), "uint8"))


def run(project, path, *options, program=None):
    command = program or [project / "apps/recognize_digits.py"]
    return subprocess.run(
        [sys.executable, *options, *command, "--json", path],
        capture_output=True,
        text=True,
        cwd=project,
    )


def test_the_app_loads_neither_tensorflow_nor_keras(project, photos):
    process = run(project, photos[0], "-X", "importtime")
    assert json.loads(process.stdout)[0]["digit"] == 3
    loaded = set(re.findall(r"\| +(\w+)", process.stderr))
    assert {"numpy", "onnxruntime"} <= loaded
    assert not loaded & {"tensorflow", "keras", "jax", "scipy", "matplotlib"}


def test_without_onnxruntime_the_app_uses_tensorflow(project, photos):
    program = (
        "import runpy, sys; sys.modules['onnxruntime'] = None;"
        "sys.path.insert(0, 'apps'); del sys.argv[0];"
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    process = run(
        project,
        photos[0],
        program=["-c", program, project / "apps/recognize_digits.py"],
    )
    assert json.loads(process.stdout)[0]["digit"] == 3, process.stderr
