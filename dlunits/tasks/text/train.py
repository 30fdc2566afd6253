"""Training and evaluation of recurrent language models on a text."""

import dataclasses
import functools
import hashlib
import math
from typing import Any

import keras

from dlunits.data.text.corpora import Corpus
from dlunits.data.text.encoded_text import align_to_words, encode_text
from dlunits.data.text.text_streams import (
    evaluation_segments,
    segments_per_epoch,
    training_segments,
)
from dlunits.data.text.vocabulary import Vocabulary, build_vocabulary
from dlunits.diagnostics.n_gram_baseline import n_gram_cross_entropy
from dlunits.metrics import BitsPerCharacter, Perplexity
from dlunits.models import RecurrentLanguageModel
from dlunits.paths import expand_user
from dlunits.training.distribution import current
from dlunits.training.gradient_norm import ClippedAdam, GradientNorm
from dlunits.training.memory import check_memory, recurrent_weights
from dlunits.training.run_directory import RunDirectory
from dlunits.training.truncated_bptt import TruncatedBPTT
from dlunits.training.warmup_cosine import warmup_cosine
from dlunits.typing import Array, Path

VALIDATION_STREAMS = 8  # during training; the final evaluation uses one
MAX_N_GRAM_TOKENS = 5_000_000  # training tokens that n-grams are counted in
N_GRAM_ORDER = 5
WINDOW = 256


@dataclasses.dataclass(frozen=True)
class EncodedCorpus:
    """Token ids of a corpus.

    Args:
        vocabulary: `dlunits.data.text.vocabulary.Vocabulary` of the training
            text.
        train, validation: Integer arrays `(num_tokens,)`. Unknown tokens are
            dropped from the validation text.
        num_unknown: Integer, number of tokens that are dropped.
        source: Description of the data.
    """

    vocabulary: Vocabulary
    train: Array
    validation: Array
    num_unknown: int
    source: str

    @property
    def fingerprint(self) -> str:
        """Hash of vocabulary and token ids, 16 hexadecimal digits."""
        digest = hashlib.sha256(repr(self.vocabulary).encode())
        for tokens in (self.train, self.validation):
            for start in range(0, len(tokens), 1 << 20):
                digest.update(tokens[start : start + (1 << 20)].tobytes())
        return digest.hexdigest()[:16]

    @functools.cached_property
    def n_gram_nats(self) -> float:
        """Cross-entropy of a 5-gram model, in nats per token."""
        return n_gram_cross_entropy(
            self.train[:MAX_N_GRAM_TOKENS], self.validation, N_GRAM_ORDER
        )


def encode_corpus(
    corpus: Corpus,
    folder: Path,
    token_type: str,
    max_tokens: int | None = None,
) -> EncodedCorpus:
    """Builds the vocabulary of a corpus and encodes its texts into files.

    Args:
        corpus: `dlunits.data.text.corpora.Corpus`.
        folder: Existing folder, in which `train.tokens` and
            `validation.tokens` are written.
        token_type: "character", "byte" or "word".
        max_tokens: Maximum number of tokens in the vocabulary, or `None` for
            all.

    Returns:
        `EncodedCorpus`.

    Raises:
        OSError: If a file cannot be written.
        ValueError: If the validation text has fewer than two known tokens.

    Example:

    >>> import tempfile
    >>> from dlunits.data.text.corpora import Corpus, Text
    >>> parts = Text(b"abcabc", 0, 6), Text(b"cab!", 0, 4)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     corpus = Corpus("abc", "three letters", *parts)
    ...     encoded = encode_corpus(corpus, folder, "character")
    ...     print(encoded.validation.tolist(), encoded.num_unknown)
    [3, 1, 2] 1
    """
    chunks = align_to_words(corpus.train.chunks(), token_type)
    vocabulary = build_vocabulary(chunks, token_type, max_tokens)
    train, validation = (
        encode_text(
            text,
            vocabulary,
            expand_user(folder) / f"{name}.tokens",
        )
        for name, text in (
            ("train", corpus.train),
            ("validation", corpus.validation),
        )
    )
    known = validation[validation > 0]
    if len(known) < 2:
        raise ValueError(
            f"{corpus.name}: the end of the text, which is used for "
            "validation, has no token in common with the training text"
        )
    num_unknown = len(validation) - len(known)
    return EncodedCorpus(vocabulary, train, known, num_unknown, corpus.source)


