"""How a language model is trained on a text, and judged."""

import dataclasses
import functools
import hashlib
import pathlib

import keras
import numpy as np

from dlunits.data.text.encoded_text import encode_text, whole_words
from dlunits.data.text.text_streams import (
    evaluation_segments,
    segments_per_epoch,
    training_segments,
)
from dlunits.data.text.vocabulary import build_vocabulary
from dlunits.diagnostics.n_gram_baseline import n_gram_cross_entropy
from dlunits.metrics import BitsPerCharacter, Perplexity
from dlunits.models import RecurrentLanguageModel
from dlunits.training.gradient_norm import ClippedAdam, GradientNorm
from dlunits.training.truncated_bptt import TruncatedBPTT
from dlunits.training.warmup_cosine import warmup_cosine

VALIDATION_STREAMS = 8  # in training; the last figure reads one
COUNTED = 5_000_000  # tokens that the n-grams are counted in, at most
ORDER = 5
WINDOW = 256


@dataclasses.dataclass(frozen=True)
class EncodedCorpus:
    """A corpus as numbers.

    Args:
        vocabulary: `dlunits.data.text.vocabulary.Vocabulary`.
        train, validation: Integer arrays `(num_tokens,)`.
        unknown: Integer, tokens of the validation text that the training text
            does not have. They are left out, and not judged by.
        source: Text, what was read.
    """

    vocabulary: object
    train: np.ndarray
    validation: np.ndarray
    unknown: int
    source: str

    @property
    def fingerprint(self):
        """Hexadecimal digits that change with any token."""
        digest = hashlib.sha256(repr(self.vocabulary).encode())
        for tokens in (self.train, self.validation):
            for start in range(0, len(tokens), 1 << 20):
                digest.update(tokens[start : start + (1 << 20)].tobytes())
        return digest.hexdigest()[:16]

    @functools.cached_property
    def floor(self):
        """Nats a token of a 5-gram model."""
        return n_gram_cross_entropy(
            self.train[:COUNTED], self.validation, ORDER
        )


def encode_corpus(corpus, folder, level, vocabulary_size=None):
    """Learns the vocabulary of a corpus and writes its numbers into a folder.

    Args:
        corpus: `dlunits.data.text.corpora.Corpus`.
        folder: Path of a folder that exists.
        level: "character", "byte" or "word".
        vocabulary_size: Positive integer, or `None` for all tokens.

    Returns:
        `EncodedCorpus`.

    Raises:
        OSError: If a file cannot be written.
        ValueError: If the validation text has no token that is known.

    Example:

    >>> import tempfile
    >>> from dlunits.data.text.corpora import Corpus, Text
    >>> parts = Text(b"abcabc", 0, 6), Text(b"cab!", 0, 4)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     corpus = Corpus("abc", "three letters", *parts)
    ...     encoded = encode_corpus(corpus, folder, "character")
    ...     print(encoded.validation.tolist(), encoded.unknown)
    [3, 1, 2] 1
    """
    pieces = whole_words(corpus.train.chunks(), level)
    vocabulary = build_vocabulary(pieces, level, vocabulary_size)
    train, validation = (
        encode_text(
            text,
            vocabulary,
            pathlib.Path(folder).expanduser() / f"{name}.tokens",
        )
        for name, text in (
            ("train", corpus.train),
            ("validation", corpus.validation),
        )
    )
    known = validation[validation > 0]
    if len(known) < 2:
        raise ValueError(
            f"{corpus.name}: the end of the text, which is kept for "
            "validation, has nothing in common with the rest"
        )
    unknown = len(validation) - len(known)
    return EncodedCorpus(vocabulary, train, known, unknown, corpus.source)


def train_text_model(
    data,
    run_directory,
    *,
    cell,
    units,
    num_layers,
    dropout,
    num_streams,
    steps,
    epochs,
    learning_rate,
    clipnorm,
    patience,
    seed,
    verbose="auto",
):
    """Trains by truncated backpropagation through time.

    Args:
        data: `EncodedCorpus`.
        run_directory: `dlunits.training.RunDirectory` of the run.
        cell, units, num_layers, dropout: See `RecurrentLanguageModel`.
        num_streams: Positive integer, streams read in parallel.
        steps: Positive integer, tokens between two cuts of the gradient.
        epochs, learning_rate, clipnorm, patience, seed, verbose: Numbers.

    Returns:
        `(model, history)`: the `RecurrentLanguageModel` of the best epoch, and
        its dict of metrics.

    Raises:
        ValueError: If the text is too short, or a loss is not finite.
        OSError: If the folder cannot be written to.
    """
    keras.utils.set_random_seed(seed)
    segments = segments_per_epoch(len(data.train), num_streams, steps)
    model = RecurrentLanguageModel(
        data.vocabulary.size, cell, units, num_layers, dropout
    )
    streams = min(VALIDATION_STREAMS, len(data.validation) - 1)
    trained = TruncatedBPTT(model, num_streams, segments, streams)
    schedule = warmup_cosine(
        learning_rate, steps=epochs * segments, warmup_steps=segments // 2
    )
    compile_for_text(trained, ClippedAdam(schedule, global_clipnorm=clipnorm))
    history = run_directory.fit(
        trained,
        functools.partial(
            training_segments, data.train, num_streams=num_streams, steps=steps
        ),
        epochs=epochs,
        steps_per_epoch=segments,
        validation_batches=evaluation_segments(
            data.validation, num_streams=streams, steps=WINDOW
        ),
        patience=patience,
        monitor="val_nats",
        callbacks=[GradientNorm()],
        verbose=verbose,
    )
    return model, history


def compile_for_text(trained, optimizer="sgd"):
    trained.compile(
        optimizer,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        weighted_metrics=[
            keras.metrics.SparseCategoricalCrossentropy(
                from_logits=True, name="nats"
            ),
            BitsPerCharacter(),
            Perplexity(),
        ],
    )


def evaluate_text_model(model, tokens):
    """Reads a whole text with the state carried, and in windows without.

    Args:
        model: `RecurrentLanguageModel`.
        tokens: Integer array `(num_tokens,)`.

    Returns:
        Dict of `nats`, `bits_per_character` and `perplexity` a token, and of
        `window_nats`, where each window of 256 begins from nothing.
    """
    reader = TruncatedBPTT(model, num_streams=1)
    compile_for_text(reader)
    carried = reader.evaluate(
        evaluation_segments(tokens, steps=WINDOW), verbose=0, return_dict=True
    )
    carried.pop("loss")
    windows = max(1, (len(tokens) - 1) // WINDOW)
    reader = TruncatedBPTT(model, num_streams=1, num_evaluation_streams=windows)
    compile_for_text(reader)
    alone = reader.evaluate(
        evaluation_segments(
            tokens[: windows * WINDOW + 1], num_streams=windows, steps=WINDOW
        ),
        verbose=0,
        return_dict=True,
    )
    return {**carried, "window_nats": alone["nats"]}
