"""Truncated backpropagation through time, over sequences of any length."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="dlunits")
class TruncatedBPTT(keras.Model):
    """Trains a recurrent model on segments, and carries its states across.

    A long sequence is laid into parallel streams and cut into segments; batch
    k holds segment k of every stream (`dlunits.data.text.text_streams`). States
    go on from segment to segment, gradients stop at its beginning:

        logits, s_k = model(segment_k, stop_gradient(s_{k-1}))

    The states are weights that are not trained, so a checkpoint holds them,
    and a resumed run goes on as if it had not been stopped. They return to
    zero where a new pass begins, and before every evaluation, which has
    states of its own.

    Reference: Williams and Peng, 1990, "An efficient gradient-based algorithm
    for on-line training of recurrent network trajectories",
    https://doi.org/10.1162/neco.1990.2.4.490.

    Args:
        model: Keras model of [sequence, *states] to [outputs, *states], such as
            `dlunits.models.RecurrentLanguageModel`.
        num_streams: Positive integer, the batch size in training.
        segments_per_pass: Positive integer, segments after which the states
            return to zero, or `None` for never.
        num_evaluation_streams: Positive integer, the batch size in evaluation.

    Call arguments:
        inputs: Segments.
        training: Whether these are segments to learn from.

    Input shape: `(num_streams, time, ...)`, what the model takes first. Not in
        training, and of another number of streams, segments are read from
        states of zero, and none are carried.

    Output shape: What the model gives first.

    Raises:
        ValueError: If an argument is out of range, or the model's states that
            come out are not those that go in.

    Example, a model that counts what it has read:

    >>> x, count = keras.Input((None, 1)), keras.Input((1,))
    >>> total = count + ops.sum(x, axis=1)
    >>> counter = keras.Model([x, count], [total, total])
    >>> trained = TruncatedBPTT(counter, num_streams=1, segments_per_pass=2)
    >>> segments = [trained(ops.ones((1, 5, 1)), training=True) for _ in "123"]
    >>> [float(total[0, 0]) for total in segments]  # the third begins anew
    [5.0, 10.0, 5.0]
    """

    def __init__(
        self,
        model,
        num_streams,
        segments_per_pass=None,
        num_evaluation_streams=1,
        **kwargs,
    ):
        super().__init__(**kwargs)
        counts = {
            "num_streams": num_streams,
            "segments_per_pass": segments_per_pass or 1,
            "num_evaluation_streams": num_evaluation_streams,
        }
        for name, count in counts.items():
            if count < 1:
                raise ValueError(
                    f"`{name}` must be at least 1. Received: {name}={count}"
                )
        shapes = [
            [tuple(tensor.shape[1:]) for tensor in tensors[1:]]
            for tensors in (model.inputs, model.outputs)
        ]
        if shapes[0] != shapes[1] or not shapes[0]:
            raise ValueError(
                "`model` must take [sequence, *states] and give [outputs, "
                "*states], states of the same shapes. Received: states of "
                f"{shapes[0]} in and {shapes[1]} out"
            )
        self.model = model
        self.num_streams = num_streams
        self.segments_per_pass = segments_per_pass
        self.num_evaluation_streams = num_evaluation_streams
        self.carried = self.states_of("carried", num_streams)
        self.evaluated = self.states_of("evaluated", num_evaluation_streams)
        self.segment = self.add_weight(
            name="segment",
            shape=(),
            initializer="zeros",
            dtype="int32",
            trainable=False,
        )
        self.built = True

    def states_of(self, name, num_streams):
        return [
            self.add_weight(
                name=f"{name}_{number}",
                shape=(num_streams, *tensor.shape[1:]),
                initializer="zeros",
                dtype="float32",
                autocast=False,
                trainable=False,
            )
            for number, tensor in enumerate(self.model.inputs[1:])
        ]

    def call(self, inputs, training=False):
        states = self.carried if training else self.evaluated
        if not training and inputs.shape[0] != self.num_evaluation_streams:
            zeros = [
                ops.zeros((ops.shape(inputs)[0], *state.shape[1:]))
                for state in states
            ]
            return self.model([inputs, *zeros], training=False)[0]
        before = [ops.stop_gradient(ops.convert_to_tensor(s)) for s in states]
        if training and self.segments_per_pass:
            begun = self.segment % self.segments_per_pass != 0
            before = [s * ops.cast(begun, s.dtype) for s in before]
        outputs, *after = self.model([inputs, *before], training=training)
        for state, value in zip(states, after, strict=True):
            state.assign(ops.cast(ops.stop_gradient(value), "float32"))
        if training:
            self.segment.assign(self.segment + 1)
        return outputs

    def evaluate(self, *args, **kwargs):
        """As `keras.Model.evaluate`, from states of zero."""
        for state in self.evaluated:
            state.assign(ops.zeros(state.shape))
        return super().evaluate(*args, **kwargs)

    def compute_output_shape(self, input_shape):
        states = [
            (self.num_streams, *t.shape[1:]) for t in self.model.inputs[1:]
        ]
        return self.model.compute_output_shape([input_shape, *states])[0]

    def get_config(self):
        return {
            "model": keras.saving.serialize_keras_object(self.model),
            "num_streams": self.num_streams,
            "segments_per_pass": self.segments_per_pass,
            "num_evaluation_streams": self.num_evaluation_streams,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        model = keras.saving.deserialize_keras_object(config.pop("model"))
        return cls(model, **config)
