"""Export of language models with tokenizer and sampling as SavedModels."""

import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from dlunits.data.text.vocabulary import Vocabulary
from dlunits.models import RecurrentLanguageModel
from dlunits.serving.export import export
from dlunits.tasks.text.graph_tokenizer import GraphTokenizer
from dlunits.tasks.text.token_sampling import (
    kept_probabilities,
    sample_token,
    uniform,
)
from dlunits.typing import Path

# Token before the first one of a text: the first of these in the vocabulary.
START_TOKENS = (b"\n", b" ")
NUM_NEXT_TOKENS = 10  # that `next_tokens` lists


def export_text_model(
    model: RecurrentLanguageModel,
    directory: Path,
    *,
    vocabulary: Vocabulary,
    data: str,
    metrics: dict[str, Any],
    command: str,
) -> pathlib.Path:
    """Exports a language model with its vocabulary, card and warm-up requests.

    Args:
        model: `dlunits.models.RecurrentLanguageModel`.
        directory: Folder in which it becomes the next version.
        vocabulary: `dlunits.data.text.vocabulary.Vocabulary` of the model.
        data: Description of the training data.
        metrics: Dict of metrics.
        command: Command line of the run.

    Returns:
        `pathlib.Path` of the exported version.

    Raises:
        OSError: If it cannot be written.
    """
    sampling = {
        "temperature": 1.0,
        "top_k": 0,
        "top_p": 1.0,
        "seed": [0],
    }
    prompt = {"prompt": [vocabulary.decode([1])]}
    return export(
        model,
        directory,
        endpoints=text_endpoints(vocabulary, model.state_sizes),
        parts={"step_model": model.step_model()},
        card={
            "data": data,
            "metrics": metrics,
            "command": command,
            "license": "Apache-2.0",
            "token_type": vocabulary.token_type,
            "num_tokens": len(vocabulary.tokens),
            "batched": ["start"],
        },
        warmup={
            "start": prompt,
            "generate": {**prompt, "length": 2, **sampling},
        },
    )


