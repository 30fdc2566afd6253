"""A real server on loopback: answers, versions, limits, and its end."""

import base64
import concurrent.futures
import http.client
import importlib.util
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from dlunits.serving.remote_model import to_json
from dlunits.serving.request_examples import (
    open_inference_command,
    request_commands,
)
from dlunits.serving.warmup import (
    read_warmup_requests,
    write_warmup_requests,
)

PROJECT = pathlib.Path(__file__).parents[2]
LENET = PROJECT / "saved_models/lenet_mnist"
START_SECONDS = 300  # on a busy machine

needs_kserve = pytest.mark.skipif(
    importlib.util.find_spec("kserve") is None,
    reason="KServe is not installed: make test runs this in its own "
    "environment",
)


class Server:
    """Process of the app.

    Attributes:
        url: Base URL of REST.
        grpc: Address of gRPC, or an empty text.
    """

    def __init__(self, models_dir, log, *flags):
        self.log = log
        self.models_dir = models_dir
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, PROJECT / "apps/serve.py", "--port=0"),
                    *(f"--models_dir={models_dir}", *flags),
                ],
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": str(PROJECT)},
            )
        end = time.monotonic() + START_SECONDS
        pattern = r"Listening on (http://\S+:\d+)(?:, gRPC on (\S+))?\n"
        while not (found := re.search(pattern, self.text())):
            assert self.process.poll() is None, self.text()
            assert time.monotonic() < end, self.text()
            time.sleep(0.1)
        self.url, self.grpc = found[1], found[2] or ""
        self.port = int(self.url.rpartition(":")[2])

    def text(self):
        return self.log.read_text(errors="replace")

    def call(self, path, body=None, headers=(), timeout=60):
        """Status, headers and body of a response."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310
            self.url + path, body, dict(headers)
        )
        try:
            with urllib.request.urlopen(request, timeout=timeout) as response:  # noqa: S310
                return response.status, response.headers, response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    def json(self, path, body=None, status=200):
        code, _, text = self.call(path, body)
        assert code == status, (path, code, text)
        return json.loads(text)

    def wait_for(self, path, expected, seconds=60):
        """Waits until a JSON response is as expected."""
        end = time.monotonic() + seconds
        while (found := json.loads(self.call(path)[2])) != expected:
            assert time.monotonic() < end, (found, self.text()[-2000:])
            time.sleep(0.1)

    def stop(self):
        """Ends the process, and returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(60)
        finally:
            self.process.kill()


class Small(tf.Module):
    """Signatures with arguments of several types, and one that takes long."""

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.float32, "speed"),
            tf.TensorSpec([None], tf.string, "valve"),
        ]
    )
    def rows(self, speed, valve):
        return {
            "is_fast": speed > 2,
            "size": tf.strings.length(valve),
            "text": valve + "!",
        }

    @tf.function(
        input_signature=[
            tf.TensorSpec([], tf.int32, "count"),
            tf.TensorSpec([], tf.int64, "seed"),
        ]
    )
    def draw(self, count, seed):
        shape, seed = tf.expand_dims(count, 0), tf.stack([seed, seed])
        return {"numbers": tf.random.stateless_normal(shape, seed)}

    @tf.function(input_signature=[tf.TensorSpec([], tf.int32, "steps")])
    def spin(self, steps):
        return {
            "steps": tf.while_loop(
                lambda i: i < steps,
                lambda i: [i + 1],
                [0],
                parallel_iterations=1,
            )[0]
        }


def save_small(folder):
    """Exports `Small` in place, with card and warm-up requests."""
    small = Small()
    names = {"serving_default": "rows", "draw": "draw", "spin": "spin"}
    signatures = {key: getattr(small, name) for key, name in names.items()}
    tf.saved_model.save(small, str(folder), signatures)
    speeds = {"speed": [1.0, 2.5], "valve": [b"open", b"\xff"]}
    requests = {
        "serving_default": speeds,
        "draw": {"count": 3, "seed": 5},
        "spin": {"steps": 1},
    }
    write_warmup_requests(
        folder, tf.saved_model.load(str(folder)).signatures, requests
    )
    size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    card = {"bytes": size, "batched": ["serving_default"]}
    (folder / "model_card.json").write_text(json.dumps(card))


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory):
    """The shipped model, and a small one with other types of arguments."""
    folder = tmp_path_factory.mktemp("served") / "models"
    shutil.copytree(LENET, folder / "lenet_mnist")
    save_small(folder / "small" / "1")
    return folder


