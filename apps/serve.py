r"""Serves SavedModels over HTTP and gRPC, with the protocols of KServe.

The server implements TensorFlow Serving's REST API, /v1/models/NAME:predict,
and the Open Inference Protocol, /v2/models/NAME/infer, for all models of a
folder. docs/endpoints.md has a request for each endpoint of each model. A new
version of a model is served as soon as its export is complete, and the old
version until then. A damaged version is not served.

Usage:
    python apps/serve.py --models_dir=saved_models --port=8080
    python apps/serve.py --max_batch=64 --batch_wait_ms=2 --grpc_port=8081

By default only this computer can connect, see --host; there is no
authentication. /metrics has metrics for Prometheus. After SIGTERM or Ctrl-C the
server answers the requests that it has received, and exits.

Needs `pip install "dlunits[serve]"`.

Expected: starts in 10 seconds with one model, and adds about 1 millisecond per
request to the time of the model.
"""

import importlib.util
import os
import socket
import sys

from absl import flags

import _main

MEGABYTE = 2**20


def define_flags():
    flags.DEFINE_string(
        "models_dir",
        "saved_models",
        "Folder of the models: MODELS_DIR/NAME/VERSION/saved_model.pb.",
    )
    flags.DEFINE_string(
        "host",
        "127.0.0.1",
        "Address to listen on; 0.0.0.0 lets other computers connect.",
    )
    flags.DEFINE_integer(
        "port",
        8080,
        "Port for HTTP; 0 selects a free one.",
        lower_bound=0,
        upper_bound=65535,
    )
    flags.DEFINE_integer(
        "grpc_port",
        None,
        "Port for gRPC; 0 selects a free one. Default: no gRPC.",
        lower_bound=0,
        upper_bound=65535,
    )
    flags.DEFINE_integer(
        "num_versions",
        1,
        "Number of versions of each model that are served: the latest ones.",
        lower_bound=1,
        upper_bound=1000,
    )
    flags.DEFINE_integer(
        "threads",
        len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count() or 1,
        "Maximum number of model calls at a time. Default: number of CPU "
        "cores.",
        lower_bound=1,
        upper_bound=1000,
    )
    flags.DEFINE_integer(
        "max_batch",
        32,
        "Batching: maximum number of examples, from several requests, in one "
        "model call; 1 disables batching.",
        lower_bound=1,
        upper_bound=10**6,
    )
    flags.DEFINE_float(
        "batch_wait_ms",
        0.0,
        "Batching: time in milliseconds that a request waits for further "
        "requests. With 0, only requests that are waiting for a thread are "
        "batched.",
        lower_bound=0,
        upper_bound=10**4,
    )
    flags.DEFINE_float(
        "max_body_mb",
        16.0,
        "Maximum size of a request body in MiB; larger requests get status "
        "413.",
        lower_bound=0.001,
        upper_bound=2000,
    )
    flags.DEFINE_integer(
        "max_concurrency",
        64,
        "Maximum number of requests in progress; further ones get status 503.",
        lower_bound=1,
        upper_bound=10**5,
    )
    flags.DEFINE_float(
        "timeout",
        30.0,
        "Timeout in seconds: a request that takes longer to arrive gets "
        "status 408, and one whose model call takes longer gets status 504.",
        lower_bound=0.1,
        upper_bound=10**5,
    )
    flags.DEFINE_bool(
        "allow_model_control",
        False,
        "Allow clients to load and unload models: "
        "/v2/repository/models/NAME/load and /unload.",
    )
    flags.DEFINE_bool(
        "access_log", True, "Print a line for each request on stdout."
    )


def listen(host, port):
    """Socket that listens on one address."""
    try:
        family, *_, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return socket.create_server(address[:2], family=family, backlog=512)
    except OSError as error:
        raise OSError(
            f"Cannot listen on {host}, port {port}: {error.strerror or error}. "
            "Choose another --port, or --host"
        ) from None


def announce(url, grpc_address):
    grpc = f", gRPC on {grpc_address}" if grpc_address else ""
    print(f"Listening on {url}{grpc}", flush=True)


def run(models_dir, host, port, max_body_mb, batch_wait_ms, **options):
    """Serves models until SIGTERM or Ctrl-C."""
    if importlib.util.find_spec("kserve") is None:
        raise ValueError(
            'KServe is not installed: pip install "dlunits[serve]"'
        )
    folder = _main.expanded_path(models_dir)
    if not folder.is_dir():
        raise ValueError(
            f"{folder} is not a folder: set --models_dir to the folder of the "
            "models"
        )
    listener = listen(host, port)
    del sys.argv[1:]  # KServe would parse them when it is imported
    from dlunits.serving.server.run import ServerOptions, run_server

    run_server(
        ServerOptions(
            folder,
            max_body=int(max_body_mb * MEGABYTE),
            batch_wait=batch_wait_ms / 1000,
            **options,
        ),
        listener,
        announce,
    )


if __name__ == "__main__":
    _main.run_app(define_flags, run)
