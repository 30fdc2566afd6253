"""Truncated backpropagation through time (BPTT) with carried states."""

from typing import Any

import keras
from keras import ops

from dlunits.layers.rnn.static_batch_size import with_static_batch_size
from dlunits.training.distribution.replicas import replica_context
from dlunits.typing import Config, Shape, Tensor


@keras.saving.register_keras_serializable(package="dlunits")
class TruncatedBPTT(keras.Model):
    """Truncated backpropagation through time (BPTT) on long sequences.

    A sequence is split into parallel streams and each stream into segments;
    batch k contains segment k of every stream
    (`dlunits.data.text.text_streams`). States s are carried from one segment to
    the next, and gradients are truncated at the start of a segment:

        logits_k, s_k = model(segment_k, stop_gradient(s_{k-1}))

    The states are non-trainable weights, so that a checkpoint contains them and
    a resumed run equals an uninterrupted one. They are reset to zero after
    `segments_per_epoch` segments. Evaluation has separate states, which are
    reset before every `evaluate`.

    Reference: Williams and Peng, 1990, "An efficient gradient-based algorithm
    for on-line training of recurrent network trajectories",
    https://doi.org/10.1162/neco.1990.2.4.490.

    Args:
        model: Keras model that maps `[sequence, *states]` to
            `[outputs, *states]`, such as
            `dlunits.models.RecurrentLanguageModel`.
        num_streams: Positive integer, batch size in training.
        segments_per_epoch: Positive integer, segments after which the states
            are reset to zero, or `None` for never.
        num_evaluation_streams: Positive integer, batch size in evaluation.
        **kwargs: Keyword arguments of `keras.Model`, such as `name`.

    Call arguments:
        inputs: Segments.
        training: Boolean, whether the training states are used and updated.

    Input shape: `(num_streams, time, ...)`, that of the model's first input.
        If `training` is false and the batch size is not
        `num_evaluation_streams`, segments start from zero states, and no
        states are stored.

    Output shape: That of the model's first output.

    Raises:
        ValueError: If an argument is out of range, if the shapes of the
            model's input and output states differ, or, in training, if the
            batch size is not `num_streams`.

    Example, a model that counts the time steps of its inputs:

    >>> x, count = keras.Input((None, 1)), keras.Input((1,))
    >>> total = count + ops.sum(x, axis=1)
    >>> counter = keras.Model([x, count], [total, total])
    >>> model = TruncatedBPTT(counter, num_streams=1, segments_per_epoch=2)
    >>> totals = [model(ops.ones((1, 5, 1)), training=True) for _ in range(3)]
    >>> [float(total[0, 0]) for total in totals]  # reset before the third
    [5.0, 10.0, 5.0]
    """

    def __init__(
        self,
        model: keras.Model,
        num_streams: int,
        segments_per_epoch: int | None = None,
        num_evaluation_streams: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        counts = {
            "num_streams": num_streams,
            "segments_per_epoch": segments_per_epoch or 1,
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
                "`model` must have the inputs [sequence, *states] and the "
                "outputs [outputs, *states], with states of the same shapes. "
                f"Received: input states {shapes[0]}, output states "
                f"{shapes[1]}"
            )
        self.model = model
        self.num_streams = num_streams
        self.segments_per_epoch = segments_per_epoch
        self.num_evaluation_streams = num_evaluation_streams
        self.training_states = self.add_states("carried", num_streams)
        self.evaluation_states = self.add_states(
            "evaluated", num_evaluation_streams
        )
        self.segment = self.add_weight(
            name="segment",
            shape=(),
            initializer="zeros",
            dtype="int32",
            trainable=False,
            aggregation="only_first_replica",
        )
        self.built = True

    def add_states(self, name: str, num_streams: int) -> list[keras.Variable]:
        """Adds a non-trainable weight for each state of the model."""
        return [
            self.add_weight(
                name=f"{name}_{number}",
                shape=(num_streams, *tensor.shape[1:]),
                initializer="zeros",
                dtype="float32",
                autocast=False,
                trainable=False,
                # All devices have the states of all streams.
                aggregation="only_first_replica",
            )
            for number, tensor in enumerate(self.model.inputs[1:])
        ]

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        states = self.training_states if training else self.evaluation_states
        context = replica_context()
        carried = [ops.stop_gradient(ops.convert_to_tensor(s)) for s in states]
        if context:  # each device has a part of the streams
            carried = own_streams(carried, context)
        num_streams = carried[0].shape[0]
        if training:
            if inputs.shape[0] not in (None, num_streams):
                raise ValueError(
                    "In training a batch must have a segment of each of the "
                    f"{num_streams} streams. Received: inputs of shape "
                    f"{tuple(inputs.shape)} with num_streams={num_streams}"
                )
            inputs, *carried = with_static_batch_size([inputs, *carried])
            if self.segments_per_epoch:
                keep = self.segment % self.segments_per_epoch != 0
                carried = [s * ops.cast(keep, s.dtype) for s in carried]
        batch_size = ops.shape(inputs)[0]

        def if_streams(then, otherwise):
            if inputs.shape[0] is None:  # known when the graph runs
                return ops.cond(batch_size == num_streams, then, otherwise)
            return then() if batch_size == num_streams else otherwise()

        before = if_streams(
            lambda: carried,
            lambda: [ops.zeros((batch_size, *s.shape[1:])) for s in states],
        )
        outputs, *after = self.model([inputs, *before], training=training)
        after = if_streams(lambda: after, lambda: carried)
        if context:
            after = [context.all_gather(value, axis=0) for value in after]
        for state, value in zip(states, after, strict=True):
            value = ops.cast(ops.stop_gradient(value), "float32")
            state.assign(ops.reshape(value, state.shape))
        if training:
            self.segment.assign(self.segment + 1)
        return outputs

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        """Calls `keras.Model.evaluate` with states reset to zero.

        Args:
            *args, **kwargs: Arguments of `keras.Model.evaluate`.

        Returns:
            Loss and metrics, as returned by `keras.Model.evaluate`.
        """
        for state in self.evaluation_states:
            state.assign(ops.zeros(state.shape))
        return super().evaluate(*args, **kwargs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        states = [
            (self.num_streams, *t.shape[1:]) for t in self.model.inputs[1:]
        ]
        return self.model.compute_output_shape([input_shape, *states])[0]

    def get_config(self) -> Config:
        return {
            "model": keras.saving.serialize_keras_object(self.model),
            "num_streams": self.num_streams,
            "segments_per_epoch": self.segments_per_epoch,
            "num_evaluation_streams": self.num_evaluation_streams,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: Config) -> "TruncatedBPTT":
        config = dict(config)
        model = keras.saving.deserialize_keras_object(config.pop("model"))
        return cls(model, **config)


def own_streams(states: list[Tensor], context: Any) -> list[Tensor]:
    """States of the streams of one of several devices."""
    parts = context.num_replicas_in_sync
    index = context.replica_id_in_sync_group
    size = states[0].shape[0] // parts
    shapes = [(size, *state.shape[1:]) for state in states]
    return [
        ops.slice(state, (index * size, *(0 for _ in shape[1:])), shape)
        for state, shape in zip(states, shapes, strict=True)
    ]
