"""Image generation with a SavedModel."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from dlunits.serving.load import find_version, load_saved_model
from dlunits.typing import Array, Path


def load_generator(version: Path, model: Any = None) -> Callable[..., Array]:
    """Loads the endpoint `generate` of a SavedModel.

    Args:
        version: Folder that `dlunits.tasks.gan.serve.export_gan` returned, or
            the folder of all versions; then the latest one is loaded.
        model: Object with the endpoints of the SavedModel that is called
            instead of it, such as a `dlunits.serving.remote_model.RemoteModel`.
            Default: the SavedModel.

    Returns:
        Function `generate(count, seed, label=-1)` to images `(count, height,
        width, channels)`. The label -1 generates all classes in turn; it is
        the only label of a generator without classes. The function raises
        ValueError for arguments that are out of range.

    Raises:
        ValueError: If there is no SavedModel, it is damaged, or it does not
            generate images.
    """
    version = find_version(version)
    loaded = load_saved_model(version) if model is None else model
    if "generate" not in loaded.signatures:
        raise ValueError(
            f"{version} does not generate images. Its endpoints are "
            f"{', '.join(sorted(loaded.signatures))}"
        )
    signature = loaded.signatures["generate"]
    arguments = signature.structured_input_signature[1]
    conditional = "label" in arguments
    if not conditional and "count" not in arguments:
        raise ValueError(f"{version} generates text, not images")

    def generate(count: int, seed: int, label: int = -1) -> Array:
        request = {
            "count": tf.constant(count, tf.int32),
            "seed": tf.constant(seed, tf.int64),
        }
        if conditional:
            request["label"] = tf.constant(label, tf.int32)
        elif label != -1:
            raise ValueError(
                f"{version} is not conditional: leave out the label. Received: "
                f"{label}"
            )
        try:
            return signature(**request)["images"].numpy()
        except tf.errors.InvalidArgumentError as error:
            raise ValueError(
                f"{version}: count={count}, label={label} is out of range"
            ) from error

    return generate
