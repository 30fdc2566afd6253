"""Speed, correctness, endurance and robustness of `dlunits serve` on loopback.

    .venv-serve/bin/python benchmarks/serving_load.py             # all parts
    .venv-serve/bin/python benchmarks/serving_load.py --part=speed

- speed: time of a request to LeNet-5 in addition to the call of the SavedModel,
  in milliseconds, and requests per second with 1, 8 and 32 clients, compared
  with the same model behind a minimal handler of FastAPI and uvicorn.
- answers: every endpoint of every kind of model over V1 and V2 is compared with
  the SavedModel, and the endpoint `predict` with `predict` of Keras.
- endurance: mixed load with a new version every 20 seconds. Resident memory is
  that of the server process.
- hostile: invalid requests, which must be rejected with a reason.

Needs `pip install "dlunits[serve]"`. Takes 15 minutes, 10 of them endurance.
"""

import argparse
import concurrent.futures
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np
import psutil
from gates import gate

PROJECT = pathlib.Path(__file__).parents[1]
LENET = PROJECT / "saved_models/lenet_mnist"
CLIENTS = (1, 8, 32)
SECONDS = 2.0  # duration of each measurement of throughput
SWAP_SECONDS = 20.0
ROUNDS = 11

# The same model behind a minimal handler: no checks, no limits, no batching.
MINIMAL = """
import asyncio, sys
import fastapi, numpy as np, orjson, tensorflow as tf, uvicorn

model = tf.saved_model.load(sys.argv[1])
call = model.signatures["serving_default"]
app = fastapi.FastAPI()


def answer(body):
    images = np.asarray(orjson.loads(body)["instances"], "float32")
    outputs = call(images=tf.constant(images))
    lists = [value.numpy().tolist() for value in outputs.values()]
    rows = [dict(zip(outputs, row)) for row in zip(*lists)]
    return orjson.dumps({"predictions": rows})


@app.post("/v1/models/lenet_mnist:predict")
async def predict(request: fastapi.Request):
    body = await asyncio.to_thread(answer, await request.body())
    return fastapi.Response(body, media_type="application/json")


uvicorn.run(app, port=int(sys.argv[2]), access_log=False, log_level="error")
"""


class Process:
    """A server process on a free port.

    Args:
        command: List of words; `{port}` is replaced.
    """

    def __init__(self, *command):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(
            [str(word).format(port=self.port) for word in command],
            stdout=self.log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
        )
        for _ in range(3000):
            if self.process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                if self.is_ready():
                    return
            except OSError:
                pass
            time.sleep(0.1)
        self.log.seek(0)
        raise RuntimeError(self.log.read())

    def is_ready(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, 60)
        connection.request("GET", "/v2/health/ready")
        status = connection.getresponse().status
        connection.close()
        return status != 503

    def call(self, path, body=None, timeout=120):
        """Status and body of a response, on a new connection."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=timeout
        )
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        try:
            connection.request("GET" if body is None else "POST", path, body)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(60)
        finally:
            self.process.kill()


def serve(models_dir, *flags):
    return Process(
        *(sys.executable, PROJECT / "apps/serve.py", "--port={port}"),
        *(f"--models_dir={models_dir}", "--noaccess_log", *flags),
    )


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


# Each client is a process, as threads would share one interpreter.
CLIENT = """
import http.client, json, sys, time

port, path, seconds = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
body = open(sys.argv[4], "rb").read()
connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
def ask():
    connection.request("POST", path, body)
    response = connection.getresponse()
    text = response.read()
    assert response.status == 200, text
for _ in range(5):
    ask()
print("ready", flush=True)
sys.stdin.readline()
connection.close()  # the server may have closed it in the meantime
ask()
times, end = [], time.perf_counter() + seconds
while (start := time.perf_counter()) < end:
    ask()
    times.append(time.perf_counter() - start)
