"""BitsPerCharacter against its definition."""

import keras
import numpy as np
from keras import ops

from dlunits.metrics import BitsPerCharacter


def test_is_the_definition_over_batches_with_weights():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, (3, 2, 4))
    logits = rng.normal(size=(3, 2, 4, 5)).astype("float32")
    weights = rng.integers(0, 2, (3, 2, 4)).astype("float32")
    metric = BitsPerCharacter()
    for batch in zip(labels, logits, weights, strict=True):
        metric.update_state(*batch)
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    of_labels = np.take_along_axis(p, labels[..., None], -1)[..., 0]
    nats = -(weights * np.log(of_labels)).sum() / weights.sum()
    np.testing.assert_allclose(
        ops.convert_to_numpy(metric.result()), nats / np.log(2), rtol=1e-5
    )


def test_is_the_same_metric_from_its_config():
    metric = BitsPerCharacter(name="other", from_logits=False)
    config = keras.saving.serialize_keras_object(metric)
    again = keras.saving.deserialize_keras_object(config)
    p = np.full((1, 3, 4), 0.25, "float32")
    again.update_state(np.ones((1, 3)), p)
    metric.update_state(np.ones((1, 3)), p)
    assert type(again) is BitsPerCharacter
    assert again.name == "other"
    assert float(again.result()) == float(metric.result())
