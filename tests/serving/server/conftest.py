"""Small SavedModels whose answers can be checked by hand."""

import json

import pytest
import tensorflow as tf

from dlunits.serving.warmup import write_warmup_requests


class Scale(tf.Module):
    """`serving_default`: y = factor * x, for numbers of at least 0."""

    def __init__(self, factor):
        self.factor = tf.Variable(factor)

    @tf.function(input_signature=[tf.TensorSpec([None, 2], name="x")])
    def scale(self, x):
        tf.debugging.assert_non_negative(x, "x must not be negative")
        return {"y": self.factor * x}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="s")])
    def reverse(self, s):
        return {
            "reversed_bytes": tf.strings.reduce_join(
                tf.reverse(tf.strings.bytes_split(s).to_tensor(""), [1]), axis=1
            ),
            "size": tf.strings.length(s),
        }


def save_scale(folder, factor=2.0, **card):
    """Saves a model with card and warm-up request, in place."""
    module = Scale(factor)
    tf.saved_model.save(
        module,
        str(folder),
        {"serving_default": module.scale, "reverse": module.reverse},
    )
    signatures = tf.saved_model.load(str(folder)).signatures
    write_warmup_requests(folder, signatures, {"serving_default": [[[1, 2.0]]]})
    size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    text = json.dumps({"bytes": size, "batched": ["serving_default"], **card})
    (folder / "model_card.json").write_text(text)
    return folder


@pytest.fixture(scope="session")
def scale_2(tmp_path_factory):
    """Folder of a version that doubles."""
    return save_scale(tmp_path_factory.mktemp("scale") / "2", 2.0)


@pytest.fixture(scope="session")
def scale_3(tmp_path_factory):
    """Folder of a version that triples."""
    return save_scale(tmp_path_factory.mktemp("scale") / "3", 3.0)
