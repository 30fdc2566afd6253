r"""Serves SavedModels over HTTP: V1 and V2 of KServe, and gRPC.

Answers the requests of TensorFlow Serving's REST API, /v1/models/NAME:predict,
and of the Open Inference Protocol, /v2/models/NAME/infer, for all models of a
folder. docs/endpoints.md has a request for each endpoint of each model. A new
version that an app exports is served as soon as it is complete, and the old one
answers until then; a damaged version is not served.

Usage:
    python apps/serve.py --models_dir=saved_models --port=8080
    python apps/serve.py --max_batch=64 --batch_wait_ms=2 --grpc_port=8081

Only this computer can connect, unless --host says otherwise; there is no
authentication. /metrics has metrics for Prometheus. SIGTERM and Ctrl-C end the
server after it has answered what it received.

Needs `pip install "dlunits[serve]"`.

Expected: starts in 10 seconds with one model, and adds about 1 millisecond to
the time of a model.
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
        "Port for HTTP; 0 for any free one.",
        lower_bound=0,
        upper_bound=65535,
    )
    flags.DEFINE_integer(
        "grpc_port",
        None,
        "Port for gRPC, 0 for any free one. Without it there is no gRPC.",
        lower_bound=0,
        upper_bound=65535,
    )
    flags.DEFINE_integer(
        "num_versions",
        1,
        "Number of versions of a model that are served, the latest ones.",
        lower_bound=1,
        upper_bound=1000,
    )
    flags.DEFINE_integer(
        "threads",
        len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count() or 1,
        "Number of calls of models at a time. Default: number of CPU cores.",
        lower_bound=1,
        upper_bound=1000,
    )
    flags.DEFINE_integer(
        "max_batch",
        32,
        "Largest number of examples of several requests that are joined into "
        "one call of the model; 1 joins none.",
        lower_bound=1,
        upper_bound=10**6,
    )
    flags.DEFINE_float(
        "batch_wait_ms",
        0.0,
        "Milliseconds that a request waits for others to be joined with. With "
        "0 only those are joined that wait for a thread anyway.",
        lower_bound=0,
        upper_bound=10**4,
    )
    flags.DEFINE_float(
        "max_body_mb",
        16.0,
        "Largest body of a request in MiB; larger ones get the status 413.",
        lower_bound=0.001,
        upper_bound=2000,
    )
    flags.DEFINE_integer(
        "max_concurrency",
        64,
        "Number of requests that are answered at a time; others get the status "
        "503.",
        lower_bound=1,
        upper_bound=10**5,
    )
    flags.DEFINE_float(
        "timeout",
        30.0,
        "Seconds in which a request must arrive, else it gets the status 408, "
        "and in which the model must answer, else it gets 504.",
        lower_bound=0.1,
        upper_bound=10**5,
    )
    flags.DEFINE_bool(
        "allow_model_control",
        False,
        "Let clients load and unload models: "
        "/v2/repository/models/NAME/load and /unload.",
    )
    flags.DEFINE_bool("access_log", True, "Log each request to stdout.")


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
            f"{folder} is no folder: name the folder of the models with "
            "--models_dir"
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
