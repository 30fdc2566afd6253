"""Loaded version of a model: checks, warm-up and calls."""

import asyncio
import pathlib
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from dlunits.serving.load import load_saved_model
from dlunits.serving.model_card import (
    CARD_NAME,
    file_checksums,
    read_card,
)
from dlunits.serving.server.errors import (
    InvalidRequestError,
    OverloadedError,
    RequestError,
    UnknownModelError,
)
from dlunits.serving.warmup import read_warmup_requests
from dlunits.typing import Array


class ModelVersion:
    """Loaded version of a model.

    Args:
        name: Name of the model.
        version: Integer.
        folder: Folder of the SavedModel.

    Attributes:
        signatures: Dict from name to signature, a TensorFlow function.
        batched: Names of signatures whose result for an example does not
            depend on the other examples of a call, so that requests may be
            batched: the entry `batched` of the model card.

    Raises:
        ValueError: If the SavedModel is incomplete or damaged, or one of its
            warm-up requests fails.
    """

    def __init__(self, name: str, version: int, folder: pathlib.Path) -> None:
        self.name, self.version, self.folder = name, version, folder
        card = read_optional_card(folder)
        self._loaded = load_saved_model(folder)  # keeps the variables alive
        self.signatures = dict(self._loaded.signatures.items())
        if not self.signatures:
            raise ValueError(f"The SavedModel in {folder} has no signatures")
        batched = card.get("batched", [])
        self.batched = frozenset(batched if isinstance(batched, list) else ())
        self._num_requests = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.warm_up()

    def inputs(self, signature_name: str) -> dict[str, tf.TensorSpec]:
        """Inputs of a signature by name.

        Raises:
            UnknownModelError: If there is no such signature.
        """
        if signature_name not in self.signatures:
            raise UnknownModelError(
                f"Model {self.name!r} has no signature {signature_name!r:.80}: "
                f"choose from {sorted(self.signatures)}"
            )
        signature = self.signatures[signature_name]
        _, specs = signature.structured_input_signature
        return specs

    def outputs(self, signature_name: str) -> dict[str, tf.TensorSpec]:
        """Outputs of a signature by name."""
        return self.signatures[signature_name].structured_outputs

    def call(
        self, signature_name: str, arrays: Mapping[str, Array]
    ) -> dict[str, Array]:
        """Calls a signature.

        Args:
            signature_name: Name of the signature.
            arrays: Inputs by name, see `dlunits.serving.server.tensors`.

        Returns:
            Dict from the name of an output to its array.

        Raises:
            RequestError: If the inputs are invalid, or the call fails.
        """
        specs = self.inputs(signature_name)
        try:
            tensors = {
                name: tf.constant(array, specs[name].dtype)
                for name, array in arrays.items()
            }
            outputs = self.signatures[signature_name](**tensors)
            return {name: as_array(value) for name, value in outputs.items()}
        except tf.errors.ResourceExhaustedError as error:
            raise OverloadedError(
                f"The request needs too much memory: {reason(error)}"
            ) from None
        except (
            tf.errors.InvalidArgumentError,
            tf.errors.OutOfRangeError,
            tf.errors.UnimplementedError,
        ) as error:
            raise InvalidRequestError(reason(error)) from None
        except tf.errors.OpError as error:
            raise RequestError(reason(error)) from None

    def warm_up(self) -> None:
        """Calls the model with its warm-up requests."""
        try:
            for signature_name, arrays in read_warmup_requests(self.folder):
                self.call(signature_name, arrays)
        except (RequestError, ValueError, LookupError) as error:
            raise ValueError(
                f"The SavedModel in {self.folder} fails in its warm-up "
                f"request: {error}"
            ) from None

    def acquire(self) -> None:
        """Counts a request that will be processed by this version."""
        self._num_requests += 1
        self._idle.clear()

    def release(self) -> None:
        """Counts a request as complete."""
        self._num_requests -= 1
        if not self._num_requests:
            self._idle.set()

    def clear(self) -> None:
        """Frees the memory of the model; it can no longer be called."""
        self.signatures = {}
        self._loaded = None

    async def drained(self) -> None:
        """Waits until all requests are complete."""
        await self._idle.wait()


def as_array(tensor: tf.Tensor) -> Array:
    """Converts a tensor to an array, also if it is scalar; strings are bytes.

    >>> as_array(tf.constant("one")), as_array(tf.constant([2]))
    (array(b'one', dtype=object), array([2], dtype=int32))
    """
    dtype = object if tensor.dtype == tf.string else None
    return np.asarray(tensor.numpy(), dtype)


def read_optional_card(folder: pathlib.Path) -> dict[str, Any]:
    """Model card of a version, or an empty dict if it has none.

    The files that the card lists must exist, with the same checksums or, in
    older cards, the same total size. Additional files are allowed, such as the
    model in another format.

    Args:
        folder: Folder of the SavedModel.

    Raises:
        ValueError: If the card is damaged, or a file is missing or changed.
    """
    path = folder / CARD_NAME
    if not path.exists():
        return {}
    card = read_card(folder, {})
    checksums = card.get("sha256")
    if isinstance(checksums, dict):
        found = file_checksums(folder)
        for name, expected in checksums.items():
            if found.get(name) != expected:
                state = "changed" if name in found else "missing"
                raise ValueError(
                    f"The SavedModel in {folder} is incomplete or damaged: "
                    f"{name} is {state}"
                )
    elif isinstance(card.get("bytes"), int):
        size = sum(
            file.stat().st_size
            for file in folder.rglob("*")
            if file.is_file() and file != path
        )
        if size < card["bytes"]:
            raise ValueError(
                f"The SavedModel in {folder} is incomplete: its files have "
                f"{size} bytes, but {card['bytes']} in the model card"
            )
    return card


def reason(error: tf.errors.OpError) -> str:
    r"""Message of an error of TensorFlow, without the node of the graph.

    Args:
        error: Error of a call.

    Returns:
        Text of one line.

    Example:

    >>> text = "Graph execution error: assertion failed: [Too small:] [3] [[y]]"
    >>> text = text.replace("error: ", "error:" + chr(10))
    >>> reason(tf.errors.InvalidArgumentError(None, None, text))
    'Too small: 3'
    """
    text = str(error.message or error).partition(" [[")[0]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    line = re.sub(r"^(\{\{.*?\}\} )*", "", lines[-1] if lines else "")
    if line.startswith("assertion failed: ["):
        line = line.partition("[")[2].removesuffix("]").replace("] [", " ")
    return line[:500] or type(error).__name__
