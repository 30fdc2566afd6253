"""A served text model in Python: streams, samples, scores of files."""

import codecs
import json
import pathlib

import tensorflow as tf

from dlunits.data.text.corpora import Text, check_text

PIECE = 1 << 15  # bytes scored at a time


class TextGenerator:
    """A language model that `dlunits.tasks.text.serve` exported.

    Args:
        version: Path of the SavedModel.

    Attributes:
        card: Dict, its model card.

    Raises:
        ValueError: If there is no such model in the folder.
    """

    def __init__(self, version):
        self.version = pathlib.Path(version).expanduser()
        card = self.version / "model_card.json"
        if not card.is_file():
            raise ValueError(
                f"{self.version} is no exported text model: a folder such as "
                "saved_models/text_tiny_shakespeare/1 is expected"
            )
        self.card = json.loads(card.read_text())
        self.signatures = tf.saved_model.load(self.version).signatures
        if not {"start", "step", "score_on"} <= set(self.signatures):
            raise ValueError(f"{self.version} is a model, but not one of texts")

    def unknown(self, texts):
        """How many tokens of each text the model never saw."""
        found = self.signatures["score"](text=tf.constant(texts))
        return found["unknown"].numpy().tolist()

    def stream(self, prompt, length, *, seed=0, **choice):
        """Yields token after token of a text that goes on from a prompt.

        Args:
            prompt: Text.
            length: Integer, tokens.
            seed: Integer.
            **choice: `temperature`, `top_k` and `top_p`.

        Yields:
            Texts. Bytes of one character come together.
        """
        characters = codecs.getincrementaldecoder("utf-8")("replace")
        state = self.signatures["start"](prompt=tf.constant([prompt]))
        options = {
            "seed": tf.constant([seed], tf.int64),
            **choice_of(**choice),
        }
        for _ in range(length):
            state = self.signatures["step"](**state, **options)
            token = state.pop("token").numpy()[0]
            if text := characters.decode(token):
                yield text

    def generate(self, prompts, length, *, seed=0, **choice):
        """Goes on from several prompts at once.

        Args:
            prompts: List of texts.
            length: Integer, tokens to add to each.
            seed: Integer of the first prompt; the next one has the next.
            **choice: `temperature`, `top_k` and `top_p`.

        Returns:
            List of texts, each with its prompt.
        """
        found = self.signatures["generate"](
            prompt=tf.constant(prompts),
            length=tf.constant(length),
            seed=tf.range(seed, seed + len(prompts), dtype=tf.int64),
            **choice_of(**choice),
        )
        return [text.decode(errors="replace") for text in found["text"].numpy()]

    def samples(self, length=500, seed=0):
        """Texts written from nothing, by what was done: a dict of texts."""
        return {
            f"Written at temperature {temperature}": self.generate(
                [""], length, seed=seed, temperature=temperature
            )[0]
            for temperature in (0.5, 0.8, 1.0)
        }

    def score_chunks(self, pieces):
        """Scores one long text that comes in pieces.

        Args:
            pieces: Iterable of texts or bytes.

        Returns:
            Dict of `bits_per_character`, `characters` and `unknown`.
        """
        state, total = None, {"nats": 0.0, "characters": 0, "unknown": 0}
        for piece in pieces:
            for start in range(0, len(piece), PIECE):
                text = tf.constant([piece[start : start + PIECE]])
                if state is None:
                    found = self.signatures["score"](text=text)
                else:
                    found = self.signatures["score_on"](text=text, **state)
                for key in total:
                    total[key] += found[key].numpy()[0].item()
                state = {
                    key: value
                    for key, value in found.items()
                    if key == "after" or key.startswith("state_")
                }
        if not total["characters"]:
            raise ValueError("There is no text to score: it is empty")
        bits = total.pop("nats") / total["characters"] / float(tf.math.log(2.0))
        return {"bits_per_character": bits, **total}


def read_chunks(path, level):
    """A file in pieces, as `TextGenerator.score_chunks` takes them.

    Args:
        path: Path of a file, of UTF-8 text if the level is not "byte".
        level: What a token of the model is.

    Returns:
        Iterable of texts or bytes.

    Raises:
        OSError: If there is no such file.
        ValueError: If it is empty, or no text.

    Example:

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     _ = pathlib.Path(file.name).write_text("to be")
    ...     print(*read_chunks(file.name, "character"))
    to be
    """
    path = pathlib.Path(path).expanduser()
    as_bytes = level == "byte"
    if not as_bytes:
        check_text(path)
    return Text(path, 0, path.stat().st_size, as_bytes).chunks()


def choice_of(temperature=1.0, top_k=0, top_p=1.0):
    return {
        "temperature": tf.constant(temperature, tf.float32),
        "top_k": tf.constant(top_k, tf.int32),
        "top_p": tf.constant(top_p, tf.float32),
    }


def until(texts, stop):
    """Passes texts on until they hold `stop` together, which is left out.

    Example:

    >>> "".join(until(iter(["a", "b", "c", "d"]), "bc"))
    'a'
    """
    held = ""
    for text in texts:
        held += text
        if stop and stop in held:
            yield held.partition(stop)[0]
            return
        keep = max(
            (n for n in range(1, len(stop)) if held.endswith(stop[:n])),
            default=0,
        )
        yield held[: len(held) - keep]
        held = held[len(held) - keep :]
    yield held
