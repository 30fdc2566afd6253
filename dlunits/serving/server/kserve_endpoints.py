"""REST and gRPC servers based on KServe, with limits and versions.

The endpoints that load and unload models are optional.

Needs `pip install "dlunits[serve]"`.
"""

import asyncio
import contextlib
import functools
import logging
import math
from collections.abc import Awaitable, Callable, Iterator
from concurrent import futures
from typing import Any

import fastapi
import grpc
import uvicorn
from google.protobuf import json_format
from kserve.errors import (
    InvalidInput,
    ModelNotFound,
    ModelNotReady,
    ServerNotReady,
)
from kserve.protocol.grpc import grpc_predict_v2_pb2_grpc
from kserve.protocol.grpc.server import GRPCServer
from kserve.protocol.grpc.servicer import InferenceServicer
from kserve.protocol.model_repository_extension import ModelRepositoryExtension
from kserve.protocol.rest.server import RESTServer, metrics_handler
from kserve.protocol.rest.v1_endpoints import V1Endpoints
from kserve.protocol.rest.v2_datamodels import (
    ListModelsResponse,
    ModelMetadataResponse,
    ModelReadyResponse,
    ServerLiveResponse,
    ServerMetadataResponse,
    ServerReadyResponse,
)
from kserve.protocol.rest.v2_endpoints import V2Endpoints
from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from starlette.exceptions import HTTPException
from tensorflow.core.protobuf import saved_model_pb2
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from dlunits.serving.server.errors import InvalidRequestError, RequestError
from dlunits.serving.server.kserve_models import (
    RestRequest,
    StoredModelsDataPlane,
)
from dlunits.serving.server.limits import RequestLimits

logger = logging.getLogger("dlunits.serving")

MAX_CONNECTIONS = 1000
JSON_LENGTH = "inference-header-content-length"


class V1(V1Endpoints):
    """Endpoints of protocol V1, with those of TensorFlow Serving.

    KServe itself has no endpoints for versions, status and metadata.
    """

    async def predict(self, request: fastapi.Request) -> fastapi.Response:
        """Answers a request to a model."""
        path = request.path_params
        version = path.get("model_version", "")
        payload = RestRequest(await request.body(), version, is_v2=False)
        body, _ = await self.dataplane.infer(path["model_name"], payload)
        return fastapi.Response(body, media_type="application/json")

    async def status(
        self, model_name: str, model_version: str = ""
    ) -> dict[str, Any]:
        """Status of the versions of a model."""
        store = self.dataplane.store
        store.find(model_name, model_version)
        numbers = [model_version] if model_version else store.models[model_name]
        return {
            "name": model_name,
            "ready": True,
            "model_version_status": [
                {
                    "version": str(number),
                    "state": "AVAILABLE",
                    "status": {"error_code": "OK", "error_message": ""},
                }
                for number in numbers
            ],
        }

    async def metadata(
        self, model_name: str, model_version: str = ""
    ) -> dict[str, Any]:
        """Signatures of a version of a model."""
        version = self.dataplane.store.find(model_name, model_version)
        path = version.folder / "saved_model.pb"
        saved = await asyncio.to_thread(path.read_bytes)
        graph = saved_model_pb2.SavedModel.FromString(saved).meta_graphs[0]
        return {
            "model_spec": {
                "name": model_name,
                "signature_name": "",
                "version": str(version.version),
            },
            "metadata": {
                "signature_def": {
                    "signature_def": {
                        name: json_format.MessageToDict(
                            signature, preserving_proto_field_name=True
                        )
                        for name, signature in graph.signature_def.items()
                        if name in version.signatures
                    }
                }
            },
        }