@pytest.fixture(scope="module")
def server(models_dir, tmp_path_factory):
    log = tmp_path_factory.mktemp("log") / "server.log"
    started = Server(
        models_dir,
        log,
        *("--grpc_port=0", "--num_versions=2", "--max_body_mb=1"),
    )
    yield started
    assert started.stop() == 0
    assert "Traceback" not in started.text()


def examples(models_dir):
    """`(model, signature, inputs, outputs)` of the warm-up requests."""
    for version in sorted(models_dir.glob("*/1")):
        signatures = tf.saved_model.load(version).signatures
        for name, arrays in read_warmup_requests(version):
            outputs = signatures[name](
                **{key: tf.constant(value) for key, value in arrays.items()}
            )
            expected = {key: value.numpy() for key, value in outputs.items()}
            yield version.parent.name, name, arrays, expected


def from_json(value, like):
    """Array of the same type as `like`."""
    if like.dtype != object:
        return np.asarray(value, like.dtype).reshape(like.shape)
    flat = np.empty(like.size, object)
    flat[:] = [
        base64.b64decode(item["b64"])
        if isinstance(item, dict)
        else item.encode()
        for item in np.asarray(value, object).ravel()
    ]
    return flat.reshape(like.shape)


def assert_close(found, expected):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        value = from_json(found[name], array)
        if array.dtype.kind == "f":
            np.testing.assert_allclose(value, array, rtol=1e-6, atol=1e-6)
        else:
            np.testing.assert_array_equal(value, array)


@needs_kserve
def test_all_protocols_answer_what_the_saved_model_does(server, models_dir):
    checked = set()
    for model, signature, arrays, expected in examples(models_dir):
        checked.add((model, signature))
        inputs = {name: to_json(array) for name, array in arrays.items()}
        body = {"signature_name": signature, "inputs": inputs}
        found = server.json(f"/v1/models/{model}:predict", body)["outputs"]
        if len(expected) == 1:
            found = {next(iter(expected)): found}
        assert_close(found, expected)

        if all(array.ndim for array in arrays.values()):
            count = len(next(iter(arrays.values())))
            rows = [
                {name: value[i] for name, value in inputs.items()}
                for i in range(count)
            ]
            body = {"signature_name": signature, "instances": rows}
            path = f"/v1/models/{model}/versions/1:predict"
            predictions = server.json(path, body)["predictions"]
            assert len(predictions) == count
            if len(expected) > 1:
                predictions = {
                    name: [row[name] for row in predictions]
                    for name in expected
                }
            else:
                predictions = {next(iter(expected)): predictions}
            assert_close(predictions, expected)

        for binary in (False, True):
            outputs = infer(server, model, signature, arrays, binary)
            assert_close(outputs, expected)
    assert len(checked) == 5


DATATYPES = {"f4": "FP32", "f8": "FP64", "i4": "INT32", "i8": "INT64"}


@needs_kserve
def test_large_requests_are_answered_too(server):
    images = np.random.default_rng(0).random((100, 28, 28)).round(3)
    body = {"instances": images.tolist()}
    assert len(json.dumps(body)) > 2**18  # read in a thread
    signature = tf.saved_model.load(LENET / "1").signatures["serving_default"]
    outputs = signature(images=tf.constant(images, tf.float32))
    rows = server.json("/v1/models/lenet_mnist:predict", body)["predictions"]
    scores = np.array([row["scores"] for row in rows])
    np.testing.assert_allclose(scores, outputs["scores"], atol=1e-6)


def datatype(array):
    """Datatype of the Open Inference Protocol."""
    return "BYTES" if array.dtype == object else DATATYPES[array.dtype.str[1:]]


