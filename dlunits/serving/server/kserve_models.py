"""Model, repository and data plane of KServe for a `ModelStore`.

Needs `pip install "dlunits[serve]"`. Importing KServe parses `sys.argv`.
"""

import asyncio
import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import Any

import kserve
import numpy as np
import orjson
from kserve.metrics import PREDICT_HIST_TIME, get_labels
from kserve.model import InferenceVerb
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.infer_type import InferOutput, InferRequest, InferResponse
from kserve.utils.numpy_codec import from_np_dtype
from kserve.utils.utils import generate_uuid

from dlunits.serving.server import open_inference, predict_api
from dlunits.serving.server.batcher import Batcher
from dlunits.serving.server.errors import InvalidRequestError
from dlunits.serving.server.model_store import ModelStore
from dlunits.serving.server.model_version import ModelVersion
from dlunits.serving.server.tensors import cast, check_inputs
from dlunits.typing import Array

# Size of a body, in bytes, above which it is read or written in a thread.
LARGE = 2**18


@dataclasses.dataclass(frozen=True)
class RestRequest:
    """Body of an HTTP request to a model.

    Attributes:
        body: JSON, which may be followed by the binary data of V2.
        version: Integer as text, or empty for the latest version.
        is_v2: Whether it is a request of the Open Inference Protocol (V2).
        json_length: Number of bytes that are JSON, or `None` for all.
    """

    body: bytes
    version: str
    is_v2: bool
    json_length: int | None = None


class StoredModel(kserve.Model):
    """Model of KServe whose versions are in a `ModelStore`.

    Args:
        name: Name of the model.
        store: `ModelStore`.
        batcher: `Batcher`.
    """

    def __init__(self, name: str, store: ModelStore, batcher: Batcher) -> None:
        super().__init__(name)
        self.store, self.batcher = store, batcher
        self.predict_seconds = PREDICT_HIST_TIME.labels(**get_labels(name))

    async def healthy(self) -> bool:
        """Whether a version is loaded."""
        return self.name in self.store.models

    async def __call__(
        self,
        body: RestRequest | InferRequest,
        headers: dict[str, str] | None = None,
        verb: InferenceVerb = InferenceVerb.PREDICT,
    ) -> tuple[Any, dict[str, str]]:
        """Processes a request, and records its time in the metrics of KServe.

        The method of KServe also calls and times preprocessing and
        postprocessing, which do not exist here and would take a tenth of the
        time of a small request.
        """
        with self.predict_seconds.time():
            return await self.predict(body), {}

    async def predict(
        self,
        payload: RestRequest | InferRequest,
        headers: dict[str, str] | None = None,
        response_headers: dict[str, str] | None = None,
    ) -> Any:
        """Processes a request of V1, V2 or gRPC.

        Raises:
            RequestError: If the request is invalid, or the call fails.
        """
        if isinstance(payload, InferRequest):
            return await self.predict_grpc(payload)
        version = self.store.find(self.name, payload.version)
        if payload.is_v2:
            return await self.predict_v2(version, payload)
        body, signature_name, arrays = await in_thread_if_large(
            len(payload.body), read_v1, version, payload
        )
        outputs = await self.batcher.predict(version, signature_name, arrays)
        return await in_thread_if_large(
            num_bytes(outputs), write_v1, body, outputs
        )

    async def predict_v2(
        self, version: ModelVersion, payload: RestRequest
    ) -> tuple[bytes, int | None]:
        """Processes a request of the Open Inference Protocol (V2).

        Returns:
            Body of the response, and the number of bytes that are JSON, or
            `None` for all.
        """
        body, signature_name, arrays = await in_thread_if_large(
            len(payload.body), read_v2, version, payload
        )
        outputs = await self.batcher.predict(version, signature_name, arrays)
        return await in_thread_if_large(
            num_bytes(outputs), write_v2, body, outputs, version
        )

    async def predict_grpc(self, request: InferRequest) -> InferResponse:
        """Processes a request of gRPC."""
        version = self.store.find(self.name, request.model_version)
        signature_name = predict_api.DEFAULT_SIGNATURE
        for key, value in (request.parameters or {}).items():
            if key == "signature_name":
                signature_name = value.string_param
        specs = version.inputs(signature_name)
        arrays: dict[str, Array] = {}
        for tensor in request.inputs:
            spec = specs.get(tensor.name)
            if spec is None or open_inference.DATATYPES[spec.dtype] != (
                tensor.datatype
            ):
                expected = open_inference.tensor_metadata(specs)
                raise InvalidRequestError(
                    f"Expected the inputs {expected}. Received: "
                    f"{tensor.name!r:.80} with the datatype "
                    f"{tensor.datatype!r:.80}"
                )
            try:
                arrays[tensor.name] = tensor.as_numpy()
            except (ValueError, OverflowError) as error:
                raise InvalidRequestError(f"{tensor.name!r}: {error}") from None
            if arrays[tensor.name].dtype != object:
                arrays[tensor.name] = cast(
                    tensor.name, arrays[tensor.name], spec.dtype
                )
        check_inputs(arrays, specs)
        outputs = await self.batcher.predict(version, signature_name, arrays)
        return InferResponse(
            response_id=request.id or generate_uuid(),
            model_name=self.name,
            model_version=str(version.version),
            infer_outputs=[
                grpc_output(name, array) for name, array in outputs.items()
            ],
        )


