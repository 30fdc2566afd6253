"""Comparison of feed-forward windows and recurrent language models."""

import functools
import pathlib
import zlib
from collections.abc import Iterator
from typing import Any

import keras
from keras import layers

from dlunits.data.text.corpora import Corpus
from dlunits.tasks.gradient_flow.train import CELLS
from dlunits.training.gradient_norm import ClippedAdam, GradientNorm
from dlunits.training.run_directory import RunDirectory
from dlunits.training.warmup_cosine import warmup_cosine
from dlunits.typing import Array

NUM_STREAMS, SEGMENT_LENGTH = 32, 64  # a mini-batch of 2,048 characters
WINDOWS = (1, 4, 16)  # characters


def next_token_model(
    vocabulary_size: int,
    *,
    window: int | None = None,
    cell: str | None = None,
    units: int = 64,
) -> keras.Model:
    """Model of the next token, from a window or by a recurrent layer.

    A feed-forward network over a window of n tokens, applied at every
    position, is a causal convolution:

        h_t = relu(W [x_{t-n+1}; ...; x_t] + b)      window=n
        h_t = cell(x_t, h_{t-1})                     cell="rnn", "lstm", "gru"
        p(next token) = softmax(V h_t + c)

    Reference: Bengio et al., 2003, "A neural probabilistic language model",
    https://www.jmlr.org/papers/v3/bengio03a.html; Elman, 1990,
    https://doi.org/10.1207/s15516709cog1402_1.

    Args:
        vocabulary_size: Integer of at least 2.
        window: Positive integer, tokens of the window; or `None`.
        cell: "rnn", "lstm" or "gru"; or `None`.
        units: Positive integer.

    Returns:
        Keras model from `(batch, time)` to logits `(batch, time, tokens)`.

    Raises:
        ValueError: If not exactly one of `window` and `cell` is given.

    Example:

    >>> next_token_model(10, window=3, units=4).output_shape
    (None, None, 10)
    """
    if (window is None) == (cell is None):
        raise ValueError(
            "Exactly one of `window` and `cell` must be given. Received: "
            f"{window=}, {cell=}"
        )
    if cell:
        hidden = CELLS[cell](units, return_sequences=True, name=cell)
    else:
        hidden = layers.Conv1D(
            units, window, padding="causal", activation="relu", name="window"
        )
    return keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            layers.Embedding(vocabulary_size, 16, name="embedding"),
            hidden,
            layers.Dense(vocabulary_size, name="next"),
        ]
    )


def compare_windows_and_rnns(
    folder: pathlib.Path,
    identity: dict[str, Any],
    corpus: Corpus,
    *,
    units: int,
    seed: int,
    epochs: int,
    steps_per_epoch: int,
) -> Iterator[dict[str, Any]]:
    """Trains window models and recurrent networks on the same characters.

    Args:
        folder: `pathlib.Path`; each training run has a subfolder.
        identity: Dict of options that the results depend on, see
            `dlunits.training.RunDirectory`.
        corpus: `dlunits.data.text.corpora.Corpus`.
        units: Positive integer.
        seed: Integer.
        epochs: Positive integer.
        steps_per_epoch: Positive integer, mini-batches of 2,048 characters.

    Yields:
        Dicts for a table, one for each model.
    """
    from dlunits.data.text.vocabulary import build_vocabulary

    vocabulary = build_vocabulary(corpus.train.chunks())
    train, validation = (
        vocabulary.encode("".join(text.chunks()))
        for text in (corpus.train, corpus.validation)
    )
    checksums = [zlib.crc32(tokens.tobytes()) for tokens in (train, validation)]
    identity = {**identity, "text": checksums}
    models = {f"window of {n}": {"window": n} for n in WINDOWS}
    for name, options in (models | {c: {"cell": c} for c in CELLS}).items():
        keras.utils.set_random_seed(seed)
        model = next_token_model(vocabulary.size, units=units, **options)
        run_directory = RunDirectory(
            folder / name.replace(" ", "_"), {**identity, "name": name}
        )
        nats = train_next_token_model(
            model,
            train,
            validation,
            run_directory,
            epochs=epochs,
            steps_per_epoch=steps_per_epoch,
        )
        yield {
            "model": name,
            "parameters": model.count_params(),
            "nats_per_character": nats,
        }


def train_next_token_model(
    model: keras.Model,
    tokens: Array,
    validation: Array,
    run_directory: RunDirectory,
    *,
    epochs: int,
    steps_per_epoch: int,
) -> float:
    """Trains a model, and evaluates its cross-entropy on the validation text.

    The states of recurrent layers are reset before every segment of 64 tokens.

    Args:
        model: Model from `next_token_model`.
        tokens: Integers `(num_tokens,)`, the training text.
        validation: Integers `(num_tokens,)`, the validation text.
        run_directory: `dlunits.training.RunDirectory` of the run.
        epochs: Positive integer.
        steps_per_epoch: Positive integer, mini-batches of 2,048 tokens.

    Returns:
        Float, nats per token.

    Raises:
        ValueError: If a text is too short, or the loss is not finite.
        OSError: If a file cannot be written.
    """
    from dlunits.data.text.text_streams import (
        evaluation_segments,
        training_segments,
    )

    steps = epochs * steps_per_epoch
    schedule = warmup_cosine(1e-2, steps=steps, warmup_steps=50)
    model.compile(
        ClippedAdam(schedule, global_clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        # Unlike the loss, it ignores the padding of the last segment.
        weighted_metrics=[
            keras.metrics.SparseCategoricalCrossentropy(
                name="nats", from_logits=True
            )
        ],
    )
    run_directory.fit(
        model,
        functools.partial(
            training_segments,
            tokens,
            num_streams=NUM_STREAMS,
            segment_length=SEGMENT_LENGTH,
        ),
        epochs=epochs,
        steps_per_epoch=steps_per_epoch,
        callbacks=[GradientNorm()],
        verbose=0,
    )
    segments = evaluation_segments(
        validation, num_streams=NUM_STREAMS, segment_length=SEGMENT_LENGTH
    )
    return float(model.evaluate(segments, verbose=0, return_dict=True)["nats"])
