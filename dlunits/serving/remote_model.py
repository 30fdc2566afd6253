"""Client for models on a server, over the REST API of TensorFlow Serving."""

import base64
from collections.abc import Callable, Mapping
from typing import Any

import requests
import tensorflow as tf

from dlunits.typing import Tensor

TIMEOUT = 60  # seconds


class RemoteModel:
    """Client for a model on a server, with the interface of a SavedModel.

    `model.signatures[name](**inputs)` and `model.name(*inputs)` send

        POST SERVER/v1/models/NAME:predict
        {"signature_name": name, "inputs": {...}}

    and return a dict of tensors. TensorFlow Serving, KServe and `dlunits serve`
    implement this protocol.

    Reference: https://www.tensorflow.org/tfx/serving/api_rest

    Args:
        server: Address of the server, such as `"http://localhost:8501"`.
        name: Name of the model on the server.
        signatures: Entry `signatures` of the model card.

    Attributes:
        signatures: Dict from name to `RemoteSignature`.

    Example:

    >>> tensor = {"shape": [None], "dtype": "float32"}
    >>> model = RemoteModel(
    ...     "http://localhost:1/",
    ...     "adder",
    ...     {"add": {"inputs": {"x": tensor}, "outputs": {"sum": tensor}}},
    ... )
    >>> model.signatures["add"].address
    'http://localhost:1/v1/models/adder:predict'
    """

    def __init__(
        self, server: str, name: str, signatures: Mapping[str, Any]
    ) -> None:
        session = requests.Session()
        address = f"{server.rstrip('/')}/v1/models/{name}"
        self.address = address
        self.session = session
        self.signatures = {
            key: RemoteSignature(session, f"{address}:predict", key, signature)
            for key, signature in signatures.items()
        }

    def __getattr__(self, name: str) -> Callable[..., dict[str, Tensor]]:
        try:
            signature = self.__dict__["signatures"][name]
        except KeyError:
            raise AttributeError(name) from None

        def call(*arguments: Any) -> dict[str, Tensor]:
            if len(signature.inputs) > 1 and len(arguments) == 1:
                [arguments] = arguments  # a list of tensors, as in Keras
            pairs = zip(signature.inputs, arguments, strict=True)
            return signature(**dict(pairs))

        return call

    def is_served(self) -> bool:
        """Whether the server has this model.

        Returns:
            Boolean.

        Raises:
            ValueError: If the server does not answer.
        """
        try:
            return self.session.get(self.address, timeout=TIMEOUT).ok
        except requests.RequestException as error:
            raise ValueError(no_answer(self.address, error)) from None


class RemoteSignature:
    """Client for a signature of a model on a server.

    Args:
        session: `requests.Session`.
        address: Address of the requests.
        name: Name of the signature.
        signature: Its entry of the model card: `inputs` and `outputs`, dicts of
            name to `shape` and `dtype`.
    """

    def __init__(
        self,
        session: requests.Session,
        address: str,
        name: str,
        signature: Mapping[str, Any],
    ) -> None:
        self.session = session
        self.address = address
        self.name = name
        self.inputs = signature["inputs"]
        self.outputs = signature["outputs"]

    @property
    def structured_input_signature(self) -> tuple[tuple, Mapping[str, Any]]:
        """Positional and named inputs, as those of a loaded SavedModel."""
        return (), self.inputs

    def __call__(self, **inputs: Any) -> dict[str, Tensor]:
        """Sends a request.

        Args:
            **inputs: Tensors or arrays by the names of the inputs.

        Returns:
            Dict of output name to tensor.

        Raises:
            ValueError: If the server does not answer, or returns an error.
        """
        request: dict[str, Any] = {
            "signature_name": self.name,
            "inputs": {key: to_json(value) for key, value in inputs.items()},
        }
        try:
            response = self.session.post(
                self.address, json=request, timeout=TIMEOUT
            )
            answer = response.json()
        except requests.RequestException as error:
            raise ValueError(no_answer(self.address, error)) from None
        if not response.ok or "outputs" not in answer:
            reason = str(answer.get("error", answer)).partition("\n")[0]
            raise ValueError(
                f"{self.address} returned an error for {self.name!r} "
                f"({response.status_code}): {reason}"
            )
        outputs = answer["outputs"]
        if len(self.outputs) == 1 and not isinstance(outputs, dict):
            # The protocol omits the name of a single output.
            outputs = dict.fromkeys(self.outputs, outputs)
        return {
            key: to_tensor(outputs[key], spec["dtype"])
            for key, spec in self.outputs.items()
        }


def no_answer(address: str, error: Exception) -> str:
    """Message about a server that does not answer."""
    return (
        f"{address} does not answer ({type(error).__name__}): start the "
        "server, or omit --server"
    )


def to_json(value: Any) -> Any:
    """Converts a tensor or array to JSON values, with strings in base64.

    Args:
        value: Tensor, array or nested lists.

    Returns:
        Nested lists.

    Example:

    >>> to_json(tf.constant([[1, 2]])), to_json(tf.constant([b"To"]))
    ([[1, 2]], [{'b64': 'VG8='}])
    """
    array = value.numpy() if hasattr(value, "numpy") else value
    listed = array.tolist() if hasattr(array, "tolist") else array
    return encode_bytes(listed)


def encode_bytes(value: Any) -> Any:
    """Encodes the bytes in nested lists in base64."""
    if isinstance(value, list):
        return [encode_bytes(item) for item in value]
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()}
    return value


def to_tensor(value: Any, dtype: str) -> Tensor:
    """Converts JSON values to a tensor; strings may be in base64.

    >>> to_tensor([{"b64": "VG8="}, "be"], "string").numpy().tolist()
    [b'To', b'be']
    """
    if dtype == "string":
        value = decode_bytes(value)
    return tf.constant(value, dtype)


def decode_bytes(value: Any) -> Any:
    """Decodes the base64 strings in nested lists."""
    if isinstance(value, list):
        return [decode_bytes(item) for item in value]
    if isinstance(value, dict):
        return base64.b64decode(value["b64"])
    return value
