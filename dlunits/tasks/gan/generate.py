"""A generator out of a SavedModel, called by Python."""

import pathlib

import tensorflow as tf


def load_generator(version):
    """Opens what `dlunits.tasks.gan.serve.export_gan` wrote.

    Args:
        version: Folder of one version, `saved_models/<name>/<integer>`.

    Returns:
        Function of `count`, `seed` and `label` (-1 for all in turn, which is
        also what a generator without classes wants) to a NumPy array `(count,
        height, width, channels)`.

    Raises:
        OSError: If there is no SavedModel.
        ValueError: If it generates nothing; by the function, if a number is
            out of range, or there are no labels to ask for.
    """
    version = pathlib.Path(version).expanduser()
    if not (version / "saved_model.pb").exists():
        raise OSError(
            f"{version} is no SavedModel: name a folder "
            "saved_models/<name>/<integer>"
        )
    loaded = tf.saved_model.load(version)
    if "generate" not in loaded.signatures:
        raise ValueError(
            f"{version} generates nothing: it offers "
            f"{', '.join(sorted(loaded.signatures))}"
        )
    signature = loaded.signatures["generate"]
    takes_label = "label" in signature.structured_input_signature[1]
    if (
        not takes_label
        and "count" not in signature.structured_input_signature[1]
    ):
        raise ValueError(f"{version} generates texts, not images")

    def generate(count, seed, label=-1):
        request = {
            "count": tf.constant(count, tf.int32),
            "seed": tf.constant(seed, tf.int64),
        }
        if takes_label:
            request["label"] = tf.constant(label, tf.int32)
        elif label != -1:
            raise ValueError(
                f"{version} knows no classes: leave the label out. Received: "
                f"{label}"
            )
        try:
            return signature(**request)["images"].numpy()
        except tf.errors.InvalidArgumentError as error:
            raise ValueError(
                f"{version}: count={count}, label={label} is out of range"
            ) from error

    return generate
