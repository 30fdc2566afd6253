"""Generation and scoring of texts with an exported language model."""

import codecs
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import tensorflow as tf

from dlunits.data.text.corpora import normalize_text, read_text
from dlunits.data.text.encoded_text import align_to_words
from dlunits.serving.load import find_version, load_saved_model
from dlunits.serving.model_card import read_card
from dlunits.typing import Path

CHUNK_SIZE = 1 << 15  # characters or bytes that are scored at once
ENDPOINTS = {"generate", "score", "score_next", "start", "step"}


class TextGenerator:
    """A language model exported by `dlunits.tasks.text.serve`.

    Args:
        version: Folder of a version of the SavedModel, or of all versions;
            then the latest one is loaded.
        model: Object with the endpoints of the SavedModel that is called
            instead of it, such as a `dlunits.serving.remote_model.RemoteModel`.
            Default: the SavedModel.

    Attributes:
        card: Dict, its model card.

    Raises:
        ValueError: If the folder contains no exported language model.
    """

    def __init__(self, version: Path, model: Any = None) -> None:
        self.version = find_version(version)
        try:
            self.card: dict[str, Any] = read_card(
                self.version, {"token_type": str}
            )
            if model is None:
                model = load_saved_model(self.version)
            self.signatures = model.signatures
        except ValueError as error:
            raise ValueError(
                f"{self.version} is not an exported text model ({error}). "
                "Expected a folder such as saved_models/text_tiny_shakespeare/1"
            ) from None
        missing = ENDPOINTS - set(self.signatures)
        if missing:
            raise ValueError(
                f"{self.version} is not an exported text model: it lacks the "
                f"endpoints {sorted(missing)}"
            )

    def normalize(self, text: str) -> str:
        r"""Text as the model was trained on it.

        Args:
            text: Text.

        Returns:
            The text without a byte-order mark and with line ends "\n". If
            tokens are bytes, the text is not changed.
        """
        byte_level = self.card["token_type"] == "byte"
        return text if byte_level else normalize_text(text)

    def count_unknown_tokens(self, texts: Sequence[str]) -> list[int]:
        """Number of tokens of each text that are not in the vocabulary."""
        texts = [self.normalize(text) for text in texts]
        outputs = self.signatures["score"](text=tf.constant(texts))
        return outputs["num_unknown"].numpy().tolist()

    def stream(
        self, prompt: str, length: int, *, seed: int = 0, **sampling: float
    ) -> Iterator[str]:
        """Continues a prompt, token by token.

        Args:
            prompt: Text.
            length: Integer, number of tokens to add.
            seed: Integer.
            **sampling: `temperature`, `top_k` and `top_p`.

        Yields:
            Texts. Tokens that are bytes are joined to whole characters.
        """
        steps = self.stream_steps(prompt, length, seed=seed, **sampling)
        for text, _ in steps:
            if text:
                yield text

    def stream_steps(
        self, prompt: str, length: int, *, seed: int = 0, **sampling: float
    ) -> Iterator[tuple[str, Any]]:
        """Continues a prompt as `stream` does, with the logits of each step.

        Args:
            prompt: Text.
            length: Integer, number of tokens to add.
            seed: Integer.
            **sampling: `temperature`, `top_k` and `top_p`.

        Yields:
            `(text, logits)` of each token: its text, which is empty for a byte
            that completes no character; and the logits `(1, vocabulary_size)`
            from which it is sampled, for `next_tokens`.
        """
        characters = codecs.getincrementaldecoder("utf-8")("replace")
        prompt = self.normalize(prompt)
        state = self.signatures["start"](prompt=tf.constant([prompt]))
        options = {
            "seed": tf.constant([seed], tf.int64),
            **sampling_options(**sampling),
        }
        for _ in range(length):
            logits = state["logits"]
            state = self.signatures["step"](**state, **options)
            yield characters.decode(state.pop("token").numpy()[0]), logits

    def next_tokens(self, logits: Any, **sampling: float) -> dict[str, float]:
        """Most probable tokens of one step, and their probabilities.

        Args:
            logits: Tensor `(1, vocabulary_size)`, see `stream_steps`.
            **sampling: `temperature`, `top_k` and `top_p`.

        Returns:
            Dict from text to probability, the most probable first, without
            the tokens that are never sampled.
        """
        outputs = self.signatures["next_tokens"](
            logits=logits, **sampling_options(**sampling)
        )
        tokens = outputs["token"].numpy()[0]
        probabilities = outputs["probability"].numpy()[0].tolist()
        return {
            token.decode(errors="replace"): probability
            for token, probability in zip(tokens, probabilities, strict=True)
            if probability > 0
        }

    def generate(
        self,
        prompts: Sequence[str],
        length: int,
        *,
        seed: int = 0,
        **sampling: float,
    ) -> list[str]:
        """Continues several prompts in one batch.

        Args:
            prompts: List of texts.
            length: Integer, number of tokens to add to each.
            seed: Integer, seed of the first prompt; prompt i has `seed + i`.
            **sampling: `temperature`, `top_k` and `top_p`.

        Returns:
            List of texts, each beginning with its prompt, normalized.
        """
        prompts = [self.normalize(prompt) for prompt in prompts]
        outputs = self.signatures["generate"](
            prompt=tf.constant(prompts),
            length=tf.constant(length),
            seed=tf.range(seed, seed + len(prompts), dtype=tf.int64),
            **sampling_options(**sampling),
        )
        texts = outputs["text"].numpy()
        return [text.decode(errors="replace") for text in texts]

    def samples(self, length: int = 500, seed: int = 0) -> dict[str, str]:
        """Texts from an empty prompt at three temperatures, by heading."""
        return {
            f"Sample at temperature {temperature}": self.generate(
                [""], length, seed=seed, temperature=temperature
            )[0]
            for temperature in (0.5, 0.8, 1.0)
        }

    def score(self, chunks: Iterable[str | bytes]) -> dict[str, float]:
        """Scores one long text that is read in chunks.

        Every token outside the vocabulary is scored with the cross-entropy of
        the unknown token, so that all parts of a text count.

        Args:
            chunks: Iterable of texts or bytes.

        Returns:
            Dict of `bits_per_character`, `num_characters` and `num_unknown`,
            the number of unknown tokens.

        Raises:
            ValueError: If the text is empty.
        """
        state: dict[str, Any] = {}
        total = {"nats": 0.0, "num_characters": 0, "num_unknown": 0}
        pieces = align_to_words(cut(chunks), self.card["token_type"])
        for piece in pieces:
            endpoint = self.signatures["score_next" if state else "score"]
            outputs = endpoint(text=tf.constant([piece]), **state)
            for key in total:
                total[key] += outputs[key].numpy()[0].item()
            state = {
                key: value
                for key, value in outputs.items()
                if key == "previous_token" or key.startswith("state_")
            }
        if not total["num_characters"]:
            raise ValueError("The text to score is empty")
        nats = total.pop("nats") / total["num_characters"]
        return {"bits_per_character": nats / float(tf.math.log(2.0)), **total}


