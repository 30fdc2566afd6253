"""Prepared data sets: search, download, and errors."""

import contextlib
import http.server
import json
import os
import shutil
import socket
import struct
import threading
import time

import pytest

from dlunits.data.images.image_datasets import PROBES
from dlunits.data.tfds_store import (
    check_host,
    download,
    find_prepared,
    read_prepared,
)

FASHION = PROBES["fashion_mnist"]


@pytest.fixture
def no_data(monkeypatch, tmp_path):
    """An environment that names no prepared data set."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)


@pytest.fixture
def proxy(monkeypatch):
    """Calls `answer(connection)` for clients of the HTTP proxy."""
    for name in ("no_proxy", "NO_PROXY", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = socket.create_server(("127.0.0.1", 0))
    monkeypatch.setenv(
        "http_proxy", f"http://127.0.0.1:{server.getsockname()[1]}"
    )

    threads = []

    def serve(answer):
        def accept():
            connection, _ = server.accept()
            # The client may have closed the connection.
            with connection, contextlib.suppress(OSError):
                answer(connection)

        threads.append(threading.Thread(target=accept, daemon=True))
        threads[-1].start()

    with server:
        yield serve
        for thread in threads:
            thread.join(timeout=10)


class EmptyServer(http.server.BaseHTTPRequestHandler):
    """Announces every file, and then closes the connection."""

    def do_HEAD(self):
        self.send_response(200)
        self.end_headers()

    def do_GET(self):
        self.send_error(404)

    def log_message(self, *args):
        pass


@pytest.fixture
def empty_server(monkeypatch):
    """An HTTP proxy that has no file."""
    for name in ("no_proxy", "NO_PROXY", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), EmptyServer
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv(
            "http_proxy", f"http://127.0.0.1:{server.server_port}"
        )
        yield
        server.shutdown()


@pytest.fixture
def mnist(shared_data, tmp_path):
    """A copy of the prepared MNIST, to be damaged."""
    copy = tmp_path / "copy" / "mnist" / "3.0.1"
    shutil.copytree(
        shared_data / "tfds/mnist/3.0.1", copy, copy_function=shutil.copyfile
    )
    copy.chmod(0o755)
    return copy


def test_the_newest_finished_version_is_found(no_data, tmp_path):
    for version in ("3.0.9", "3.0.10", "incomplete.QX_3.0.11", "3.0.12.old"):
        (tmp_path / "mnist" / version).mkdir(parents=True)

    assert find_prepared("mnist", tmp_path) == tmp_path / "mnist" / "3.0.10"


def test_data_dir_comes_before_the_environment_before_home(
    no_data, monkeypatch, tmp_path
):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "variable"))
    (tmp_path / "argument").mkdir()

    def found():
        return find_prepared("mnist", tmp_path / "argument")

    assert found() is None
    for place in ("home/tensorflow_datasets", "variable", "argument"):
        prepared = tmp_path / place / "mnist" / "3.0.1"
        prepared.mkdir(parents=True)
        assert found() == prepared


def test_a_missing_data_dir_is_refused(no_data, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"Received: \S*/nowhere \(No"):
        find_prepared("mnist", tmp_path / "nowhere")


def test_a_data_dir_that_is_a_file_is_refused(no_data, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match=r"Received: \S*/file \(Not a"):
        find_prepared("mnist", tmp_path / "file")


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_a_data_dir_without_permission_is_refused(no_data, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    user = os.geteuid()
    if user == 0:  # root reads everything: be nobody for a moment
        os.seteuid(65534)
    try:
        with pytest.raises(PermissionError, match=r"Received: \S*/closed \(P"):
            find_prepared("mnist", closed)
    finally:
        os.seteuid(user)


def test_the_probed_file_is_one_that_tfds_downloads():
    import tensorflow_datasets as tfds

    for name, url in PROBES.items():
        assert url in tfds.builder_cls(name).url_infos


def test_a_host_that_answers_passes(empty_server):
    check_host(FASHION)


def test_a_host_without_the_file_is_refused(proxy):
    proxy(lambda connection: connection.sendall(b"HTTP/1.1 404 Gone\r\n\r\n"))

    with pytest.raises(ConnectionError, match=r"amazonaws\.com .*HTTPError"):
        check_host(FASHION)


def test_a_host_that_answers_too_slowly_is_an_error_in_time(proxy):
    """Each byte arrives in time, but not all of them."""

    def drip(connection):
        for byte in b"HTTP/1.1 200 OK":
            connection.sendall(bytes([byte]))
            time.sleep(0.3)

    proxy(drip)
    start = time.monotonic()
    with pytest.raises(TimeoutError, match=r"did not answer within 1 s"):
        check_host(FASHION, timeout=1.0)
    assert 1.0 <= time.monotonic() - start < 4.0  # all bytes take 4.5 s


def test_an_interrupted_download_is_reported_in_one_line(
    no_data, empty_server, tmp_path
):
    with pytest.raises(OSError, match=r"could not download .*404") as error:
        download("fashion_mnist", tmp_path)
    assert "\n" not in str(error.value)
    assert find_prepared("fashion_mnist", tmp_path) is None


def truncated(folder):
    records = folder / "mnist-train.tfrecord-00000-of-00001"
    os.truncate(records, 100_000)


def a_hundred_whole_records(folder):
    """Truncated between two records, which only the length reveals."""
    records = folder / "mnist-train.tfrecord-00000-of-00001"
    content = records.read_bytes()
    end = 0
    for _ in range(100):
        (length,) = struct.unpack_from("<Q", content, end)
        end += 8 + 4 + length + 4  # length, its checksum, data, its checksum
    os.truncate(records, end)


def one_byte_changed(folder):
    with (folder / "mnist-train.tfrecord-00000-of-00001").open("r+b") as file:
        file.seek(5000)
        byte = file.read(1)[0]
        file.seek(5000)
        file.write(bytes([byte ^ 255]))


def records_gone(folder):
    (folder / "mnist-train.tfrecord-00000-of-00001").unlink()


def description_gone(folder):
    (folder / "dataset_info.json").unlink()


def description_broken(folder):
    (folder / "dataset_info.json").write_text('{"name": "mni')


def features_gone(folder):
    (folder / "features.json").unlink()


def features_broken(folder):
    (folder / "features.json").write_text("")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (truncated, "truncated record"),
        (a_hundred_whole_records, "60000 elements but contained only 100"),
        (one_byte_changed, "corrupted record"),
        (records_gone, "No such file"),
        (description_gone, "dataset_info.json"),
        (description_broken, "JSON"),
        (features_gone, "Cannot restore"),
        (features_broken, "Expecting value"),
    ],
)
def test_a_damaged_folder_is_reported_with_what_to_do(mnist, damage, reason):
    damage(mnist)

    with pytest.raises(OSError, match=reason) as error:
        read_prepared(mnist)

    message = str(error.value)
    assert f"in {mnist} cannot be read" in message
    assert "Delete that folder" in message
    assert "\n" not in message
    assert "{{" not in message and "[Op" not in message


def test_a_folder_without_a_training_split_is_refused(mnist):
    from dlunits.data.images.image_datasets import load

    description = mnist / "dataset_info.json"
    content = json.loads(description.read_text())
    content["splits"] = content["splits"][1:]
    description.write_text(json.dumps(content))

    with pytest.raises(OSError, match=r"the splits 'train' and 'test'.*\{'te"):
        load("mnist", data_dir=mnist.parents[1])