def infer(server, model, signature, arrays, binary):
    """Outputs of a request of the Open Inference Protocol, as JSON values."""
    tensors, tail = [], b""
    for name, array in arrays.items():
        tensor = {"name": name, "shape": list(array.shape)}
        strings = array.dtype == object
        tensor["datatype"] = datatype(array)
        if not binary:
            flat = array.ravel().tolist()
            tensor["data"] = (
                [base64.b64encode(value).decode() for value in flat]
                if strings
                else flat
            )
            tensor["parameters"] = {"content_type": "base64"} if strings else {}
        else:
            data = (
                b"".join(
                    struct.pack("<I", len(value)) + value
                    for value in array.ravel()
                )
                if strings
                else array.tobytes()
            )
            tensor["parameters"] = {"binary_data_size": len(data)}
            tail += data
        tensors.append(tensor)
    parameters = {"signature_name": signature, "binary_data_output": binary}
    body = {"id": "7", "parameters": parameters, "inputs": tensors}
    text = json.dumps(body).encode()
    headers = {"Inference-Header-Content-Length": len(text)} if binary else {}
    status, headers, answer = server.call(
        f"/v2/models/{model}/versions/1/infer", text + tail, headers
    )
    assert status == 200, answer
    length = int(headers.get("Inference-Header-Content-Length", len(answer)))
    response = json.loads(answer[:length])
    assert (response["id"], response["model_version"]) == ("7", "1")
    tail, outputs = answer[length:], {}
    for tensor in response["outputs"]:
        shape, strings = tensor["shape"], tensor["datatype"] == "BYTES"
        if not binary:
            values = tensor["data"]
            if tensor.get("parameters", {}).get("content_type") == "base64":
                values = [{"b64": value} for value in values]
        else:
            size = tensor["parameters"]["binary_data_size"]
            data, tail = tail[:size], tail[size:]
            values = unpack(data, tensor["datatype"])
        array = np.empty(len(values), object)
        array[:] = values
        outputs[tensor["name"]] = array.reshape(shape).tolist()
    assert not tail
    return outputs


def unpack(data, datatype):
    """Values of a binary tensor; strings as base64."""
    kinds = {value: key for key, value in DATATYPES.items()} | {"BOOL": "?"}
    if datatype != "BYTES":
        return np.frombuffer(data, f"<{kinds[datatype]}").tolist()
    values = []
    while data:
        [size] = struct.unpack_from("<I", data)
        text = base64.b64encode(data[4 : 4 + size]).decode()
        values.append({"b64": text})
        data = data[4 + size :]
    return values


@needs_kserve
def test_grpc_answers_the_same(server, models_dir):
    import grpc
    from kserve import InferInput, InferRequest, InferResponse
    from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
    from kserve.protocol.grpc import grpc_predict_v2_pb2_grpc

    assert server.grpc.startswith("127.0.0.1:")
    with grpc.insecure_channel(server.grpc) as channel:
        stub = grpc_predict_v2_pb2_grpc.GRPCInferenceServiceStub(channel)
        for model, signature, arrays, expected in examples(models_dir):
            tensors = []
            for name, array in arrays.items():
                tensor = InferInput(name, list(array.shape), datatype(array))
                tensor.set_data_from_numpy(array, binary_data=True)
                tensors.append(tensor)
            request = InferRequest(
                model,
                tensors,
                parameters={"signature_name": signature},
                model_version="1",
                request_id="7",
            )
            answer = stub.ModelInfer(request.to_grpc(), timeout=60)
            outputs = InferResponse.from_grpc(answer).outputs
            for output in outputs:
                found, wanted = output.as_numpy(), expected[output.name]
                if wanted.dtype.kind == "f":
                    np.testing.assert_allclose(found, wanted, atol=1e-6)
                else:
                    np.testing.assert_array_equal(found, wanted)
            assert len(outputs) == len(expected)
        ready = pb.ModelReadyRequest(name="lenet_mnist", version="1")
        assert stub.ModelReady(ready, timeout=60).ready
        for call, request, code in (
            (
                stub.ModelReady,
                pb.ModelReadyRequest(name="lenet_mnist", version="8"),
                grpc.StatusCode.NOT_FOUND,
            ),
            (
                stub.ModelInfer,
                pb.ModelInferRequest(model_name="lenet_mnist"),
                grpc.StatusCode.INVALID_ARGUMENT,
            ),
            (
                stub.RepositoryModelUnload,
                pb.RepositoryModelUnloadRequest(model_name="lenet_mnist"),
                grpc.StatusCode.PERMISSION_DENIED,
            ),
        ):
            with pytest.raises(grpc.RpcError) as caught:
                call(request, timeout=60)
            assert caught.value.code() == code, caught.value
            assert caught.value.details()


