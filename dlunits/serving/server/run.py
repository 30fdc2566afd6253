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
    """Options of the model server, see the flags of `dlunits serve`.

    Args:
        models_dir: Folder with one subfolder per model.
        grpc_port: Port of gRPC; 0 chooses a free one. `None` turns gRPC off.
        num_versions: Number of versions of a model that are served.
        threads: Number of threads that call models.
        max_batch: Largest number of examples that are joined into one call.
        batch_wait: Seconds that the first request of a batch waits for others.
        max_body: Largest body of a request, in bytes.
        max_concurrency: Number of requests that are processed at a time.
        timeout: Seconds in which a request must arrive, and in which it must
            be processed.
        allow_model_control: Whether clients may load and unload models.
        access_log: Whether each request is logged.
    """

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

    Requests that have arrived before the signal are completed.

    Args:
        options: `ServerOptions`.
        listener: Socket that listens for HTTP.
        on_ready: Called when requests are accepted, with the URL of REST and
            the address of gRPC, or `None` without gRPC.

    Raises:
        OSError: If the folder cannot be read, or the port of gRPC is in use.
        ValueError: If no model can be served.
    """
    configure_logging()
    # When it has stopped, uvicorn restores these handlers and raises the signal
    # again. With the default handlers, the signal would end the process.
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: None)
    with listener:
        server = Server(options)
        factory = server.rest.config.get_loop_factory()
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(server.serve(listener, on_ready))
    if server.batcher.num_requests:
        # These requests have timed out, but calls of TensorFlow cannot be
        # stopped, and Python would wait for their threads.
        logger.warning(
            "Stopped while %d calls of models that timed out still run",
            server.batcher.num_requests,
        )
        sys.stdout.flush()
        os._exit(0)


class Server:
    """Model server: store, batcher, REST and gRPC.

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
        """Loads the models, and processes requests until a signal arrives."""
        await self.store.refresh()
        if not self.store.models:
            raise ValueError(
                f"{self.options.models_dir} contains no model that can be "
                "served: expected NAME/1/saved_model.pb"
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
        """Logs an error of the watcher: new versions are not detected."""
        if not watching.cancelled() and watching.exception():
            logger.error(
                "New versions are no longer detected: %s", watching.exception()
            )


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
