"""SavedModels that do not generate images."""

import keras
import pytest
import tensorflow as tf

from dlunits.serving.export import export
from dlunits.tasks.gan.generate import load_generator

CARD = {
    "data": "none",
    "metrics": {},
    "command": "test",
    "license": "Apache-2.0",
}


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match="No SavedModel in"):
        load_generator(tmp_path)


def test_a_model_without_a_generator_is_refused(tmp_path):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    spec = [tf.TensorSpec([None, 1], tf.float32)]
    version = export(
        model,
        tmp_path / "dense",
        endpoints=lambda predict: {
            "serving_default": (lambda x: {"y": predict(x)}, spec)
        },
        card=CARD,
    )
    with pytest.raises(ValueError, match="does not generate images"):
        load_generator(version)


def test_a_label_is_refused_without_classes(tmp_path):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    specs = [
        tf.TensorSpec([], tf.int32, "count"),
        tf.TensorSpec([], tf.int64, "seed"),
    ]

    def endpoints(predict):
        def generate(count, seed):
            z = tf.ones((count, 1)) * tf.cast(seed, tf.float32)
            return {"images": predict(z)}

        return {
            "serving_default": (generate, specs),
            "generate": (generate, specs),
        }

    version = export(model, tmp_path / "g", endpoints=endpoints, card=CARD)
    generate = load_generator(version)
    assert generate(3, 0).shape == (3, 1)
    with pytest.raises(ValueError, match="is not conditional"):
        generate(3, 0, 2)
