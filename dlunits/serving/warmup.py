"""Warm-up requests of TensorFlow Serving."""

import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import (
    model_pb2,
    predict_pb2,
    prediction_log_pb2,
)

from dlunits.typing import Array

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"


def write_warmup_requests(
    folder: pathlib.Path, signatures: Any, requests: dict[str, Any]
) -> None:
    """Writes warm-up requests to `assets.extra` of a SavedModel.

    TensorFlow Serving makes these requests before it serves a version. Without
    them, the first request after a start is slow, because TensorFlow
    initializes its kernels.

    Args:
        folder: `pathlib.Path` of the SavedModel.
        signatures: `signatures` of the loaded SavedModel. Each request is made
            once as a check.
        requests: Dict from signature name to the arguments of one call, as a
            list or as a dict by name.

    Raises:
        ValueError: If there is no such signature, or a request fails.

    Reference: https://www.tensorflow.org/tfx/serving/saved_model_warmup
    """
    path = folder / WARMUP_FILE
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as writer:
        for name, arguments in requests.items():
            inputs = warmup_inputs(signatures, name, arguments)
            writer.write(prediction_log(name, inputs).SerializeToString())


def read_warmup_requests(
    folder: pathlib.Path,
) -> Iterator[tuple[str, dict[str, Array]]]:
    """Reads the warm-up requests of a SavedModel.

    Args:
        folder: `pathlib.Path` of the SavedModel.

    Yields:
        For each request, the name of the signature and a dict from the name of
        an input to its array.

    Raises:
        ValueError: If the file is damaged.
    """
    path = folder / WARMUP_FILE
    if not path.exists():
        return
    try:
        for record in tf.data.TFRecordDataset(str(path)):
            log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
            request = log.predict_log.request
            inputs = {
                name: tf.make_ndarray(tensor)
                for name, tensor in request.inputs.items()
            }
            yield request.model_spec.signature_name, inputs
    except (tf.errors.OpError, DecodeError, TypeError) as error:
        first_line = str(error).partition("\n")[0]
        raise ValueError(f"{path} is damaged: {first_line}") from None


def warmup_inputs(signatures: Any, name: str, arguments: Any) -> dict[str, Any]:
    """Converts the arguments of a call to tensors by name; tests the call."""
    if name not in signatures:
        raise ValueError(
            "A warm-up request must be for one of the endpoints "
            f"{sorted(signatures)}. Received: {name!r}"
        )
    _, specs = signatures[name].structured_input_signature
    try:
        if not isinstance(arguments, dict):
            arguments = dict(zip(specs, arguments, strict=True))
        inputs = {
            key: tf.constant(value, specs[key].dtype)
            for key, value in arguments.items()
        }
        signatures[name](**inputs)
    except (TypeError, ValueError, tf.errors.InvalidArgumentError) as error:
        raise ValueError(
            f"The warm-up request of {name!r} must be a valid call with "
            f"{list(specs.values())}. Received: arguments of shape "
            f"{shapes_of(arguments)}; see the error above"
        ) from error
    return inputs


def shapes_of(arguments: Any) -> Any:
    """Shapes of arguments, for an error message."""
    if isinstance(arguments, dict):
        return {key: np.shape(value) for key, value in arguments.items()}
    return [np.shape(value) for value in arguments]


def prediction_log(
    name: str, inputs: dict[str, Any]
) -> prediction_log_pb2.PredictionLog:
    """Log record of a request, without name and version of the model."""
    request = predict_pb2.PredictRequest(
        model_spec=model_pb2.ModelSpec(signature_name=name),
        inputs={
            key: tf.make_tensor_proto(value.numpy())
            for key, value in inputs.items()
        },
    )
    return prediction_log_pb2.PredictionLog(
        predict_log=prediction_log_pb2.PredictLog(request=request)
    )
