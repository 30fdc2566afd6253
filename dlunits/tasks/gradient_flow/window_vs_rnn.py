"""Two ways to read a text: through a window, and by a recurrence."""

import functools
import zlib

import keras
from keras import layers

from dlunits.tasks.gradient_flow.train import CELLS
from dlunits.training.gradient_norm import ClippedAdam, GradientNorm
from dlunits.training.run_directory import RunDirectory
from dlunits.training.warmup_cosine import warmup_cosine

STREAMS, SEGMENT = 32, 64  # of a mini-batch: 2,048 characters
WINDOWS = (1, 4, 16)  # characters


def reader(vocabulary_size, *, window=None, cell=None, units=64):
    """A model of the next token, which sees a window or all that was before.

    A feed-forward network with a window of n tokens is the same network at
    every place, which is a convolution that looks back only:

        h_t = relu(W [x_{t-n+1}; ...; x_t] + b)      window=n
        h_t = cell(x_t, h_{t-1})                     cell="rnn", "lstm", "gru"
        p(next token) = softmax(V h_t + c)

    Reference: Bengio et al., 2003, "A neural probabilistic language model",
    https://www.jmlr.org/papers/v3/bengio03a.html; Elman, 1990,
    https://doi.org/10.1207/s15516709cog1402_1.

    Args:
        vocabulary_size: Integer, at least 2.
        window: Positive integer, tokens that it sees; or `None`.
        cell: "rnn", "lstm" or "gru"; or `None`.
        units: Positive integer.

    Returns:
        Keras model, `(batch, time)` to logits `(batch, time, tokens)`.

    Raises:
        ValueError: If not one of `window` and `cell` is given.

    Example:

    >>> reader(10, window=3, units=4).output_shape
    (None, None, 10)
    """
    if (window is None) == (cell is None):
        raise ValueError(
            "Either `window` or `cell` must be given. Received: "
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


def windows_and_recurrences(
    folder, run_of, corpus, *, units, seed, epochs, steps_per_epoch
):
    """Trains models of both kinds on the same characters.

    Args:
        folder: `pathlib.Path`, in which every training gets its own.
        run_of: Dict of what the results depend on.
        corpus: `dlunits.data.text.corpora.Corpus`.
        units: Positive integer.
        seed: Integer.
        epochs: Positive integer.
        steps_per_epoch: Positive integer, mini-batches of 2,048 characters.

    Yields:
        Dicts for a table, one a model.
    """
    from dlunits.data.text.vocabulary import build_vocabulary

    vocabulary = build_vocabulary(corpus.train.chunks())
    texts = [
        vocabulary.encode("".join(text.chunks()))
        for text in (corpus.train, corpus.validation)
    ]
    run_of = {**run_of, "text": [zlib.crc32(text) for text in texts]}
    models = {f"window of {n}": {"window": n} for n in WINDOWS}
    for name, kind in (models | {c: {"cell": c} for c in CELLS}).items():
        keras.utils.set_random_seed(seed)
        model = reader(vocabulary.size, units=units, **kind)
        run_directory = RunDirectory(
            folder / name.replace(" ", "_"), {**run_of, "name": name}
        )
        nats = train_reader(
            model,
            *texts,
            run_directory,
            epochs=epochs,
            steps_per_epoch=steps_per_epoch,
        )
        yield {
            "model": name,
            "parameters": model.count_params(),
            "nats_a_character": nats,
        }


def train_reader(
    model, tokens, validation, run_directory, *, epochs, steps_per_epoch
):
    """Trains a reader and judges it by nats a token of the validation text.

    Every segment of 64 tokens is read as if nothing had been before it.

    Args:
        model: What `reader` returned.
        tokens: Integers, the training text.
        validation: Integers, the validation text.
        run_directory: `dlunits.training.RunDirectory` of the run.
        epochs: Positive integer.
        steps_per_epoch: Positive integer, mini-batches of 2,048 tokens.

    Returns:
        Float, the nats.

    Raises:
        ValueError: If a text is too short, or the loss stops being finite.
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
        # Unlike the loss, it leaves out what a last segment is filled with.
        weighted_metrics=[
            keras.metrics.SparseCategoricalCrossentropy(
                name="nats", from_logits=True
            )
        ],
    )
    run_directory.fit(
        model,
        functools.partial(
            training_segments, tokens, num_streams=STREAMS, segment_length=SEGMENT
        ),
        epochs=epochs,
        steps_per_epoch=steps_per_epoch,
        callbacks=[GradientNorm()],
        verbose=0,
    )
    segments = evaluation_segments(
        validation, num_streams=STREAMS, segment_length=SEGMENT
    )
    return float(model.evaluate(segments, verbose=0, return_dict=True)["nats"])
