"""Embedding and recurrent layer in one, for small vocabularies."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from dlunits.layers.rnn.bptt import (
    BackpropagationThroughTime,
    check_is_dense,
)
from dlunits.typing import Config, Shape, Tensor

# For larger vocabularies, projecting the whole embedding matrix takes longer
# than projecting the inputs.
MAX_VOCABULARY_SIZE = 1024


@keras.saving.register_keras_serializable(package="dlunits")
class EmbeddingRNN(keras.layers.Layer):
    """Embedding followed by a recurrent layer, with a shared input projection.

    Returns the same outputs as `recurrent(embedding(tokens))` with fewer
    operations. Instead of the embedding of every token in the batch, the
    embedding matrix E is multiplied by the input kernel W, and each token
    selects a row of the product:

        x_t = E[token_t]
        a_t = x_t W + b = (E W + b)[token_t]

    x_t is the embedding of the token at time t, b the bias and a_t the input
    projection. The product has one row per token of the vocabulary instead of
    one per token of the batch, in the forward and the backward pass. This saves
    most for characters and bytes. If the vocabulary is larger than 1,024, if
    the recurrent layer has input dropout, or if it is not a layer of dlunits,
    the tokens are embedded first.

    Args:
        embedding: `keras.layers.Embedding`.
        recurrent: Recurrent layer, such as `dlunits.layers.LSTM`.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        tokens: Integer tensor, token ids from 0 to vocabulary size - 1.
        initial_state: As for the recurrent layer.
        mask: Boolean tensor `(batch, time)`; the mask of the embedding by
            default.
        training: Whether to apply dropout.

    Input shape: `(batch, time)`.

    Output shape: That of the recurrent layer.

    Raises:
        ValueError: In eager mode, if a token id is out of range; if the tokens
            are a ragged tensor.

    Example, embeddings 1, 2 and 3, and a recurrent layer that adds them up:

    >>> import dlunits
    >>> embedding = keras.layers.Embedding(3, 1)
    >>> embedding.build()
    >>> _ = embedding.embeddings.assign([[1.0], [2.0], [3.0]])
    >>> adder = dlunits.layers.SimpleRNN(
    ...     1, activation="linear", kernel_initializer="ones",
    ...     recurrent_initializer="ones",
    ... )
    >>> layer = EmbeddingRNN(embedding, adder)
    >>> float(layer(ops.convert_to_tensor([[0, 2, 2]]))[0, 0])  # 1 + 3 + 3
    7.0
    """

    def __init__(
        self,
        embedding: keras.layers.Embedding,
        recurrent: keras.layers.RNN,
        **kwargs: Any,
    ):
        kwargs.setdefault("dtype", recurrent.dtype_policy)
        super().__init__(**kwargs)
        self.embedding = embedding
        self.recurrent = recurrent
        self.supports_masking = True
        self.autocast = False  # half precision cannot hold large token ids

    def build(
        self, tokens_shape: Shape, initial_state_shape: Shape | None = None
    ) -> None:
        if not self.embedding.built:
            self.embedding.build(tokens_shape)
        if not self.recurrent.built:
            self.recurrent.build((*tokens_shape, self.embedding.output_dim))

    @property
    def projects_embeddings(self) -> bool:
        """Whether the embedding matrix is projected instead of the inputs."""
        recurrent = self.recurrent
        return (
            type(self.embedding) is keras.layers.Embedding
            and self.embedding.input_dim <= MAX_VOCABULARY_SIZE
            and isinstance(recurrent, BackpropagationThroughTime)
            and recurrent.equations() is not None
            and not recurrent.cell.dropout
        )

    def call(
        self,
        tokens: Tensor,
        initial_state: Sequence[Tensor] | None = None,
        mask: Tensor | None = None,
        training: bool = False,
    ) -> Any:
        check_is_dense(tokens)
        tokens = ops.cast(tokens, "int32")
        check_token_ids(tokens, self.embedding.input_dim)
        if mask is None:
            mask = self.embedding.compute_mask(tokens)
        options = {
            "initial_state": initial_state,
            "mask": mask,
            "training": training,
        }
        if not self.projects_embeddings:
            return self.recurrent(self.embedding(tokens), **options)
        embeddings = ops.cast(self.embedding.embeddings, self.compute_dtype)
        with self.recurrent.embedding_lookup(embeddings):
            return self.recurrent.call(tokens[..., None], **options)

    def compute_mask(
        self, tokens: Tensor, previous_mask: Tensor | None = None
    ) -> Any:
        if previous_mask is None:
            previous_mask = self.embedding.compute_mask(tokens)
        return self.recurrent.compute_mask(None, previous_mask)

    def compute_output_shape(
        self, tokens_shape: Shape, initial_state_shape: Shape | None = None
    ) -> Any:
        return self.recurrent.compute_output_shape(
            (*tokens_shape, self.embedding.output_dim), initial_state_shape
        )

    def get_config(self) -> Config:
        sublayers = {"embedding": self.embedding, "recurrent": self.recurrent}
        serialized = {
            name: keras.saving.serialize_keras_object(layer)
            for name, layer in sublayers.items()
        }
        return {**super().get_config(), **serialized}

    @classmethod
    def from_config(cls, config: Config) -> "EmbeddingRNN":
        config = dict(config)
        sublayers = {
            name: keras.saving.deserialize_keras_object(config.pop(name))
            for name in ("embedding", "recurrent")
        }
        return cls(**sublayers, **config)


def check_token_ids(tokens: Tensor, vocabulary_size: int) -> None:
    """Checks that token ids are in the vocabulary, in eager mode.

    They are not checked in compiled graphs: JAX, and TensorFlow on a GPU,
    cannot raise errors there.

    Raises:
        ValueError: If an id is negative or not less than `vocabulary_size`.

    Example:

    >>> check_token_ids(ops.convert_to_tensor([0, 5]), vocabulary_size=6)
    """
    if not is_concrete(tokens) or not ops.size(tokens):
        return
    smallest, largest = int(ops.min(tokens)), int(ops.max(tokens))
    if smallest < 0 or largest >= vocabulary_size:
        raise ValueError(
            f"Token ids must be from 0 to {vocabulary_size - 1}, as the "
            f"vocabulary has {vocabulary_size} tokens. Received: ids from "
            f"{smallest} to {largest}"
        )


def is_concrete(tensor: Tensor) -> bool:
    """Whether the tensor has a value, because no graph is being traced."""
    if keras.backend.backend() == "jax":
        import jax

        return not isinstance(tensor, jax.core.Tracer)
    return hasattr(tensor, "numpy")