def train_text_model(
    data: EncodedCorpus,
    run_directory: RunDirectory,
    *,
    cell: str,
    units: int,
    num_layers: int,
    dropout: float,
    num_streams: int,
    bptt_steps: int,
    epochs: int,
    learning_rate: float,
    clipnorm: float,
    patience: int,
    seed: int,
    verbose: str | int = "auto",
) -> tuple[RecurrentLanguageModel, dict[str, list[float]]]:
    """Trains a language model by truncated backpropagation through time.

    Args:
        data: `EncodedCorpus`.
        run_directory: `dlunits.training.RunDirectory` of the run.
        cell, units, num_layers, dropout: As in
            `dlunits.models.RecurrentLanguageModel`.
        num_streams: Positive integer, number of parallel streams of the text,
            which is the batch size.
        bptt_steps: Positive integer, tokens through which the gradient is
            propagated back.
        epochs: Positive integer.
        learning_rate: Peak learning rate of Adam.
        clipnorm: Maximum norm of the gradient.
        patience: Positive integer, epochs without a lower validation
            cross-entropy after which training stops.
        seed: Integer.
        verbose: As in `keras.Model.fit`.

    Returns:
        `(model, history)`: the `RecurrentLanguageModel` of the best epoch, and
        a dict of metric name to its values, one for each epoch.

    Raises:
        ValueError: If the text is too short, the network does not fit in the
            memory, or a loss is not finite.
        OSError: If a file cannot be written.
    """
    embeddings = 2 * data.vocabulary.size * units  # of inputs and outputs
    check_memory(embeddings + recurrent_weights(cell, units, num_layers))
    keras.utils.set_random_seed(seed)
    segments = segments_per_epoch(len(data.train), num_streams, bptt_steps)
    model = RecurrentLanguageModel(
        data.vocabulary.size, cell, units, num_layers, dropout
    )
    streams = validation_streams(len(data.validation), current().num_devices)
    trainer = TruncatedBPTT(model, num_streams, segments, streams)
    schedule = warmup_cosine(
        learning_rate, steps=epochs * segments, warmup_steps=segments // 2
    )
    compile_text_model(trainer, ClippedAdam(schedule, global_clipnorm=clipnorm))
    history = run_directory.fit(
        trainer,
        functools.partial(
            training_segments,
            data.train,
            num_streams=num_streams,
            segment_length=bptt_steps,
        ),
        epochs=epochs,
        steps_per_epoch=segments,
        validation_batches=functools.partial(
            evaluation_segments,
            data.validation,
            num_streams=streams,
            segment_length=WINDOW,
        ),
        patience=patience,
        monitor="val_nats",
        callbacks=[GradientNorm()],
        verbose=verbose,
    )
    return model, history


def validation_streams(num_tokens: int, num_devices: int) -> int:
    """Number of streams of the validation text, a multiple of the devices.

    >>> validation_streams(1000, num_devices=1), validation_streams(1000, 3)
    (8, 9)
    """
    streams = min(VALIDATION_STREAMS, num_tokens - 1)
    return -(-streams // num_devices) * num_devices


def compile_text_model(trainer: TruncatedBPTT, optimizer: Any = "sgd") -> None:
    """Compiles with the loss and the metrics of language models."""
    trainer.compile(
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


def evaluate_text_model(
    model: RecurrentLanguageModel, tokens: Array
) -> dict[str, float]:
    """Evaluates a language model on a text, with and without carried states.

    Args:
        model: `dlunits.models.RecurrentLanguageModel`.
        tokens: Integer array `(num_tokens,)`.

    Returns:
        Dict of `nats`, `bits_per_character` and `perplexity`, means per token
        over the whole text with carried states, and of `window_nats`, where
        the states are reset every 256 tokens.

    Raises:
        ValueError: If a score is not finite, as after a training that
            diverged.
    """
    evaluator = TruncatedBPTT(model, num_streams=1)
    compile_text_model(evaluator)
    scores = evaluator.evaluate(
        evaluation_segments(tokens, segment_length=WINDOW),
        verbose=0,
        return_dict=True,
    )
    scores.pop("loss")
    windows = max(1, (len(tokens) - 1) // WINDOW)
    evaluator = TruncatedBPTT(
        model, num_streams=1, num_evaluation_streams=windows
    )
    compile_text_model(evaluator)
    window_scores = evaluator.evaluate(
        evaluation_segments(
            tokens[: windows * WINDOW + 1],
            num_streams=windows,
            segment_length=WINDOW,
        ),
        verbose=0,
        return_dict=True,
    )
    scores = {**scores, "window_nats": window_scores["nats"]}
    for name, value in scores.items():
        if not math.isfinite(value):
            raise ValueError(
                f"The training diverged: {name} is {value} on the validation "
                f"text, and nats {scores['nats']:.6g}. Reduce the learning rate"
            )
    return scores
