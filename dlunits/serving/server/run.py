"""Runs the model server until SIGTERM or SIGINT.

Needs `pip install "dlunits[serve]"`.
"""

import asyncio
import dataclasses
import logging
import os
import pathlib
import signal
import socket
import sys
from collections.abc import Callable

from dlunits.serving.server.batcher import Batcher
from dlunits.serving.server.kserve_endpoints import (
    LocalGrpcServer,
    RestServer,
    ServerMetrics,
)
from dlunits.serving.server.kserve_models import (
    StoredModels,
    StoredModelsDataPlane,
)
from dlunits.serving.server.model_store import ModelStore

logger = logging.getLogger("dlunits.serving")


@dataclasses.dataclass(frozen=True)
class ServerOptions:
    """Options of the server; see the flags of `apps/serve.py`."""

    models_dir: pathlib.Path
    grpc_port: int | None = None
    num_versions: int = 1
    threads: int = 2
    max_batch: int = 32
    batch_wait: float = 0.0
    max_body: int = 16 * 2**20
    max_concurrency: int = 64
    timeout: float = 30.0
    allow_model_control: bool = False
    access_log: bool = True


def run_server(
    options: ServerOptions,
    listener: socket.socket,
    on_ready: Callable[[str, str | None], None],
) -> None:
    """Serves the models of a folder until SIGTERM or SIGINT.

    Requests that have arrived by then are answered.

    Args:
        options: `ServerOptions`.
        listener: Socket that listens for HTTP.
        on_ready: Called with the URL of REST and the address of gRPC, or
            `None`, when requests are accepted.

    Raises:
        OSError: If the folder cannot be read, or the port of gRPC is taken.
        ValueError: If no model can be served.
    """
    configure_logging()
    # uvicorn restores these handlers when it has stopped, and raises the
    # signal again: the default ones would end the process with it.
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: None)
    with listener:
        server = Server(options)
        factory = server.rest.config.get_loop_factory()
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(server.serve(listener, on_ready))
    if server.batcher.num_requests:
        # They have timed out, and no call of TensorFlow can be stopped. Python
        # would wait for their threads.
        logger.warning("Left: calls of models that took too long")
        sys.stdout.flush()
        os._exit(0)


class Server:
    """The parts of the server.

    Args:
        options: `ServerOptions`.
    """

    def __init__(self, options: ServerOptions) -> None:
        self.options = options
        self.store = ModelStore(options.models_dir, options.num_versions)
        self.batcher = Batcher(
            threads=options.threads,
            max_batch=options.max_batch,
            batch_wait=options.batch_wait,
            max_concurrency=options.max_concurrency,
            timeout=options.timeout,
        )
        self.dataplane = StoredModelsDataPlane(
            StoredModels(self.store, self.batcher),
            allow_model_control=options.allow_model_control,
        )
        self.rest = RestServer(
            self.dataplane,
            max_body=options.max_body,
            max_concurrency=options.max_concurrency,
            timeout=options.timeout,
            access_log=options.access_log,
        )
        self.metrics = ServerMetrics(self.dataplane, self.rest.limits)

    async def serve(
        self,
        listener: socket.socket,
        on_ready: Callable[[str, str | None], None],
    ) -> None:
        """Loads the models, and answers requests until a signal arrives."""
        await self.store.refresh()
        if not self.store.models:
            raise ValueError(
                f"{self.options.models_dir} holds no model that can be served: "
                "expected NAME/1/saved_model.pb"
            )
        grpc_server, grpc_address = None, None
        host, port = listener.getsockname()[:2]
        if self.options.grpc_port is not None:
            grpc_server = LocalGrpcServer(
                self.dataplane,
                max_body=self.options.max_body,
                grace_period=int(self.options.timeout),
            )
            bound = await grpc_server.listen(host, self.options.grpc_port)
            grpc_address = f"{host}:{bound}"
        url_host = f"[{host}]" if ":" in host else host
        on_ready(f"http://{url_host}:{port}", grpc_address)
        watching = asyncio.create_task(self.store.watch())
        watching.add_done_callback(self.stop_if_failed)
        try:
            await self.rest.server.serve(sockets=[listener])
        finally:
            watching.cancel()
            if grpc_server:
                await grpc_server.stop()
            await self.store.close()
            self.batcher.close()

    def stop_if_failed(self, watching: asyncio.Task) -> None:
        """Logs an error of the watcher: new versions are no longer seen."""
        if not watching.cancelled() and watching.exception():
            logger.error("New versions are not seen: %s", watching.exception())


def configure_logging() -> None:
    """Logs messages to stderr, and the access log to stdout."""
    for name, stream, text in (
        ("dlunits.serving", sys.stderr, "%(asctime)s %(message)s"),
        ("dlunits.serving.access", sys.stdout, "%(asctime)s %(message)s"),
        ("uvicorn", sys.stderr, "%(asctime)s %(message)s"),
        ("kserve", sys.stderr, "%(asctime)s %(message)s"),
    ):
        handler = logging.StreamHandler(stream)
        handler.setFormatter(logging.Formatter(text, "%Y-%m-%d %H:%M:%S"))
        log = logging.getLogger(name)
        log.handlers = [handler]
        log.propagate = False
        log.setLevel(logging.WARNING)
    logging.getLogger("dlunits.serving.access").setLevel(logging.INFO)