class V2(V2Endpoints):
    """Endpoints of the Open Inference Protocol (V2), with versions."""

    async def model_metadata(
        self, model_name: str, model_version: str = ""
    ) -> ModelMetadataResponse:
        """Inputs and outputs of a model."""
        return ModelMetadataResponse.model_validate(
            await self.dataplane.model_metadata(model_name, model_version)
        )

    async def model_ready(
        self, model_name: str, model_version: str = ""
    ) -> ModelReadyResponse:
        """Whether a model is served."""
        self.dataplane.store.find(model_name, model_version)
        return ModelReadyResponse(name=model_name, ready=True)

    async def infer(self, request: fastapi.Request) -> fastapi.Response:
        """Answers a request to a model."""
        path = request.path_params
        length = request.headers.get(JSON_LENGTH)
        if length is not None and not (length.isascii() and length.isdecimal()):
            raise InvalidRequestError(f"{JSON_LENGTH} must be an integer")
        payload = RestRequest(
            await request.body(),
            path.get("model_version", ""),
            is_v2=True,
            json_length=None if length is None else int(length),
        )
        (body, json_length), _ = await self.dataplane.infer(
            path["model_name"], payload
        )
        response = fastapi.Response(body, media_type="application/json")
        if json_length is not None:
            response.headers[JSON_LENGTH] = str(json_length)
            response.headers["content-type"] = "application/octet-stream"
        return response

    async def unload(self, model_name: str) -> dict[str, Any]:
        """Unloads a model."""
        await self.dataplane.model_registry.unload_and_wait(model_name)
        return {"name": model_name, "unload": True}


