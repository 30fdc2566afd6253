"""Compatibility of exported models with older releases of TensorFlow.

TensorFlow guarantees only that older patch releases load a graph, but the
releases of TensorFlow Serving and of the runtimes of KServe are older than
TensorFlow itself. The shipped models and one model of each kind are loaded in
environments with the two releases before the installed one, and the results of
their warm-up requests are compared.

    python benchmarks/serving_compatibility.py --environments=build/older

TensorFlow is installed in this folder, about 2 GB for each release, unless it
exists. With `--write_operations`, the operations of the older release are
written to tests/serving/tensorflow_operations.txt, which a test compares with
those of the exported graphs.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import tensorflow as tf
from exported_models import export_every_kind
from gates import gate

from dlunits.serving.warmup import read_warmup_requests

PROJECT = pathlib.Path(__file__).parents[1]
OPERATIONS = PROJECT / "tests/serving/tensorflow_operations.txt"

ANSWER = """
import json, pathlib, sys
import tensorflow as tf

folder = pathlib.Path(sys.argv[1])
largest, count = 0.0, 0
loaded = {}
for path in sorted(folder.glob("*.json")):
    call = json.loads(path.read_text())
    model = loaded.get(call["version"])
    if model is None:
        model = loaded[call["version"]] = tf.saved_model.load(call["version"])
    def read(tensors):
        return {
            name: tf.io.parse_tensor((folder / file).read_bytes(), dtype)
            for name, (file, dtype) in tensors.items()
        }
    outputs = model.signatures[call["signature"]](**read(call["inputs"]))
    expected = read(call["outputs"])
    assert outputs.keys() == expected.keys()
    for name, value in expected.items():
        if value.dtype.is_floating:
            both = tf.cast(outputs[name], "float64"), tf.cast(value, "float64")
            scale = tf.maximum(1.0, tf.cast(tf.abs(value), "float64"))
            difference = tf.reduce_max(tf.abs(both[0] - both[1]) / scale)
            largest = max(largest, float(difference))
        else:
            assert tf.reduce_all(outputs[name] == value), (path, name)
    count += 1
print(json.dumps([tf.__version__, largest, count, len(loaded)]))
"""

LIST_OPERATIONS = """
from tensorflow.core.framework import op_def_pb2
from tensorflow.python.client import pywrap_tf_session as session

buffer = session.TF_GetAllOpList()
operations = op_def_pb2.OpList.FromString(session.TF_GetBuffer(buffer))
for operation in sorted(operations.op, key=lambda item: item.name):
    attributes = sorted(attribute.name for attribute in operation.attr)
    print(operation.name, *attributes)
"""


def older_releases(count):
    """The newest releases of each minor version before the installed one."""
    listed = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--disable-pip-version-check"),
            *("index", "versions", "tensorflow"),
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    line = next(x for x in listed.splitlines() if x.startswith("Available"))
    own = tuple(map(int, tf.__version__.split(".")[:2]))
    newest = {}
    for release in line.partition(":")[2].split(","):
        *minor, _ = release.strip().split(".")[:3]
        if minor and tuple(map(int, minor)) < own:
            newest.setdefault(tuple(map(int, minor)), release.strip())
    return [newest[minor] for minor in sorted(newest, reverse=True)[:count]]


def environment(folder, release):
    """Python of an environment with a release of TensorFlow."""
    python = folder / release / "bin/python"
    if not python.exists():
        subprocess.run(
            [sys.executable, "-m", "venv", folder / release], check=True
        )
    subprocess.run(
        [python, "-m", "pip", "install", "-q", f"tensorflow=={release}"],
        check=True,
    )
    return python


def write_calls(versions, folder):
    """Writes the warm-up requests of models, and the results here."""
    number = 0

    def write(tensors):
        nonlocal number
        files = {}
        for name, tensor in tensors.items():
            number += 1
            file = f"{number}.tensor"
            (folder / file).write_bytes(tf.io.serialize_tensor(tensor).numpy())
            files[name] = file, tensor.dtype.name
        return files

    for version in versions:
        model = tf.saved_model.load(version)
        for signature, arrays in read_warmup_requests(version):
            inputs = {name: tf.constant(x) for name, x in arrays.items()}
            call = {
                "version": str(version),
                "signature": signature,
                "inputs": write(inputs),
                "outputs": write(model.signatures[signature](**inputs)),
            }
            path = folder / f"{version.parent.name}.{signature}.json"
            path.write_text(json.dumps(call))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--environments", type=pathlib.Path, default=PROJECT / "build/older"
    )
    parser.add_argument("--write_operations", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        versions = [
            exported.version
            for exported in export_every_kind(folder / "models").values()
        ]
        versions += sorted((PROJECT / "saved_models").glob("*/[0-9]*"))
        write_calls(versions, folder)
        for release in older_releases(2):
            python = environment(arguments.environments, release)
            found = subprocess.run(
                [python, "-c", ANSWER, folder],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            used, largest, requests, models = json.loads(
                found.stdout.splitlines()[-1]
            )
            print(f"TensorFlow {used}: {models} models, {requests} requests")
            gate(f"difference to TensorFlow {used}", largest, "<=", 1e-6)
            if arguments.write_operations:
                listed = subprocess.run(
                    [python, "-c", LIST_OPERATIONS],
                    stdout=subprocess.PIPE,
                    text=True,
                    check=True,
                )
                OPERATIONS.write_text(listed.stdout)


if __name__ == "__main__":
    main()