@needs_kserve
def test_the_documented_commands_are_answered(server, models_dir, tmp_path):
    Image.new("L", (40, 40), 255).save(tmp_path / "photo.jpg")
    commands = []
    version = models_dir / "lenet_mnist/1"
    commands += request_commands(version, server.url).values()
    commands.append(open_inference_command(version, server.url))
    process = subprocess.run(
        ["sh", "-c", "; echo;\n".join(commands)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert not process.stderr
    answers = [json.loads(line) for line in process.stdout.splitlines()]
    assert len(answers) == len(commands) >= 4
    for command, answer in zip(commands, answers, strict=True):
        assert "outputs" in answer, (command, answer)


@needs_kserve
def test_health_metadata_and_status_are_those_of_the_protocols(server):
    assert server.json("/v2/health/live") == {"live": True}
    assert server.json("/v2/health/ready") == {"ready": True}
    assert server.json("/v1/models")["models"] == ["lenet_mnist", "small"]
    [state] = server.json("/v1/models/small")["model_version_status"]
    assert (state["version"], state["state"]) == ("1", "AVAILABLE")
    found = server.json("/v2/models/small/versions/1")
    assert found["versions"] == ["1"]
    assert {"name": "valve", "datatype": "BYTES", "shape": [-1]} in found[
        "inputs"
    ]
    assert {"name": "is_fast", "datatype": "BOOL", "shape": [-1]} in found[
        "outputs"
    ]
    found = server.json("/v1/models/lenet_mnist/metadata")["metadata"]
    signatures = found["signature_def"]["signature_def"]
    card = json.loads((LENET / "1/model_card.json").read_text())
    assert signatures.keys() == card["signatures"].keys()
    assert signatures["recognize"]["inputs"]["encoded"]["dtype"] == "DT_STRING"
    metrics = server.call("/metrics")[2].decode()
    labels = 'served_versions{model_name="lenet_mnist",model_version="1"} 1.0'
    assert labels in metrics
    assert 'http_responses_total{method="GET",status="200"}' in metrics
    assert re.search(r'"GET /v2/health/live" 200 0 bytes \d', server.text())


IMAGES = np.zeros((1, 28, 28)).tolist()
TENSOR = {
    "name": "images",
    "shape": [1, 28, 28],
    "datatype": "FP32",
    "data": [0] * 784,
}
SMALL = "/v1/models/small:predict"
V1, V2 = "/v1/models/lenet_mnist:predict", "/v2/models/lenet_mnist/infer"
HOSTILE = [
    ("/v1/models/other:predict", {"inputs": IMAGES}, 404),
    ("/v1/models/lenet_mnist/versions/7:predict", {"inputs": IMAGES}, 404),
    ("/v2/models/lenet_mnist/versions/..%2F1/infer", {"inputs": []}, 404),
    ("/v1/models/..%2F..%2Fetc%2Fpasswd:predict", {"inputs": IMAGES}, 404),
    ("/v1/models/.:predict", {"inputs": IMAGES}, 404),
    ("/v2/repository/models/lenet_mnist/unload", {}, 404),
    (V1, {"signature_name": "x", "inputs": IMAGES}, 404),
    (V1, {"inputs": np.zeros((1, 27, 28)).tolist()}, 400),
    (V1, {"inputs": np.full((1, 28, 28), np.nan).tolist()}, 400),
    (V1, {"inputs": [[["0"] * 28] * 28]}, 400),
    (V1, b"{", 400),
    (V1, b"\xff\xfe", 400),
    (V1, b"[" * 100_000, 400),
    (V1, b'{"inputs": NaN, "x": ' + b"[" * 100_000, 400),
    (V1, b"", 400),
    (V1, {"signature_name": "recognize", "inputs": [{"b64": "!"}]}, 400),
    (V1, {"signature_name": "recognize", "inputs": ["no image"]}, 400),
    (V1, b" " * 2**21, 413),
    (V2, {"inputs": [{**TENSOR, "datatype": "FP64"}]}, 400),
    (V2, {"inputs": [{**TENSOR, "shape": [1, 28, -28]}]}, 400),
    (V2, {"inputs": [{**TENSOR, "shape": [2**60, 2**60]}]}, 400),
    (V2, {"inputs": [TENSOR, TENSOR]}, 400),
    (V2, {"inputs": "x"}, 400),
    (SMALL, {"signature_name": "draw", "inputs": {"count": 1}}, 400),
]


@needs_kserve
@pytest.mark.parametrize(("path", "body", "status"), HOSTILE)
def test_hostile_requests_get_a_reason_and_the_next_one_its_answer(
    server, path, body, status
):
    code, _, text = server.call(path, body)
    assert code == status, text
    assert json.loads(text)["error"]
    assert len(text) < 1000
    assert server.json(V1, {"inputs": IMAGES})["outputs"]["class"]


@needs_kserve
def test_clients_that_send_half_a_request_do_no_harm(server):
    for text in (
        b"",
        b"POST ",
        b"POST /v1/models/lenet_mnist:predict HTTP/1.1\r\nHost: a\r\n",
        b"POST /v1/models/lenet_mnist:predict HTTP/1.1\r\nHost: a\r\n"
        b"Content-Length: 100\r\n\r\n{",
        b"\x16\x03\x01\x02\x00",  # TLS
    ):
        with socket.create_connection(("127.0.0.1", server.port), 10) as client:
            client.sendall(text)
            client.shutdown(socket.SHUT_WR)
    assert server.json("/v2/health/live") == {"live": True}


LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F"}  # in /proc/net


@needs_kserve
def test_only_this_computer_can_connect(server):
    net = pathlib.Path(f"/proc/{server.process.pid}/net")
    if not net.exists():
        pytest.skip("No /proc.")
    listening = {}
    for name in ("tcp", "tcp6"):
        for line in (net / name).read_text().splitlines()[1:]:
            _, local, _, state, *_ = line.split()
            address, port = local.split(":")
            if state == "0A":
                listening.setdefault(int(port, 16), set()).add(address)
    for port in ports(server):
        assert len(listening[port]) == 1
        assert listening[port] <= LOOPBACK


def ports(server):
    return {server.port, int(server.grpc.rpartition(":")[2])}


@needs_kserve
def test_versions_are_swapped_without_a_failed_request(server, models_dir):
    model = models_dir / "swapped"
    shutil.copytree(models_dir / "small", model)
    server.wait_for(
        "/v2/models/swapped/ready", {"name": "swapped", "ready": True}
    )
    [arrays] = [
        arrays
        for name, arrays in read_warmup_requests(model / "1")
        if name == "serving_default"
    ]
    body = {"instances": [{k: to_json(v)[0] for k, v in arrays.items()}]}
    stop, statuses = threading.Event(), []

    def ask():
        while not stop.is_set():
            statuses.append(server.call("/v1/models/swapped:predict", body)[0])

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        clients = [pool.submit(ask) for _ in range(2)]
        try:
            for version in (2, 3):
                # A half-written, a damaged and a complete version.
                half = model / str(version + 10)
                half.mkdir()
                shutil.copy(model / "1/saved_model.pb", half)
                temporary = model / ".copy"
                shutil.copytree(model / "1", temporary)
                temporary.rename(model / str(version))
                server.wait_for(
                    "/v1/models/swapped",
                    {
                        "name": "swapped",
                        "ready": True,
                        "model_version_status": [
                            {
                                "version": str(number),
                                "state": "AVAILABLE",
                                "status": {
                                    "error_code": "OK",
                                    "error_message": "",
                                },
                            }
                            for number in (version, version - 1)
                        ],
                    },
                )
        finally:
            stop.set()
        for client in clients:
            client.result()
    assert set(statuses) == {200}
    assert len(statuses) > 20
    text = server.text()
    assert text.count(f"Not served: The SavedModel in {half}") == 1
    assert "Dropped swapped/1" in text
    shutil.rmtree(model)
    server.wait_for(
        "/v2/models",
        {"models": [path.name for path in sorted(models_dir.iterdir())]},
    )


@pytest.fixture(scope="module")
def small_server(models_dir, tmp_path_factory):
    """A server with narrow limits, and control of its models."""
    log = tmp_path_factory.mktemp("log") / "small.log"
    started = Server(
        models_dir,
        log,
        *("--timeout=3", "--max_concurrency=2", "--threads=1"),
        *("--allow_model_control", "--noaccess_log"),
    )
    yield started
    started.stop()


def spin(steps):
    """Request that takes about a second for each 50,000 steps."""
    return {"signature_name": "spin", "inputs": steps}


@needs_kserve
def test_models_are_controlled_if_that_is_allowed(small_server):
    control = "/v2/repository/models/small"
    small_server.json(f"{control}/unload", {})
    small_server.json("/v2/models/small/ready", status=404)
    small_server.json(f"{control}/unload", {}, status=404)
    small_server.json(f"{control}/load", {})
    small_server.json("/v2/models/small/ready")
    small_server.json("/v2/repository/models/other/load", {}, status=503)


@needs_kserve
def test_a_slow_client_gets_status_408(small_server):
    address = ("127.0.0.1", small_server.port)
    start = b"POST /v1/models/small:predict HTTP/1.1\r\nHost: a\r\n"
    body = start + b"Content-Length: 9\r\n\r\n{"
    for sent in (b"", start, body):
        with socket.create_connection(address, 30) as client:
            client.sendall(sent)
            answer = client.recv(1000)
            assert answer.startswith(b"HTTP/1.1 408 "), (sent, answer)
            assert b"not complete in time" in answer
            assert client.recv(1000) == b""


@needs_kserve
def test_a_client_that_does_not_read_is_disconnected(small_server):
    draw = {"count": 2_000_000, "seed": 1}
    body = json.dumps({"signature_name": "draw", "inputs": draw}).encode()
    request = b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s"

    def missing(pause):
        """Missing bytes, with a pause before each 6 million."""
        address = ("127.0.0.1", small_server.port)
        with socket.create_connection(address, 30) as client:
            client.sendall(request % (SMALL.encode(), len(body), body))
            head, _, received = client.recv(4096).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 "), head
            left = int(re.search(rb"content-length: (\d+)", head)[1])
            left -= len(received)
            with client.makefile("rb") as file:
                while left:
                    time.sleep(pause)
                    wanted = min(left, 6_000_000)
                    left -= (found := len(file.read(wanted)))
                    if found < wanted:
                        break
            return left

    assert missing(pause=0) == 0
    assert missing(pause=1.5) == 0  # slow, 6 seconds as a whole
    assert missing(pause=8) > 0


@needs_kserve
def test_slow_answers_and_too_many_requests_end_with_a_reason(small_server):
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        begin = time.monotonic()
        slow = [
            pool.submit(small_server.call, SMALL, spin(10_000_000))
            for _ in range(2)
        ]
        time.sleep(1)
        status, headers, text = small_server.call(SMALL, spin(1))
        assert status == 503, text
        assert headers["retry-after"] == "1"
        assert small_server.json("/v2/health/live") == {"live": True}
        for found in slow:
            status, _, text = found.result()
            assert status == 504, text
            assert "3 seconds" in json.loads(text)["error"]
        assert time.monotonic() - begin < 30


def run_app(*flags):
    process = subprocess.run(
        [sys.executable, PROJECT / "apps/serve.py", *flags],
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )
    lines = process.stderr.splitlines()
    return process.returncode, [x for x in lines if x.startswith("serve.py")]


@needs_kserve
def test_a_wrong_folder_and_a_taken_port_are_one_line(tmp_path):
    status, [line] = run_app(f"--models_dir={tmp_path / 'none'}")
    assert (status, "is not a folder" in line) == (1, True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, [line] = run_app(f"--models_dir={tmp_path}", f"--port={port}")
    assert (status, "Choose another --port" in line) == (1, True)
    status, [line] = run_app(f"--models_dir={tmp_path}", "--port=0")
    assert (status, "no model that can be served" in line) == (1, True)


@pytest.mark.skipif(
    importlib.util.find_spec("kserve") is not None, reason="It is installed."
)
def test_without_kserve_the_message_says_what_to_install():
    status, [line] = run_app()
    assert status == 1
    assert 'pip install "dlunits[serve]"' in line


@needs_kserve
def test_sigterm_ends_the_server_after_its_answers(server):
    try:
        seconds, length = 0.0, 5_000
        while seconds < 0.5:  # still running when the signal arrives
            length *= 2
            begin = time.monotonic()
            server.json(SMALL, spin(length))
            seconds = time.monotonic() - begin
        length *= 4
        idle = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        idle.request("GET", "/v2/health/live")
        idle.getresponse().read()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            answer = pool.submit(server.call, SMALL, spin(length))
            time.sleep(seconds / 2)
            assert not answer.done()
            server.process.send_signal(signal.SIGTERM)
            status, _, text = answer.result()
        idle.close()
    finally:
        exit_status = server.stop()
    assert status == 200
    assert json.loads(text)["outputs"] == length
    assert exit_status == 0
    assert "Traceback" not in server.text()