def text_endpoints(
    vocabulary: Vocabulary, state_sizes: Sequence[int]
) -> Callable[[Callable, Callable], dict[str, tuple]]:
    """Endpoints of a language model, for `dlunits.serving.export.export`.

    `generate`, also `serving_default`, continues prompts. It takes `prompt`
    `(batch,)`, strings; `length`, the number of tokens to add; `temperature`,
    0 for the most probable token; `top_k`, 0 for all tokens; `top_p` in
    (0, 1]; and `seed` `(batch,)` or `(1,)`, int64. It returns `text`, the
    prompt with its continuation, and `added`, the continuation. The result of
    a prompt depends on its seed and not on the other prompts of the batch.

    `start` processes a `prompt` and returns `logits`, `state_1` ... and
    `position`, 0. `step` takes these with `seed`, `temperature`, `top_k` and
    `top_p`, and returns them for the next step, with the sampled `token`, a
    string. A loop of `step` produces the same text as `generate`.
    `next_tokens` takes `logits`, `temperature`, `top_k` and `top_p`, and
    returns the tokens that `step` samples from: `token` `(batch, 10)`, the
    most probable first, and `probability`, 0 for tokens that are not kept.

    `score` takes `text` `(batch,)` and returns `nats`, the cross-entropy
    summed over its tokens, each given all preceding tokens;
    `bits_per_character`; `num_characters`; and `num_unknown`, the number of
    unknown tokens. An unknown token is scored with the cross-entropy of the
    token with the id 0, which represents all of them. `score` also returns
    `previous_token` and `state_1` ..., with which `score_next` scores the text
    that follows; in a batch they are valid only for the longest texts, since
    shorter ones are padded.

    Args:
        vocabulary: `dlunits.data.text.vocabulary.Vocabulary`.
        state_sizes: Tuple of integers, `state_sizes` of the model.

    Returns:
        Function of `predict` and `step_model`, the model of many time steps and
        of one, to a dict of endpoint name to `(function, signature)`.
    """
    tokenizer = GraphTokenizer(vocabulary)
    start_id = next(
        (
            1 + vocabulary.tokens.index(token)
            for token in START_TOKENS
            if token in vocabulary.tokens
        ),
        1,
    )
    names = [f"state_{i + 1}" for i in range(len(state_sizes))]

    def zeros(batch_size):
        return [tf.zeros((batch_size, size)) for size in state_sizes]

    def endpoints(predict, step_model):
        def process(prompt):
            """Strings -> logits after the last token of each, states"""
            ids, lengths = tokenizer.encode(prompt)
            batch_size = tf.shape(ids)[0]
            ids = tf.pad(ids, [[0, 0], [0, 1]], constant_values=start_id)
            empty = tf.cast(lengths == 0, tf.int32)[:, None]
            ids = tf.where(empty > 0, start_id, ids)
            lengths = tf.maximum(tf.cast(lengths, tf.int32), 1)

            def body(t, logits, *states):
                new = step_model([ids[:, t], *states])
                inside = (t < lengths)[:, None]
                pairs = zip(new, (logits, *states), strict=True)
                return t + 1, *(tf.where(inside, a, b) for a, b in pairs)

            logits = tf.zeros((batch_size, vocabulary.size))
            _, logits, *states = tf.while_loop(
                lambda t, *_: t < tf.reduce_max(lengths),
                body,
                (0, logits, *zeros(batch_size)),
            )
            return logits, states

        def sample(logits, states, position, seed, temperature, top_k, top_p):
            u = uniform(seed, position)
            token = sample_token(logits, u, temperature, top_k, top_p)
            logits, *states = step_model([token, *states])
            return token, logits, states

        def start(prompt):
            logits, states = process(prompt)
            position = tf.zeros(tf.shape(prompt), tf.int64)
            states = dict(zip(names, states, strict=True))
            return {"logits": logits, "position": position, **states}

        def step(seed, temperature, top_k, top_p, logits, position, *states):
            check_sampling(temperature, top_k, top_p)
            token, logits, states = sample(
                logits, states, position, seed, temperature, top_k, top_p
            )
            return {
                "token": tokenizer.decode(token[:, None]),
                "logits": logits,
                "position": position + 1,
                **dict(zip(names, states, strict=True)),
            }

        def next_tokens(logits, temperature, top_k, top_p):
            check_sampling(temperature, top_k, top_p)
            tokens, p = kept_probabilities(logits, temperature, top_k, top_p)
            p /= tf.reduce_sum(p, axis=1, keepdims=True)
            # The last one is the unknown token.
            count = min(NUM_NEXT_TOKENS, vocabulary.size - 1)
            tokens, p = tokens[:, :count], p[:, :count]
            texts = tokenizer.decode(tf.reshape(tokens, (-1, 1)))
            return {
                "token": tf.reshape(texts, tf.shape(tokens)),
                "probability": p,
            }

        def generate(prompt, length, temperature, top_k, top_p, seed):
            check_sampling(temperature, top_k, top_p)
            tf.debugging.assert_non_negative(
                length, "`length` must be at least 0."
            )
            logits, states = process(prompt)
            seed = tf.broadcast_to(seed, tf.shape(prompt))

            def body(i, tokens, logits, *states):
                position = tf.cast(i, tf.int64)
                token, logits, states = sample(
                    logits, states, position, seed, temperature, top_k, top_p
                )
                return i + 1, tokens.write(i, token), logits, *states

            # One element more than is used: an empty array has no shape.
            batch_size = tf.shape(prompt)[0]
            tokens = tf.TensorArray(
                tf.int32, length + 1, element_shape=[None]
            ).write(length, tf.zeros((batch_size,), tf.int32))
            _, tokens, *_ = tf.while_loop(
                lambda i, *_: i < length, body, (0, tokens, logits, *states)
            )
            ids = tf.reshape(tokens.stack()[:length], (length, batch_size))
            added = tokenizer.decode(tf.transpose(ids))
            return {"text": prompt + added, "added": added}

        def score_next(text, previous_token, *states):
            ids, lengths = tokenizer.encode(text)
            with_previous = tf.concat([previous_token[:, None], ids], axis=1)

            def cross_entropy():
                logits, *new = predict([with_previous[:, :-1], *states])
                nats = tf.nn.sparse_softmax_cross_entropy_with_logits(
                    labels=ids, logits=logits
                )
                return nats, *new

            # A model cannot be called with a sequence of length 0.
            nats, *states = tf.cond(
                tf.shape(ids)[1] > 0,
                cross_entropy,
                lambda: (tf.zeros(tf.shape(ids)), *states),
            )
            positions = tf.range(tf.shape(ids)[1])
            inside = positions < tf.cast(lengths, tf.int32)[:, None]
            nats = tf.reduce_sum(tf.where(inside, nats, 0.0), axis=1)
            unknown = inside & (ids == 0)
            characters = tf.strings.length(text, "UTF8_CHAR")
            divisor = tf.cast(tf.maximum(characters, 1), tf.float32)
            return {
                "nats": nats,
                "bits_per_character": nats / divisor / tf.math.log(2.0),
                "num_characters": characters,
                "num_unknown": tf.reduce_sum(tf.cast(unknown, tf.int32), 1),
                "previous_token": with_previous[:, -1],
                **dict(zip(names, states, strict=True)),
            }

        def score(text):
            batch_size = tf.shape(text)[0]
            previous_token = tf.fill((batch_size,), start_id)
            return score_next(text, previous_token, *zeros(batch_size))

        strings = tf.TensorSpec([None], tf.string)
        size = vocabulary.size
        state_specs = [
            tf.TensorSpec([None, size], tf.float32, name)
            for name, size in zip(names, state_sizes, strict=True)
        ]
        sampling = {
            "temperature": tf.TensorSpec([], tf.float32, "temperature"),
            "top_k": tf.TensorSpec([], tf.int32, "top_k"),
            "top_p": tf.TensorSpec([], tf.float32, "top_p"),
        }
        logits = tf.TensorSpec([None, size], tf.float32, "logits")
        seeds = tf.TensorSpec([None], tf.int64, "seed")
        generate_signature = [
            strings,
            tf.TensorSpec([], tf.int32, "length"),
            *sampling.values(),
            seeds,
        ]
        return {
            "serving_default": (generate, generate_signature),
            "generate": (generate, generate_signature),
            "start": (start, [strings]),
            "step": (
                step,
                [
                    seeds,
                    *sampling.values(),
                    logits,
                    tf.TensorSpec([None], tf.int64, "position"),
                    *state_specs,
                ],
            ),
            "next_tokens": (next_tokens, [logits, *sampling.values()]),
            "score": (score, [strings]),
            "score_next": (
                score_next,
                [
                    strings,
                    tf.TensorSpec([None], tf.int32, "previous_token"),
                    *state_specs,
                ],
            ),
        }

    return endpoints


def check_sampling(temperature: Any, top_k: Any, top_p: Any) -> None:
    """Checks sampling options inside the graph.

    Raises:
        tf.errors.InvalidArgumentError: If an option is out of range.
    """
    tf.debugging.assert_non_negative(
        temperature, "`temperature` must be at least 0."
    )
    tf.debugging.assert_non_negative(top_k, "`top_k` must be at least 0.")
    tf.debugging.Assert(
        (top_p > 0) & (top_p <= 1), ["`top_p` must lie in (0, 1].", top_p]
    )