async def in_thread_if_large(
    size: int, function: Callable[..., Any], *arguments: Any
) -> Any:
    """Calls a function, in a thread if it would block the event loop.

    Args:
        size: Number of bytes that the function reads or writes.
        function: Function.
        *arguments: Its arguments.

    Returns:
        Result of the function.
    """
    if size > LARGE:
        return await asyncio.to_thread(function, *arguments)
    return function(*arguments)


def num_bytes(outputs: Mapping[str, Array]) -> int:
    """Number of bytes of arrays, without those of strings."""
    return sum(array.nbytes for array in outputs.values())


def read_v1(
    version: ModelVersion, payload: RestRequest
) -> tuple[dict[str, Any], str, dict[str, Array]]:
    """Reads a request of V1: parsed JSON, name of the signature, and inputs."""
    body = parse_json(payload.body)
    signature_name = predict_api.read_signature_name(body)
    specs = version.inputs(signature_name)
    arrays = predict_api.read_inputs(body, specs)
    check_inputs(arrays, specs)
    return body, signature_name, arrays


def write_v1(body: dict[str, Any], outputs: dict[str, Array]) -> bytes:
    """Body of a response of V1."""
    response = predict_api.answer(body, outputs)
    if predict_api.has_special_values(outputs):  # as TensorFlow Serving
        return json.dumps(response, default=np.ndarray.tolist).encode()
    return to_json(response)


def read_v2(
    version: ModelVersion, payload: RestRequest
) -> tuple[dict[str, Any], str, dict[str, Array]]:
    """Reads a request of V2: parsed JSON, name of the signature, and inputs."""
    length = payload.json_length
    body = parse_json(payload.body[:length])
    binary = b"" if length is None else payload.body[length:]
    signature_name = open_inference.read_signature_name(body)
    specs = version.inputs(signature_name)
    arrays = open_inference.read_inputs(body, specs, binary)
    check_inputs(arrays, specs)
    return body, signature_name, arrays


def write_v2(
    body: dict[str, Any], outputs: dict[str, Array], version: ModelVersion
) -> tuple[bytes, int | None]:
    """Body of a response of V2 and the length of its JSON, see `predict_v2`."""
    response, binary = open_inference.answer(
        body, outputs, model=version.name, version=version.version
    )
    response.setdefault("id", generate_uuid())
    text = to_json(response)
    return text + binary, len(text) if binary else None


def grpc_output(name: str, array: Array) -> InferOutput:
    """Output of KServe with the raw bytes of an array."""
    output = InferOutput(name, list(array.shape), from_np_dtype(array.dtype))
    output.set_data_from_numpy(array, binary_data=True)
    return output


class StoredModels(kserve.ModelRepository):
    """Model repository of KServe for the models of a `ModelStore`.

    Args:
        store: `ModelStore`.
        batcher: `Batcher`.
    """

    def __init__(self, store: ModelStore, batcher: Batcher) -> None:
        super().__init__(str(store.models_dir))
        self.store, self.batcher = store, batcher

    def get_model(self, name: str) -> StoredModel | None:
        """Model by name, or `None` if none of its versions is loaded."""
        if name not in self.store.models:
            return None
        if name not in self.models:
            self.models[name] = StoredModel(name, self.store, self.batcher)
        return self.models[name]

    def get_models(self) -> dict[str, Any]:
        """Models by name."""
        return {name: self.get_model(name) for name in self.store.models}

    async def load(self, name: str) -> None:
        """Loads a model, see `ModelStore.load`."""
        await self.store.load(name)

    async def unload_and_wait(self, name: str) -> None:
        """Unloads a model, see `ModelStore.unload`."""
        await self.store.unload(name)


class StoredModelsDataPlane(DataPlane):
    """Data plane of KServe, with versions and signatures.

    Args:
        models: `StoredModels`.
        allow_model_control: Whether clients may load and unload models.
    """

    def __init__(
        self, models: StoredModels, *, allow_model_control: bool
    ) -> None:
        super().__init__(models)
        self.store = models.store
        self.allow_model_control = allow_model_control

    def metadata(self) -> dict[str, Any]:
        """Metadata of the server."""
        metadata = super().metadata()
        extensions = ["binary_tensor_data"]
        if self.allow_model_control:
            extensions.append("model_repository_extension")
        return {**metadata, "extensions": extensions}

    async def ready(self) -> bool:
        """Whether a model is loaded."""
        return bool(self.store.models)

    async def model_metadata(
        self, model_name: str, model_version: str = ""
    ) -> dict[str, Any]:
        """Metadata of the default signature of a model.

        Raises:
            UnknownModelError: If it is not served.
        """
        version = self.store.find(model_name, model_version)
        name = predict_api.DEFAULT_SIGNATURE
        if name not in version.signatures:
            name = sorted(version.signatures)[0]
        return {
            "name": model_name,
            "versions": [str(n) for n in sorted(self.store.models[model_name])],
            "platform": "tensorflow_savedmodel",
            "inputs": open_inference.tensor_metadata(version.inputs(name)),
            "outputs": open_inference.tensor_metadata(version.outputs(name)),
        }


def parse_json(body: bytes) -> Any:
    """Parses JSON; like TensorFlow Serving, it accepts NaN and Infinity.

    Raises:
        InvalidRequestError: If it is not JSON.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if b"NaN" not in body and b"Infinity" not in body:
            raise InvalidRequestError(
                f"The body is not JSON: {error}"
            ) from None
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError(f"The body is not JSON: {error}") from None


def to_json(value: Any) -> bytes:
    """Formats JSON, including NumPy arrays; NaN and infinity become null."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