print(json.dumps(times))
"""


def measure(port, path, body_file, clients, seconds=SECONDS):
    """Seconds of each request of several concurrent clients."""
    command = [sys.executable, "-S", "-c", CLIENT, str(port), path]
    processes = [
        subprocess.Popen(
            [*command, str(seconds), str(body_file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(clients)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    times = [json.loads(process.communicate()[0]) for process in processes]
    return [value for each in times for value in each]


def measure_speed(folder):
    import tensorflow as tf

    path = "/v1/models/lenet_mnist:predict"
    body_file = folder / "body.json"
    images = np.random.default_rng(0).random((1, 28, 28), "float32")
    text = json.dumps({"instances": images.round(4).tolist()})
    body_file.write_text(text)

    model = tf.saved_model.load(LENET / "1")
    call = model.signatures["serving_default"]
    tensor = tf.constant(images)
    bare = []
    for _ in range(1000):
        start = time.perf_counter()
        {name: value.numpy() for name, value in call(images=tensor).items()}
        bare.append(time.perf_counter() - start)
    bare_ms = 1000 * statistics.median(bare[100:])

    models = folder / "lenet_only"
    shutil.copytree(LENET, models / "lenet_mnist")
    (folder / "minimal.py").write_text(MINIMAL)
    servers = {
        "dlunits serve, no batching": serve(models, "--max_batch=1"),
        "dlunits serve": serve(models),
        "FastAPI and uvicorn": Process(
            sys.executable, folder / "minimal.py", LENET / "1", "{port}"
        ),
    }
    rates = {(name, count): [] for name in servers for count in CLIENTS}
    rows = {}
    try:
        for _ in range(ROUNDS):  # in turns: other load affects all of them
            for count in CLIENTS:
                for name, server in servers.items():
                    times = measure(server.port, path, body_file, count)
                    rates[name, count].append(len(times) / SECONDS)
                    rows.setdefault((name, count), []).extend(times)
    finally:
        for server in servers.values():
            server.stop()
    print(f"bare call of the SavedModel, p50: {bare_ms:.2f} ms")
    print(f"{'server':28} clients  p50 ms  p99 ms  requests/s")
    for (name, count), times in rows.items():
        print(
            f"{name:28} {count:7} {1000 * percentile(times, 0.5):7.2f} "
            f"{1000 * percentile(times, 0.99):7.2f} "
            f"{statistics.median(rates[name, count]):11.0f}"
        )
    one = 1000 * percentile(rows["dlunits serve", 1], 0.5)
    gate("overhead of the server, p50", one - bare_ms, "<=", 3, " ms")
    for count in CLIENTS:
        minimal = rates["FastAPI and uvicorn", count]
        for name, bound in (
            ("dlunits serve, no batching", 0.9),
            ("dlunits serve", 1.0 if count > 1 else 0.9),
        ):
            ratio = statistics.median(
                own / other
                for own, other in zip(rates[name, count], minimal, strict=True)
            )
            gate(
                f"throughput, {name}, {count} clients, relative to FastAPI",
                ratio,
                ">=",
                bound,
            )


def largest_difference(found, expected):
    """Largest difference between dicts of arrays; the rest must be equal."""
    assert found.keys() == expected.keys(), (found.keys(), expected.keys())
    largest = 0.0
    for name, array in expected.items():
        if array.dtype.kind == "f":
            value = np.asarray(found[name], "float64").reshape(array.shape)
            scale = np.maximum(1, np.abs(array))
            difference = np.abs(value - array) / scale
            largest = max(largest, float(difference.max(initial=0)))
        else:
            value = np.asarray(found[name], object).ravel().tolist()
            wanted = [
                x.decode() if isinstance(x, bytes) else x
                for x in array.ravel().tolist()
            ]
            assert value == wanted, (name, value, wanted)
    return largest


def open_inference(name, array):
    """Input of the Open Inference Protocol."""
    import base64

    datatypes = {"f": "FP", "i": "INT", "u": "UINT"}
    kind = array.dtype.kind
    tensor = {"name": name, "shape": list(array.shape)}
    if kind == "O":
        values = [base64.b64encode(x).decode() for x in array.ravel().tolist()]
        return {
            **tensor,
            "datatype": "BYTES",
            "parameters": {"content_type": "base64"},
            "data": values,
        }
    datatype = f"{datatypes[kind]}{8 * array.dtype.itemsize}"
    return {**tensor, "datatype": datatype, "data": array.ravel().tolist()}


def check_answers(folder):
    import tensorflow as tf
    from exported_models import export_every_kind

    from dlunits.serving.remote_model import to_json
    from dlunits.serving.request_examples import request_commands
    from dlunits.serving.warmup import read_warmup_requests

    kinds = export_every_kind(folder / "kinds")
    server = serve(folder / "kinds")
    largest = {"V1": 0.0, "V2": 0.0, "Keras": 0.0}
    count = 0
    (folder / "photo.jpg").write_bytes(
        tf.io.encode_jpeg(np.full((40, 40, 1), 255, "uint8")).numpy()
    )
    try:
        for name, exported in kinds.items():
            loaded = tf.saved_model.load(exported.version)
            requests = list(read_warmup_requests(exported.version))
            requests.append(("predict", predict_inputs(loaded)))
            for signature, arrays in requests:
                tensors = {k: tf.constant(v) for k, v in arrays.items()}
                outputs = loaded.signatures[signature](**tensors)
                expected = {k: v.numpy() for k, v in outputs.items()}
                body = {
                    "signature_name": signature,
                    "inputs": {k: to_json(v) for k, v in arrays.items()},
                }
                status, text = server.call(f"/v1/models/{name}:predict", body)
                assert status == 200, text
                found = json.loads(text)["outputs"]
                if len(expected) == 1:
                    found = {next(iter(expected)): found}
                difference = largest_difference(found, expected)
                largest["V1"] = max(largest["V1"], difference)
                body = {
                    "parameters": {"signature_name": signature},
                    "inputs": [open_inference(*x) for x in arrays.items()],
                }
                status, text = server.call(f"/v2/models/{name}/infer", body)
                assert status == 200, text
                second = {
                    item["name"]: item["data"]
                    for item in json.loads(text)["outputs"]
                }
                difference = largest_difference(second, expected)
                largest["V2"] = max(largest["V2"], difference)
                count += 2
                if signature == "predict":
                    difference = keras_difference(exported, arrays, found)
                    largest["Keras"] = max(largest["Keras"], difference)
            for command in request_commands(
                exported.version, f"http://127.0.0.1:{server.port}"
            ).values():
                answer = subprocess.run(
                    ["sh", "-c", command],
                    cwd=folder,
                    capture_output=True,
                    check=True,
                )
                assert b'"outputs"' in answer.stdout, (command, answer)
                count += 1
    finally:
        server.stop()
    print(f"{len(kinds)} kinds of models, {count} requests")
    for protocol, difference in largest.items():
        reference = "predict" if protocol == "Keras" else "the SavedModel"
        gate(
            f"answers over {protocol.replace('Keras', 'V1')} against "
            f"{reference.replace('predict', 'Keras predict')}",
            difference,
            "<=",
            1e-6,
        )


def predict_inputs(loaded):
    """Random inputs of the endpoint `predict`, two examples."""
    rng = np.random.default_rng(0)
    _, specs = loaded.signatures["predict"].structured_input_signature
    arrays = {}
    for name, spec in sorted(specs.items()):
        shape = [
            2 if i == 0 else size or 3 for i, size in enumerate(spec.shape)
        ]
        if spec.dtype.is_integer:
            arrays[name] = rng.integers(0, 2, shape).astype(
                spec.dtype.as_numpy_dtype
            )
        else:
            arrays[name] = rng.random(shape).astype("float32")
    return arrays


def keras_difference(exported, arrays, found):
    """Difference between the result of `predict` and that of Keras."""
    # Keras names the inputs args_0, args_0_1, ... in the order of the model.
    names = sorted(arrays, key=lambda name: [len(name), name])
    inputs = [arrays[name] for name in names]
    model = exported.model
    if isinstance(getattr(model, "input", None), dict):
        inputs = dict(zip(model.input, inputs, strict=True))
    elif len(inputs) == 1:
        [inputs] = inputs
    outputs = model.predict(inputs, verbose=0)
    if isinstance(outputs, dict):
        outputs = {key: np.asarray(value) for key, value in outputs.items()}
        return largest_difference(found, outputs)
    if not isinstance(outputs, (list, tuple)):
        outputs = [outputs]
    outputs = {f"output_{i}": value for i, value in enumerate(outputs)}
    return largest_difference(found, outputs)


def endure(folder, minutes):
    from exported_models import KINDS

    models = folder / "mixed"
    shutil.copytree(LENET, models / "lenet_mnist")
    for kind in ("anomaly_detector", "autoencoder"):
        KINDS[kind](models / kind)
    lenet = models / "lenet_mnist"
    server = serve(models)
    process = psutil.Process(server.process.pid)
    zeros = np.zeros((1, 28, 28)).tolist()
    photo = {"b64": photo_base64()}
    tensor = {
        **{"name": "images", "shape": [1, 28, 28], "datatype": "FP32"},
        "data": [0.5] * 784,
    }
    row = {"speed": [1500.0], "load": [0.7], "valve": ["open"]}
    mixed = [
        ("/v1/models/lenet_mnist:predict", {"instances": zeros}),
        ("/v2/models/lenet_mnist/infer", {"inputs": [tensor]}),
        (
            "/v1/models/lenet_mnist:predict",
            {"signature_name": "recognize", "inputs": [photo]},
        ),
        ("/v1/models/anomaly_detector:predict", {"inputs": row}),
        ("/v1/models/autoencoder:predict", {"inputs": {"images": zeros}}),
        ("/v2/health/ready", None),
    ]
    stop, answered, failed = threading.Event(), [], []

    def ask(seed):
        choose = random.Random(seed)  # noqa: S311
        while not stop.is_set():
            path, body = choose.choice(mixed)
            try:
                status, text = server.call(path, body)
            except OSError as error:
                status, text = type(error).__name__, str(error)
            if status == 200:
                answered.append(time.monotonic())
            else:
                failed.append((path, status, text))
            time.sleep(0.01)

    memory, version, served = [], 1, set()
    begin = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for seed in range(4):
            pool.submit(ask, seed)
        try:
            next_swap = begin + SWAP_SECONDS
            while time.monotonic() < begin + 60 * minutes:
                time.sleep(1)
                memory.append(
                    (time.monotonic() - begin, process.memory_info().rss)
                )
                if time.monotonic() > next_swap:
                    next_swap += SWAP_SECONDS
                    shutil.copytree(LENET / "1", lenet / ".copy")
                    (lenet / ".copy").rename(lenet / str(version + 1))
                    if version > 1:
                        shutil.rmtree(lenet / str(version - 1))
                    version += 1
                _, text = server.call("/v1/models/lenet_mnist")
                [state] = json.loads(text)["model_version_status"]
                served.add(state["version"])
        finally:
            stop.set()
    assert server.stop() == 0
    half = 30 * minutes
    later = [size for seconds, size in memory if seconds > half]
    minute = [
        [
            size
            for seconds, size in memory
            if number <= seconds / 60 < number + 1
        ]
        for number in range(int(minutes))
    ]
    medians = [round(statistics.median(sizes) / 2**20) for sizes in minute]
    print(
        f"{minutes:g} minutes, {len(answered)} answers, {len(served)} versions"
    )
    print(f"resident MiB by minute: {medians}")
    print(*failed[:5], sep="\n")
    gate("failed requests under swaps", len(failed), "<=", 0)
    gate("versions that were not served", version - len(served), "<=", 1)
    # Medians of the first and the last minute of the second half.
    first = statistics.median(later[: len(later) // 5])
    last = statistics.median(later[-len(later) // 5 :])
    growth = 100 * abs(last / first - 1)
    gate("change of resident memory, second half", growth, "<=", 5, " %")


def photo_base64():
    import base64
    import io

    from PIL import Image

    page = Image.new("L", (200, 300), 230)
    page.paste(20, (90, 100, 110, 220))  # the digit 1
    file = io.BytesIO()
    page.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def bomb_base64():
    """A PNG of 60,000 x 60,000 pixels in a few kilobytes."""
    import base64
    import struct
    import zlib

    def chunk(kind, data):
        text = kind + data
        crc = struct.pack(">I", zlib.crc32(text))
        return struct.pack(">I", len(data)) + text + crc

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(2_000_000))
    return base64.b64encode(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", pixels)
        + chunk(b"IEND", b"")
    ).decode()


def hostile_requests(count):
    """Paths and bodies of requests that must not have the status 200."""
    rng = np.random.default_rng(0)
    choose = random.Random(0)  # noqa: S311
    v1, v2 = "/v1/models/lenet_mnist:predict", "/v2/models/lenet_mnist/infer"
    good = np.zeros((1, 28, 28)).tolist()
    tensor = {
        **{"name": "images", "shape": [1, 28, 28], "datatype": "FP32"},
        "data": [0.5] * 784,
    }

    def shape():
        size = [int(x) for x in rng.integers(1, 9, rng.integers(1, 6))]
        return v1, {"inputs": rng.random(size).tolist()}

    def dtype():
        value = choose.choice(["0", None, True, {}, {"b64": "AA=="}, [[]]])
        return v1, {"inputs": [[[value] * 28] * 28]}

    def pixels():
        value = choose.choice([np.nan, np.inf, -np.inf, -0.1, 255.5, 1e38])
        image = np.zeros((1, 28, 28))
        image[0, rng.integers(28), rng.integers(28)] = value
        return v1, {"instances": image.tolist()}

    def unknown():
        name = choose.choice(
            [
                *("lenet", "LENET_MNIST", "..", "%2e%2e%2f%2e%2e%2fetc"),
                *("lenet_mnist%00", "lenet_mnist/../lenet_mnist", "a" * 5000),
                *("..%2flenet_mnist", "%252e%252e", "lenet_mnist%0d%0aX:1"),
            ]
        )
        version = choose.choice(
            ["", "/versions/99", "/versions/-1", "/versions/"]
        )
        end = choose.choice([":predict", "/infer"])
        prefix = "/v1" if end == ":predict" else "/v2"
        return f"{prefix}/models/{name}{version}{end}", {"inputs": good}

    def version():
        number = choose.choice(
            ["0", "2", "1.0", "01", "latest", "1e0", "%31%32"]
        )
        return f"/v1/models/lenet_mnist/versions/{number}:predict", {
            "inputs": good
        }

    def signature():
        name = choose.choice(
            ["", "x", "__init__", "Predict", 5, [], {}, "a" * 999]
        )
        body = {"signature_name": name, "inputs": good}
        return v1, body if name else {**body, "signature_name": " "}

    def broken():
        text = json.dumps({"instances": good}).encode()
        cut = text[: rng.integers(0, len(text) - 1)]
        return choose.choice([v1, v2]), choose.choice(
            [cut, cut + b"\xff", b"\x00"]
        )

    def deep():
        depth = int(rng.integers(100, 500_000))
        opening = choose.choice([b"[", b'{"a":'])
        start = choose.choice([b"", b'{"instances":', b'{"inputs":NaN,"a":'])
        return choose.choice([v1, v2]), start + opening * depth

    def base64_text():
        text = choose.choice(["!", "AAA", "=", "\ud800", "A" * 10_001, 5, None])
        return v1, {"signature_name": "recognize", "inputs": [{"b64": text}]}

    def image():
        data = choose.choice(
            [bomb_base64(), "", "iVBORw0KGgo=", photo_base64()[:200]]
        )
        return v1, {"signature_name": "recognize", "inputs": [{"b64": data}]}

    def open_tensor():
        changes = choose.choice(
            [
                {"shape": [1, 784]},
                {"shape": [1, 28, -28]},
                {"shape": [2**62, 4]},
                {"shape": "x"},
                {"datatype": "FP64"},
                {"datatype": "COMPLEX"},
                {"data": [0.5] * 783},
                {"data": {"a": 1}},
                {"name": "image"},
                {"parameters": {"binary_data_size": 10**12}, "data": None},
                {"parameters": 5},
            ]
        )
        return v2, {"inputs": [{**tensor, **changes}]}

    def large():
        return v1, b" " * (100 * 2**20)

    makers = [
        *(shape, dtype, pixels, unknown, version, signature, broken, deep),
        *(base64_text, image, open_tensor),
    ]
    found = [makers[i % len(makers)]() for i in range(count - 3)]
    return [*found, large(), large(), large()]


def half_requests(port):
    """Clients that send part of a request, and then disconnect or wait."""
    texts = [
        b"",
        b"GET",
        b"POST /v1/models/lenet_mnist:predict HTTP/1.1\r\nHost: a\r\n",
        b"POST /v1/models/lenet_mnist:predict HTTP/1.1\r\nHost: a\r\n"
        b"Content-Length: 1000\r\n\r\n{",
        b"POST /v1/models/lenet_mnist:predict HTTP/1.1\r\nHost: a\r\n"
        b"Transfer-Encoding: chunked\r\n\r\nffffffff\r\n{",
        b"\x16\x03\x01\x02\x00\x01",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
    ]
    answers = []
    for text in texts:
        for leave in ("half", "close", "wait"):
            with socket.create_connection(("127.0.0.1", port), 30) as client:
                try:
                    client.sendall(text)
                    if leave == "half":
                        client.shutdown(socket.SHUT_WR)
                    if leave == "wait":
                        answers.append(client.recv(100))
                except OSError:
                    answers.append(b"reset")
    return answers


def attack(folder):
    models = folder / "attacked"
    shutil.copytree(LENET, models / "lenet_mnist")
    server = serve(models, "--timeout=2")
    process = psutil.Process(server.process.pid)
    good = {"instances": np.zeros((1, 28, 28)).tolist()}
    path = "/v1/models/lenet_mnist:predict"
    before = process.memory_info().rss
    wrong, unanswered, statuses = [], 0, {}
    requests = hostile_requests(300)
    try:
        for number, (target, body) in enumerate(requests):
            try:
                status, text = server.call(target, body)
            except OSError as error:
                status, text = 0, str(error).encode()
            statuses[status] = statuses.get(status, 0) + 1
            shown = (
                body if isinstance(body, bytes) else json.dumps(body).encode()
            )
            try:
                reason = bool(json.loads(text).get("error"))
            except ValueError:
                reason = False
            if not 400 <= status < 600 or status == 500 or not reason:
                wrong.append(
                    (number, target[:80], shown[:80], status, text[:200])
                )
            if server.call(path, good)[0] != 200:
                unanswered += 1
        late = half_requests(server.port)
        if server.call(path, good)[0] != 200:
            unanswered += 1
        largest = process.memory_info().rss
    finally:
        stopped = server.stop()
    print(f"{len(requests)} hostile requests, by status: {statuses}")
    print(f"slow clients: {[text[:12] for text in late]}")
    print(f"resident MiB: {before / 2**20:.0f} -> {largest / 2**20:.0f}")
    print(*wrong[:20], sep="\n")
    gate(
        "hostile requests without a 4xx or 5xx and a reason",
        len(wrong),
        "<=",
        0,
    )
    gate("good requests without an answer", unanswered + stopped, "<=", 0)


PARTS = ("speed", "answers", "hostile", "endurance")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=PARTS, action="append")
    parser.add_argument("--minutes", type=float, default=10)
    arguments = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    for part in arguments.part or PARTS:
        load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
        print(f"-- {part}; {cores} cores, load average {load}", flush=True)
        with tempfile.TemporaryDirectory() as temporary:
            folder = pathlib.Path(temporary)
            if part == "speed":
                measure_speed(folder)
            elif part == "answers":
                check_answers(folder)
            elif part == "hostile":
                attack(folder)
            else:
                endure(folder, arguments.minutes)


if __name__ == "__main__":
    main()
