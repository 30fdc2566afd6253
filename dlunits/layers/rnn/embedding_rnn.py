"""A recurrent layer that reads tokens, and multiplies each kind but once."""

import keras
from keras import ops

from dlunits.layers.rnn.bptt import BackpropagationThroughTime

LARGEST_TABLE = 1024  # rows; with more, the product of the table costs more


@keras.saving.register_keras_serializable(package="dlunits")
class EmbeddingRNN(keras.layers.Layer):
    """An embedding and the recurrent layer behind it, as one.

    The same as `recurrent(embedding(tokens))`, with fewer operations. There
    are few different tokens, and each is multiplied by the kernel W in every
    place of every text. Here the table of all embeddings E is:

        x_t = E[token_t],    a_t = x_t W + b = (E W + b)[token_t]

    so that the product of the inputs, forwards and backwards, costs as many
    rows as the vocabulary has, in place of batch * time. It saves most where
    characters or bytes are read. With a vocabulary of more than 1,024, with
    dropout of the inputs, and with a recurrent layer that is not of dlunits,
    tokens are embedded first.

    Args:
        embedding: `keras.layers.Embedding`.
        recurrent: Recurrent layer, such as `dlunits.layers.LSTM`.
        Others: Those of `keras.layers.Layer`.

    Call arguments:
        tokens: Tensor of integers in [0, vocabulary size).
        initial_state: As for the recurrent layer.
        mask: Booleans `(batch, time)`; that of the embedding by default.
        training: Whether dropout acts.

    Input shape: `(batch, time)`.

    Output shape: That of the recurrent layer.

    Example, embeddings of 1, 2 and 3, and a layer that adds them up:

    >>> import dlunits
    >>> table = keras.layers.Embedding(3, 1)
    >>> table.build()
    >>> _ = table.embeddings.assign([[1.0], [2.0], [3.0]])
    >>> adder = dlunits.layers.SimpleRNN(
    ...     1, activation="linear", kernel_initializer="ones",
    ...     recurrent_initializer="ones",
    ... )
    >>> reader = EmbeddingRNN(table, adder)
    >>> float(reader(ops.convert_to_tensor([[0, 2, 2]]))[0, 0])
    7.0
    """

    def __init__(self, embedding, recurrent, **kwargs):
        kwargs.setdefault("dtype", recurrent.dtype_policy)
        super().__init__(**kwargs)
        self.embedding = embedding
        self.recurrent = recurrent
        self.supports_masking = True
        self.autocast = False  # half precision would round large tokens

    def build(self, tokens_shape, initial_state_shape=None):
        if not self.embedding.built:
            self.embedding.build(tokens_shape)
        if not self.recurrent.built:
            self.recurrent.build((*tokens_shape, self.embedding.output_dim))

    @property
    def by_table(self):
        """Whether the table of embeddings is multiplied, not the inputs."""
        recurrent = self.recurrent
        return (
            type(self.embedding) is keras.layers.Embedding
            and self.embedding.input_dim <= LARGEST_TABLE
            and isinstance(recurrent, BackpropagationThroughTime)
            and recurrent.equations() is not None
            and not recurrent.cell.dropout
        )

    def call(self, tokens, initial_state=None, mask=None, training=False):
        tokens = ops.cast(tokens, "int32")
        if mask is None:
            mask = self.embedding.compute_mask(tokens)
        options = {
            "initial_state": initial_state,
            "mask": mask,
            "training": training,
        }
        if not self.by_table:
            return self.recurrent(self.embedding(tokens), **options)
        embeddings = ops.cast(self.embedding.embeddings, self.compute_dtype)
        with self.recurrent.reading_rows_of(embeddings):
            return self.recurrent.call(tokens[..., None], **options)

    def compute_mask(self, tokens, previous_mask=None):
        if previous_mask is None:
            previous_mask = self.embedding.compute_mask(tokens)
        return self.recurrent.compute_mask(None, previous_mask)

    def compute_output_shape(self, tokens_shape, initial_state_shape=None):
        return self.recurrent.compute_output_shape(
            (*tokens_shape, self.embedding.output_dim)
        )

    def get_config(self):
        parts = {"embedding": self.embedding, "recurrent": self.recurrent}
        serialized = {
            name: keras.saving.serialize_keras_object(part)
            for name, part in parts.items()
        }
        return {**super().get_config(), **serialized}

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        parts = {
            name: keras.saving.deserialize_keras_object(config.pop(name))
            for name in ("embedding", "recurrent")
        }
        return cls(**parts, **config)