class RequestDeadline(HttpToolsProtocol):
    """HTTP connection with deadlines for requests and for reading responses.

    The first request must be complete `seconds` after the connection is made,
    every later one `seconds` after its first byte. Otherwise the connection is
    closed, because uvicorn itself waits forever for a client that sends a byte
    now and then. It is also closed if the client reads nothing of a response
    for `seconds`.
    """

    seconds = 30.0
    deadline: asyncio.TimerHandle | None = None
    read_deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Sets the deadline of the first request."""
        super().connection_made(transport)
        self.start_clock()

    def on_message_begin(self) -> None:
        """Sets the deadline of a later request."""
        super().on_message_begin()
        self.start_clock()

    def on_message_complete(self) -> None:
        """Removes the deadline, as the request is complete."""
        self.stop_clock()
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Removes the deadlines, as the client has disconnected."""
        self.stop_clock()
        self.stop_read_clock()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Sets the deadline for reading, as the send buffer is full."""
        super().pause_writing()
        self.watch_reading()

    def resume_writing(self) -> None:
        """Removes the deadline for reading, as the client has read."""
        self.stop_read_clock()
        super().resume_writing()

    def start_clock(self) -> None:
        """Sets the deadline, unless it is set."""
        if self.deadline is None:
            self.deadline = self.loop.call_later(self.seconds, self.close_late)

    def stop_clock(self) -> None:
        """Removes the deadline."""
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None

    def watch_reading(self, unread: float = math.inf) -> None:
        """Closes the connection if the send buffer does not shrink.

        Args:
            unread: Bytes in the send buffer at the previous check.
        """
        left = self.transport.get_write_buffer_size()
        if left < unread:
            self.read_deadline = self.loop.call_later(
                self.seconds, self.watch_reading, left
            )
        else:
            self.transport.abort()

    def stop_read_clock(self) -> None:
        """Removes the deadline for reading."""
        if self.read_deadline is not None:
            self.read_deadline.cancel()
            self.read_deadline = None

    def close_late(self) -> None:
        """Closes the connection, after an error response if none was sent."""
        if self.cycle is None or not self.cycle.response_started:
            reason = b'{"error":"The request was not complete in time"}'
            self.transport.write(
                b"HTTP/1.1 408 Request Timeout\r\n"
                b"content-type: application/json\r\nconnection: close\r\n"
                b"content-length: %d\r\n\r\n%s" % (len(reason), reason)
            )
        self.transport.close()


class RestServer(RESTServer):
    """REST server of KServe with limits of size, number and time of requests.

    Args:
        dataplane: `StoredModelsDataPlane`.
        max_body: Largest body of a request, in bytes.
        max_concurrency: Number of requests that are processed at a time.
        timeout: Seconds in which a request must arrive, and in which it must
            be processed.
        access_log: Whether each request is logged.
    """

    def __init__(
        self,
        dataplane: StoredModelsDataPlane,
        *,
        max_body: int,
        max_concurrency: int,
        timeout: float,
        access_log: bool,
    ) -> None:
        app = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        extension = ModelRepositoryExtension(dataplane.model_registry)
        super().__init__(
            app,
            dataplane,
            extension,
            http_port=0,
            grace_period=int(timeout) + 5,
        )
        self._register_endpoints(app)
        self._add_exception_handlers(app)
        self.limits = RequestLimits(
            app,
            max_body=max_body,
            max_concurrency=max_concurrency,
            access_log=access_log,
        )
        self.config.app = self.limits
        self.config.http = type(
            "RequestDeadline", (RequestDeadline,), {"seconds": timeout}
        )
        self.config.access_log = False
        self.config.server_header = False
        self.config.limit_concurrency = MAX_CONNECTIONS
        self.server = uvicorn.Server(self.config)

    def _register_endpoints(self, app: fastapi.FastAPI) -> None:
        v1 = V1(self.dataplane)
        v2 = V2(self.dataplane, self.model_repository_extension)
        routes: list[tuple[str, str, Callable[..., Awaitable], Any]] = [
            ("GET", "/", self.dataplane.live, None),
            ("GET", "/metrics", metrics_handler, None),
            ("GET", "/v1/models", v1.models, None),
            ("GET", "/v2", v2.metadata, ServerMetadataResponse),
            ("GET", "/v2/health/live", v2.live, ServerLiveResponse),
            ("GET", "/v2/health/ready", v2.ready, ServerReadyResponse),
            ("GET", "/v2/models", v2.models, ListModelsResponse),
        ]
        for version in ("", "/versions/{model_version}"):
            model_1 = f"/v1/models/{{model_name}}{version}"
            model_2 = f"/v2/models/{{model_name}}{version}"
            # These are the first routes, and routes of Starlette: FastAPI needs
            # more time for the arguments of a small request than the model.
            app.add_route(f"{model_1}:predict", v1.predict, methods=["POST"])
            app.add_route(f"{model_2}/infer", v2.infer, methods=["POST"])
            routes += [
                ("GET", f"{model_1}/metadata", v1.metadata, None),
                ("GET", model_1, v1.status, None),
                ("GET", f"{model_2}/ready", v2.model_ready, ModelReadyResponse),
                ("GET", model_2, v2.model_metadata, ModelMetadataResponse),
            ]
        if self.dataplane.allow_model_control:
            control = "/v2/repository/models/{model_name}"
            routes += [
                ("POST", f"{control}/load", v2.load, None),
                ("POST", f"{control}/unload", v2.unload, None),
            ]
        for method, path, endpoint, response in routes:
            app.add_api_route(
                path, endpoint, methods=[method], response_model=response
            )

    def _add_exception_handlers(self, app: fastapi.FastAPI) -> None:
        statuses = {
            ModelNotFound: 404,
            ModelNotReady: 503,
            ServerNotReady: 503,
        }

        async def handle(
            status: int | None, request: fastapi.Request, error: Any
        ) -> fastapi.responses.JSONResponse:
            code = status or getattr(error, "status", None) or error.status_code
            reason = getattr(error, "detail", None) or str(error)
            headers = {"retry-after": "1"} if code == 503 else None
            return fastapi.responses.JSONResponse(
                {"error": reason}, code, headers=headers
            )

        for kind, status in statuses.items():
            app.add_exception_handler(kind, functools.partial(handle, status))
        for kind in (RequestError, HTTPException):
            app.add_exception_handler(kind, functools.partial(handle, None))
        app.add_exception_handler(Exception, internal_error)


async def internal_error(
    request: fastapi.Request, error: Exception
) -> fastapi.responses.JSONResponse:
    """Response to a request with an unexpected error, which uvicorn logs."""
    return fastapi.responses.JSONResponse(
        {"error": f"Internal error: {type(error).__name__}"}, 500
    )


class Servicer(InferenceServicer):
    """gRPC service of KServe with versions, without load and unload."""

    async def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Answers a request to a model."""
        with grpc_status() as failed:
            return await super().ModelInfer(request, context)
        await context.abort(*failed[0])

    async def ModelReady(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Whether a version is served."""
        with grpc_status() as failed:
            self._data_plane.store.find(request.name, request.version)
            return await super().ModelReady(request, context)
        await context.abort(*failed[0])

    async def ModelMetadata(  # noqa: N802
        self, request: Any, context: Any
    ) -> Any:
        """Inputs and outputs of a model."""
        with grpc_status() as failed:
            return await super().ModelMetadata(request, context)
        await context.abort(*failed[0])

    async def RepositoryModelLoad(  # noqa: N802
        self, request: Any, context: Any
    ) -> Any:
        """Always an error: only REST can load models."""
        await context.abort(
            grpc.StatusCode.PERMISSION_DENIED, "Use REST to load models"
        )

    async def RepositoryModelUnload(  # noqa: N802
        self, request: Any, context: Any
    ) -> Any:
        """Always an error: only REST can unload models."""
        await context.abort(
            grpc.StatusCode.PERMISSION_DENIED, "Use REST to unload models"
        )


GRPC_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    404: grpc.StatusCode.NOT_FOUND,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}


@contextlib.contextmanager
def grpc_status() -> Iterator[list[tuple[grpc.StatusCode, str]]]:
    """Catches errors of requests; their status is added to a list it yields."""
    failed: list[tuple[grpc.StatusCode, str]] = []
    try:
        yield failed
    except RequestError as error:
        code = GRPC_CODES.get(error.status, grpc.StatusCode.INTERNAL)
        failed.append((code, str(error)))
    except ModelNotFound as error:
        failed.append((grpc.StatusCode.NOT_FOUND, str(error)))
    except InvalidInput as error:
        failed.append((grpc.StatusCode.INVALID_ARGUMENT, str(error)))


class LocalGrpcServer(GRPCServer):
    """gRPC server of KServe on one network address instead of all.

    Args:
        dataplane: `StoredModelsDataPlane`.
        max_body: Largest message, in bytes.
        grace_period: Seconds that requests may take after a stop.
    """

    def __init__(
        self,
        dataplane: StoredModelsDataPlane,
        *,
        max_body: int,
        grace_period: int,
    ) -> None:
        super().__init__(
            0,
            dataplane,
            ModelRepositoryExtension(dataplane.model_registry),
            kwargs={},
            grace_period=grace_period,
        )
        self.max_body = max_body

    async def listen(self, host: str, port: int) -> int:
        """Starts the server.

        Args:
            host: Name or address to listen on.
            port: Port; 0 chooses a free one.

        Returns:
            The port.

        Raises:
            OSError: If the port is in use.
        """
        self._server = grpc.aio.server(
            futures.ThreadPoolExecutor(1),
            options=[
                ("grpc.max_receive_message_length", self.max_body),
                ("grpc.so_reuseport", 0),
            ],
        )
        grpc_predict_v2_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(
            Servicer(self._data_plane, self._model_repository_extension),
            self._server,
        )
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            bound = self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise OSError(f"gRPC cannot listen on {address}: {error}") from None
        await self._server.start()
        return bound


class ServerMetrics:
    """Prometheus metrics of the server, in addition to those of KServe.

    Args:
        dataplane: `StoredModelsDataPlane`.
        limits: `RequestLimits`.
    """

    def __init__(
        self, dataplane: StoredModelsDataPlane, limits: RequestLimits
    ) -> None:
        self.dataplane, self.limits = dataplane, limits
        REGISTRY.register(self)

    def collect(self) -> Iterator[Any]:
        """Yields the metrics."""
        batcher = self.dataplane.model_registry.batcher
        store = self.dataplane.store
        responses = CounterMetricFamily(
            "http_responses",
            "HTTP responses by method and status",
            labels=["method", "status"],
        )
        for (method, status), count in list(self.limits.responses.items()):
            responses.add_metric([method, str(status)], count)
        yield responses
        for name, text, value in (
            ("model_calls", "Calls of models", batcher.num_calls),
            (
                "model_requests",
                "Requests processed by these calls",
                batcher.num_joined,
            ),
            (
                "refused_versions",
                "Versions that could not be loaded",
                store.num_refused,
            ),
        ):
            yield CounterMetricFamily(name, text, value=value)
        yield GaugeMetricFamily(
            "requests_in_progress",
            "Requests that wait for a model or are processed by one",
            value=batcher.num_requests,
        )
        versions = GaugeMetricFamily(
            "served_versions",
            "Versions that are served",
            labels=["model_name", "model_version"],
        )
        for name, numbers in list(store.models.items()):
            for number in numbers:
                versions.add_metric([name, str(number)], 1)
        yield versions
