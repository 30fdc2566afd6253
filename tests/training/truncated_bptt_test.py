"""Truncated backpropagation through time against one long sequence."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from dlunits.data.text.text_streams import (
    evaluation_segments,
    training_segments,
)
from dlunits.models import RecurrentLanguageModel
from dlunits.training import RunDirectory, TruncatedBPTT

SIZE = 5


def make(num_streams=2, **options):
    keras.utils.set_random_seed(0)
    model = RecurrentLanguageModel(SIZE, "gru", units=4, dropout=0.2)
    trained = TruncatedBPTT(model, num_streams, **options)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    trained.compile(keras.optimizers.Adam(0.01), loss)
    return trained


@pytest.fixture
def tokens():
    return np.random.default_rng(0).integers(0, SIZE, 61)


def segments(tokens, first_step=0, last_step=6):
    return training_segments(
        tokens,
        num_streams=2,
        segment_length=5,
        first_step=first_step,
        last_step=last_step,
    )


def without_dropout(**options):
    keras.utils.set_random_seed(0)
    model = RecurrentLanguageModel(SIZE, "lstm", units=4)
    return TruncatedBPTT(model, 2, **options)


def test_states_are_carried_from_segment_to_segment(tokens):
    trained = without_dropout()
    states = trained.model.get_initial_state(2)
    for now, _ in segments(tokens):
        now = ops.convert_to_tensor(now.numpy())
        expected, *states = trained.model([now, *states])
        np.testing.assert_allclose(
            trained(now, training=True), expected, atol=1e-6
        )
    for found, state in zip(trained.training_states, states, strict=True):
        np.testing.assert_allclose(found, state, atol=1e-6)
    assert int(trained.segment.value) == 6


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="It takes gradients by TensorFlow's tape.",
)
def test_gradients_are_truncated_at_the_start_of_a_segment(tokens):
    """They equal those of a model with constant initial states."""
    trained = without_dropout()
    first, second = list(segments(tokens))[:2]
    trained(first[0], training=True)
    states = [
        tf.constant(ops.convert_to_numpy(s)) for s in trained.training_states
    ]
    weights = [w.value for w in trained.trainable_weights]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    with tf.GradientTape() as tape:
        carried = loss(second[1], trained(second[0], training=True))
    found = tape.gradient(carried, weights)
    with tf.GradientTape() as tape:
        logits, *_ = trained.model([second[0], *states], training=True)
        alone = loss(second[1], logits)
    assert float(carried) == pytest.approx(float(alone))
    for one, other in zip(found, tape.gradient(alone, weights), strict=True):
        np.testing.assert_allclose(
            tf.convert_to_tensor(one), tf.convert_to_tensor(other), atol=1e-6
        )


def test_states_are_reset_at_the_start_of_an_epoch(tokens):
    trained = without_dropout(segments_per_epoch=3)
    outputs = [
        ops.convert_to_numpy(trained(now, training=True))
        for now, _ in segments(tokens, 0, 12)
    ]
    whole = without_dropout()
    for step, (now, _) in enumerate(segments(tokens, 0, 3)):
        expected = ops.convert_to_numpy(whole(now, training=True))
        np.testing.assert_allclose(outputs[step], expected, atol=1e-6)
    np.testing.assert_allclose(outputs[6], outputs[0], atol=1e-6)
    assert not np.allclose(outputs[3], outputs[0])


def test_evaluation_carries_its_own_states(tokens):
    trained = without_dropout(num_evaluation_streams=1)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    trained.compile("sgd", loss, weighted_metrics=[loss_metric()])
    trained(next(iter(segments(tokens)))[0], training=True)
    before = [ops.convert_to_numpy(s) for s in trained.training_states]
    found = [
        trained.evaluate(
            evaluation_segments(tokens, segment_length=7),
            verbose=0,
            return_dict=True,
        )["nats"]
        for _ in range(2)
    ]
    logits, *_ = trained.model(
        [
            ops.convert_to_tensor(tokens[None, :-1]),
            *trained.model.get_initial_state(1),
        ]
    )
    expected = float(loss(tokens[None, 1:], logits))
    assert found == pytest.approx([expected] * 2, rel=1e-5)
    for state, value in zip(trained.training_states, before, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(state), value)


def loss_metric():
    return keras.metrics.SparseCategoricalCrossentropy(
        from_logits=True, name="nats"
    )


class StoppedError(Exception):
    pass


class StopAfter(keras.callbacks.Callback):
    def __init__(self, epoch):
        super().__init__()
        self.last = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.last:
            raise StoppedError


def test_a_resumed_run_equals_an_uninterrupted_one(tokens, tmp_path):
    def run(folder, callbacks=()):
        trained = make(segments_per_epoch=4)
        run_directory = RunDirectory(tmp_path / folder, {"task": "text"})
        run_directory.fit(
            trained,
            lambda first_step, last_step: segments(
                tokens, first_step, last_step
            ),
            epochs=4,
            steps_per_epoch=3,  # states are reset within Keras epochs
            callbacks=callbacks,
            verbose=0,
        )
        return [ops.convert_to_numpy(w) for w in trained.weights]

    whole = run("whole")
    with pytest.raises(StoppedError):
        run("stopped", [StopAfter(2)])
    for one, other in zip(whole, run("stopped"), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_saved_model_has_the_states(tokens, tmp_path):
    trained = make(segments_per_epoch=7, num_evaluation_streams=3)
    trained.fit(segments(tokens, 0, 2), shuffle=False, verbose=0)
    trained.save(tmp_path / "trained.keras")
    again = keras.saving.load_model(tmp_path / "trained.keras")
    assert again.get_config() == trained.get_config()
    for one, other in zip(again.weights, trained.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_other_batch_sizes_start_from_zero_states(tokens):
    trained = without_dropout()
    x = tokens[:60].reshape(5, 12)
    for _ in range(2):
        found = trained.predict(x, verbose=0)
        expected, *_ = trained.model(
            [ops.convert_to_tensor(x), *trained.model.get_initial_state(5)]
        )
        np.testing.assert_allclose(found, expected, atol=1e-6)


def without_static_batch_size(dataset):
    return dataset.unbatch().batch(2)


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="Batch sizes are always known on other backends.",
)
def test_datasets_may_have_batches_of_unknown_size(tokens, monkeypatch):
    monkeypatch.setattr(
        tf.config.threading, "get_intra_op_parallelism_threads", lambda: 2
    )
    results = []
    for change in (lambda dataset: dataset, without_static_batch_size):
        trained = make(segments_per_epoch=4, num_evaluation_streams=2)
        data = change(segments(tokens))
        trained.fit(data, shuffle=False, verbose=0)
        scores = [trained.evaluate(data, verbose=0) for _ in range(2)]
        assert scores[0] == scores[1]
        results.append([*trained.get_weights(), scores[0]])
    assert any(state.any() for state in results[0][-4:-1])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="Batch sizes are always known on other backends.",
)
def test_evaluation_of_unknown_batch_sizes_starts_from_zero_states(tokens):
    trained = without_dropout(num_evaluation_streams=5)
    predict = tf.function(
        trained, input_signature=[tf.TensorSpec((None, None), tf.int32)]
    )
    x = tokens[:60].reshape(5, 12).astype("int32")
    first, carried, alone = predict(x), predict(x), predict(x[:2])
    assert not np.allclose(first, carried)
    np.testing.assert_allclose(alone, first[:2], atol=1e-6)
    np.testing.assert_allclose(predict(x), trained(x), atol=1)


def test_batches_of_another_size_are_refused_in_training(tokens):
    trained = without_dropout()
    x = tokens[:60].reshape(5, 12)
    with pytest.raises(ValueError, match=r"of the 2 streams.*shape \(5, 12\)"):
        trained(x, training=True)
    if keras.backend.backend() == "tensorflow":
        short = tf.data.Dataset.from_tensors(x[:1]).unbatch().batch(2)
        with pytest.raises(
            tf.errors.InvalidArgumentError,
            match=r"\[1,12\] is not compatible with expected shape \[2,",
        ):
            short.map(lambda x: trained(x, training=True)).get_single_element()


def test_rejects_arguments_out_of_range():
    model = RecurrentLanguageModel(SIZE, units=4)
    with pytest.raises(ValueError, match="`num_streams` must be at least 1"):
        TruncatedBPTT(model, 0)
    x = keras.Input((3,))
    with pytest.raises(
        ValueError, match=r"must have the inputs .sequence, \*states."
    ):
        TruncatedBPTT(keras.Model(x, keras.layers.Dense(2)(x)), 1)