def cut(chunks: Iterable[Any]) -> Iterator[Any]:
    """Cuts texts or bytes into pieces that are small enough to score."""
    for chunk in chunks:
        for start in range(0, len(chunk), CHUNK_SIZE):
            yield chunk[start : start + CHUNK_SIZE]


def read_chunks(
    path: Path, token_type: str, encoding: str | None = None
) -> Iterator[Any]:
    """Reads a file in chunks for `TextGenerator.score`.

    Args:
        path: Path of a file or pipe, of text unless the tokens are bytes.
        token_type: Token type of the model: "character", "byte" or "word".
        encoding: As in `dlunits.data.text.corpora.read_text`.

    Returns:
        Iterator of texts or bytes.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If the file is empty, or is not text of this encoding.

    Example:

    >>> import pathlib, tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     _ = pathlib.Path(file.name).write_text("to be")
    ...     print(*read_chunks(file.name, "character"))
    to be
    """
    return read_text(path, encoding, as_bytes=token_type == "byte").chunks()


def sampling_options(
    temperature: float = 1.0, top_k: float = 0, top_p: float = 1.0
) -> dict[str, Any]:
    """Sampling options as tensors."""
    return {
        "temperature": tf.constant(temperature, tf.float32),
        "top_k": tf.constant(top_k, tf.int32),
        "top_p": tf.constant(top_p, tf.float32),
    }


def until_stop(texts: Iterable[str], stop: str) -> Iterator[str]:
    """Yields texts until their concatenation contains a stop text.

    Args:
        texts: Iterable of texts.
        stop: Text, which is not yielded. An empty one never stops.

    Yields:
        Texts.

    Example:

    >>> "".join(until_stop(iter(["a", "b", "c", "d"]), "bc"))
    'a'
    """
    buffer = ""
    for text in texts:
        buffer += text
        if stop and stop in buffer:
            yield buffer.partition(stop)[0]
            return
        keep = max(
            (n for n in range(1, len(stop)) if buffer.endswith(stop[:n])),
            default=0,
        )
        yield buffer[: len(buffer) - keep]
        buffer = buffer[len(buffer) - keep :]
    yield buffer
