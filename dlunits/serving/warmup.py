"""Requests that TensorFlow Serving makes of a model before it serves it."""

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    model_pb2,
    predict_pb2,
    prediction_log_pb2,
)


def write_warmup_requests(folder, signatures, requests):
    """Writes `assets.extra/tf_serving_warmup_requests` into a SavedModel.

    Without them the first caller after a start or a new version waits while
    TensorFlow prepares its kernels.

    Args:
        folder: `pathlib.Path` of the SavedModel.
        signatures: `signatures` of the loaded SavedModel. Each request is
            made once here, so one that fails never gets to a server.
        requests: Dict of signature name to the arguments of one call, a list
            or a dict by their names.

    Raises:
        ValueError: If a request names no signature, or does not fit it.

    Reference: https://www.tensorflow.org/tfx/serving/saved_model_warmup
    """
    extra = folder / "assets.extra"
    extra.mkdir()
    path = extra / "tf_serving_warmup_requests"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for name, arguments in requests.items():
            inputs = checked_inputs(signatures, name, arguments)
            writer.write(prediction_log(name, inputs).SerializeToString())


def checked_inputs(signatures, name, arguments):
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
            f"The warm-up request of {name!r} must be a call of it with "
            f"{list(specs.values())}. Received arguments of shape "
            f"{shapes_of(arguments)}, see the error above."
        ) from error
    return inputs


def shapes_of(arguments):
    if isinstance(arguments, dict):
        return {key: np.shape(value) for key, value in arguments.items()}
    return [np.shape(value) for value in arguments]


def prediction_log(name, inputs):
    """Leaves the model's name and version open: the server knows them."""
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
