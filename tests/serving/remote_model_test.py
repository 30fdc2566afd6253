"""Models behind a server that answers as TensorFlow Serving does."""

import base64
import http.server
import json
import threading

import numpy as np
import pytest
import tensorflow as tf

from dlunits.serving.load import load_saved_model
from dlunits.serving.remote_model import RemoteModel
from dlunits.tasks.anomaly.serve import ServedDetector

NAMES = ("lenet_mnist", "vae_mnist", "anomaly_wdbc")


def parse(value, dtype):
    """JSON value of a request -> tensor."""

    def decode(item):
        if isinstance(item, list):
            return [decode(each) for each in item]
        return base64.b64decode(item["b64"]) if isinstance(item, dict) else item

    return tf.constant(decode(value), dtype)


def render(tensor):
    """Tensor -> JSON value of an answer."""

    def text(item):
        if isinstance(item, list):
            return [text(each) for each in item]
        return item.decode() if isinstance(item, bytes) else item

    return text(tensor.numpy().tolist())


class Handler(http.server.BaseHTTPRequestHandler):
    """The part of the protocol V1 that the client uses."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        found = self.path.removeprefix("/v1/models/") in self.server.models
        self.answer(200 if found else 404, {})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        name = self.path.removeprefix("/v1/models/").removesuffix(":predict")
        request = json.loads(body)
        signatures = self.server.models[name].signatures
        try:
            signature = signatures[request["signature_name"]]
            _, specs = signature.structured_input_signature
            inputs = {
                key: parse(value, specs[key].dtype)
                for key, value in request["inputs"].items()
            }
            outputs = {k: render(v) for k, v in signature(**inputs).items()}
        except (KeyError, ValueError, TypeError, tf.errors.OpError) as error:
            return self.answer(400, {"error": f"{error}\nmore lines"})
        if len(outputs) == 1:  # as in the documentation of the protocol
            [outputs] = outputs.values()
        return self.answer(200, {"outputs": outputs})


@pytest.fixture(scope="module")
def served(project):
    """`(address, models)` of a server of shipped models."""
    models = {
        name: load_saved_model(project / "saved_models" / name)
        for name in NAMES
    }
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.models = models
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", models
        server.shutdown()


@pytest.fixture
def remote(served, project):
    def connect(name):
        path = project / "saved_models" / name / "1/model_card.json"
        signatures = json.loads(path.read_text())["signatures"]
        return RemoteModel(served[0], name, signatures)

    return connect


def test_answers_are_those_of_the_saved_model(served, remote):
    images = np.random.default_rng(0).random((3, 28, 28), "float32")
    expected = served[1]["lenet_mnist"].signatures["serving_default"]
    found = remote("lenet_mnist").signatures["serving_default"]
    answer = found(images=images)
    for key, value in expected(images=tf.constant(images)).items():
        assert answer[key].dtype == value.dtype
        np.testing.assert_allclose(answer[key], value, rtol=1e-5)


def test_a_single_output_has_its_name(remote):
    images = remote("vae_mnist").decode([[0.0, 0.0], [1.0, 1.0]])["images"]
    assert images.shape == (2, 28, 28, 1)


def test_bytes_are_sent_as_they_are(served, remote):
    encoded = tf.io.encode_png(np.zeros((40, 40, 1), "uint8"))[None]
    answer = remote("lenet_mnist").recognize(encoded)
    expected = served[1]["lenet_mnist"].recognize(encoded)
    assert float(answer["contrast"][0]) == float(expected["contrast"][0])


def test_a_detector_scores_and_explains(project, remote):
    version = project / "saved_models/anomaly_wdbc/1"
    local = ServedDetector(version)
    distant = ServedDetector(version, remote("anomaly_wdbc"))
    rng = np.random.default_rng(0)
    table = {name: rng.random(4) for name in local.table_schema.columns}
    for method in ("score_rows", "explain"):
        expected = getattr(local, method)(table)
        for key, value in getattr(distant, method)(table).items():
            if value.dtype == object:
                assert value.tolist() == expected[key].tolist()
            else:
                np.testing.assert_allclose(value, expected[key], rtol=1e-4)


def test_whether_the_server_has_the_model(served, remote):
    assert remote("lenet_mnist").is_served()
    assert not RemoteModel(served[0], "other", {}).is_served()
    with pytest.raises(AttributeError):
        remote("lenet_mnist").no_such_endpoint([1.0])


def test_a_refused_request_is_one_line(remote):
    with pytest.raises(ValueError, match=r"error .*'decode' \(400\)") as info:
        remote("vae_mnist").decode([[0.0, 0.0, 0.0]])
    assert "\n" not in str(info.value)


def test_a_server_that_is_not_there_is_named():
    tensor = {"shape": [None], "dtype": "float32"}
    signatures = {"add": {"inputs": {"x": tensor}, "outputs": {"y": tensor}}}
    model = RemoteModel("http://127.0.0.1:1", "adder", signatures)
    for call in (model.is_served, lambda: model.add([1.0])):
        with pytest.raises(ValueError, match=r"does not answer.*start the"):
            call()
