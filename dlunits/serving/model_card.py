"""The card of an exported model: what it is, from what, how good."""

import datetime
import importlib.metadata
import json
import platform

NEEDED = {
    "data": "where the training data came from",
    "metrics": "dict of what was measured, and on what",
    "command": "the command line that made the model",
    "license": "under which the model may be used",
}
PACKAGES = ("dlunits", "keras", "tensorflow", "numpy")


def image_model_card(data, metrics, command, **more):
    """What only the caller knows of a model of images, for `export`.

    Args:
        data: `dlunits.data.images.image_datasets.ImageDataset` that the model
            was trained on.
        metrics: Dict of what was measured on its test images.
        command: Text, the command that made the model.
        **more: Further entries of the card.

    Returns:
        Dict.
    """
    return {
        "data": data.source,
        **more,
        "metrics": {"test_images": len(data.test[1]), **metrics},
        "command": command,
        "license": "Apache-2.0",
    }


def check_card(card):
    """Raises ValueError where `card` lacks something or is not for JSON."""
    for key, meaning in NEEDED.items():
        if key not in card:
            raise ValueError(
                f"The model card needs {key!r}: {meaning}. "
                f"Received: {sorted(card)}"
            )
    try:
        json.dumps(card, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "The model card must hold what JSON can: strings, finite numbers, "
            f"lists, dicts. Received: {card} ({error})"
        ) from error


def complete_card(card, *, name, version, signatures, parameters, folder):
    """Adds what can be read off the model and the machine.

    Args:
        card: Dict with `data`, `metrics`, `command`, `license`, and whatever
            else a reader should know.
        name: Name of the model.
        version: Integer.
        signatures: `signatures` of the loaded SavedModel.
        parameters: Integer, how many weights the model has.
        folder: `pathlib.Path` of the SavedModel, to measure it.

    Returns:
        Dict for JSON. Sizes are in bytes, an unknown length in a shape is
        `None`.

    Reference: Mitchell et al., 2019, "Model Cards for Model Reporting",
    https://arxiv.org/abs/1810.03993
    """
    now = datetime.datetime.now(datetime.UTC)
    return {
        "name": name,
        "version": version,
        "created": now.isoformat(timespec="seconds"),
        **card,
        "parameters": parameters,
        "bytes": sum(
            path.stat().st_size for path in folder.rglob("*") if path.is_file()
        ),
        "signatures": {
            key: describe(signatures[key]) for key in sorted(signatures)
        },
        "versions": {
            "python": platform.python_version(),
            **{
                package: importlib.metadata.version(package)
                for package in PACKAGES
            },
        },
    }


def describe(signature):
    _, inputs = signature.structured_input_signature
    return {
        "inputs": {key: shape_and_dtype(spec) for key, spec in inputs.items()},
        "outputs": {
            key: shape_and_dtype(spec)
            for key, spec in signature.structured_outputs.items()
        },
    }


def shape_and_dtype(spec):
    """`(None, 28, 28)` and `tf.uint8` as JSON says them.

    >>> import tensorflow as tf
    >>> shape_and_dtype(tf.TensorSpec([None, 28, 28], tf.uint8))
    {'shape': [None, 28, 28], 'dtype': 'uint8'}
    """
    shape = None if spec.shape.rank is None else spec.shape.as_list()
    return {"shape": shape, "dtype": spec.dtype.name}
