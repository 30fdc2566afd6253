"""What a served text model answers to: prompts, steps, texts to score."""

import tensorflow as tf

from dlunits.serving.export import export
from dlunits.tasks.text.graph_tokenizer import GraphTokenizer
from dlunits.tasks.text.token_sampling import choose, uniform

# What is read where there is nothing to read: the first of them it knows.
BEGINNINGS = (b"\n", b" ")


def export_text_model(model, directory, *, vocabulary, data, metrics, command):
    """Exports a language model with its vocabulary, card and warm-up.

    Args:
        model: `dlunits.models.RecurrentLanguageModel`.
        directory: Folder in which it becomes the next version.
        vocabulary: `dlunits.data.text.vocabulary.Vocabulary` of the model.
        data: Text, what it was trained on.
        metrics: Dict of what was measured.
        command: Text, the command that made it.

    Returns:
        `pathlib.Path` of the version.

    Raises:
        OSError: If it cannot be written.
    """
    chosen = {
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
        parts={"advance": model.step_model()},
        card={
            "data": data,
            "metrics": metrics,
            "command": command,
            "license": "Apache-2.0",
            "level": vocabulary.level,
            "tokens": len(vocabulary.tokens),
        },
        warmup={
            "start": prompt,
            "generate": {**prompt, "length": 2, **chosen},
        },
    )


def text_endpoints(vocabulary, state_sizes):
    """The endpoints of a language model, for `export`.

    `generate`, also `serving_default`: `prompt` `(batch,)`, strings; `length`
    tokens to add; `temperature`, 0 for the most probable token; `top_k`, 0 for
    all; `top_p` in (0, 1]; `seed` `(batch,)` or `(1,)`, int64. It returns
    `text`, the prompt and what was added, and `added`. Each prompt goes on as
    if it were alone: the same seed, the same text.

    `start` reads a `prompt` and returns `logits`, `state_1` ... and `place`, 0.
    `step` takes these, `seed`, `temperature`, `top_k`, `top_p`, and returns
    them for the next step, with the `token` that was drawn, a string. A loop
    of `step` makes what `generate` makes.

    `score` takes `text` `(batch,)` and returns `nats`, summed over its tokens,
    each given all before; `bits_per_character`; `characters`; and `unknown`,
    how many tokens the model never saw: these are not in the sum. With `after`
    and `state_1` ..., which `score` returns, `score_on` goes on in a text.

    Args:
        vocabulary: `dlunits.data.text.vocabulary.Vocabulary`.
        state_sizes: Tuple of integers, the model's.

    Returns:
        Function of `predict` and `advance`, the model of many steps and of
        one, to a dict of name to `(function, signature)`.
    """
    tokens = GraphTokenizer(vocabulary)
    begin = next(
        (
            1 + vocabulary.tokens.index(token)
            for token in BEGINNINGS
            if token in vocabulary.tokens
        ),
        1,
    )
    names = [f"state_{i + 1}" for i in range(len(state_sizes))]

    def zeros(batch_size):
        return [tf.zeros((batch_size, size)) for size in state_sizes]

    def endpoints(predict, advance):
        def read(prompt):
            """Strings -> logits behind each, states"""
            numbers, lengths = tokens.encode(prompt)
            batch_size = tf.shape(numbers)[0]
            numbers = tf.pad(numbers, [[0, 0], [0, 1]], constant_values=begin)
            empty = tf.cast(lengths == 0, tf.int32)[:, None]
            numbers = tf.where(empty > 0, begin, numbers)
            lengths = tf.maximum(tf.cast(lengths, tf.int32), 1)

            def body(t, logits, *states):
                new = advance([numbers[:, t], *states])
                inside = (t < lengths)[:, None]
                kept = zip(new, (logits, *states), strict=True)
                return t + 1, *(tf.where(inside, a, b) for a, b in kept)

            logits = tf.zeros((batch_size, vocabulary.size))
            _, logits, *states = tf.while_loop(
                lambda t, *_: t < tf.reduce_max(lengths),
                body,
                (0, logits, *zeros(batch_size)),
            )
            return logits, states

        def draw(logits, states, place, seed, temperature, top_k, top_p):
            chance = uniform(seed, place)
            number = choose(logits, chance, temperature, top_k, top_p)
            logits, *states = advance([number, *states])
            return number, logits, states

        def start(prompt):
            logits, states = read(prompt)
            place = tf.zeros(tf.shape(prompt), tf.int64)
            states = dict(zip(names, states, strict=True))
            return {"logits": logits, "place": place, **states}

        def step(seed, temperature, top_k, top_p, logits, place, *states):
            check(temperature, top_k, top_p)
            number, logits, states = draw(
                logits, states, place, seed, temperature, top_k, top_p
            )
            return {
                "token": tokens.decode(number[:, None]),
                "logits": logits,
                "place": place + 1,
                **dict(zip(names, states, strict=True)),
            }

        def generate(prompt, length, temperature, top_k, top_p, seed):
            check(temperature, top_k, top_p)
            tf.debugging.assert_non_negative(
                length, "`length` must be at least 0."
            )
            logits, states = read(prompt)
            seed = tf.broadcast_to(seed, tf.shape(prompt))

            def body(i, drawn, logits, *states):
                place = tf.cast(i, tf.int64)
                number, logits, states = draw(
                    logits, states, place, seed, temperature, top_k, top_p
                )
                return i + 1, drawn.write(i, number), logits, *states

            drawn = tf.TensorArray(tf.int32, length, element_shape=[None])
            _, drawn, *_ = tf.while_loop(
                lambda i, *_: i < length, body, (0, drawn, logits, *states)
            )
            numbers = tf.reshape(drawn.stack(), (length, tf.shape(prompt)[0]))
            added = tokens.decode(tf.transpose(numbers))
            return {"text": prompt + added, "added": added}

        def score_on(text, after, *states):
            numbers, lengths = tokens.encode(text)
            read_before = tf.concat([after[:, None], numbers], axis=1)
            logits, *states = predict([read_before[:, :-1], *states])
            nats = tf.nn.sparse_softmax_cross_entropy_with_logits(
                labels=numbers, logits=logits
            )
            places = tf.range(tf.shape(numbers)[1])
            inside = places < tf.cast(lengths, tf.int32)[:, None]
            known = inside & (numbers > 0)
            nats = tf.reduce_sum(tf.where(known, nats, 0.0), axis=1)
            unknown = tf.reduce_sum(tf.cast(inside & ~known, tf.int32), axis=1)
            characters = tf.strings.length(text, "UTF8_CHAR")
            counted = tf.cast(tf.maximum(characters, 1), tf.float32)
            return {
                "nats": nats,
                "bits_per_character": nats / counted / tf.math.log(2.0),
                "characters": characters,
                "unknown": unknown,
                "after": read_before[:, -1],
                **dict(zip(names, states, strict=True)),
            }

        def score(text):
            batch_size = tf.shape(text)[0]
            after = tf.fill((batch_size,), begin)
            return score_on(text, after, *zeros(batch_size))

        strings = tf.TensorSpec([None], tf.string)
        size = vocabulary.size
        state_specs = [
            tf.TensorSpec([None, size], tf.float32, name)
            for name, size in zip(names, state_sizes, strict=True)
        ]
        choice = {
            "temperature": tf.TensorSpec([], tf.float32, "temperature"),
            "top_k": tf.TensorSpec([], tf.int32, "top_k"),
            "top_p": tf.TensorSpec([], tf.float32, "top_p"),
        }
        seeds = tf.TensorSpec([None], tf.int64, "seed")
        generating = [
            strings,
            tf.TensorSpec([], tf.int32, "length"),
            *choice.values(),
            seeds,
        ]
        return {
            "serving_default": (generate, generating),
            "generate": (generate, generating),
            "start": (start, [strings]),
            "step": (
                step,
                [
                    seeds,
                    *choice.values(),
                    tf.TensorSpec([None, size], tf.float32, "logits"),
                    tf.TensorSpec([None], tf.int64, "place"),
                    *state_specs,
                ],
            ),
            "score": (score, [strings]),
            "score_on": (
                score_on,
                [
                    strings,
                    tf.TensorSpec([None], tf.int32, "after"),
                    *state_specs,
                ],
            ),
        }

    return endpoints


def check(temperature, top_k, top_p):
    """Fails in the graph, with one line, where a number is out of range."""
    tf.debugging.assert_non_negative(
        temperature, "`temperature` must be at least 0."
    )
    tf.debugging.assert_non_negative(top_k, "`top_k` must be at least 0.")
    tf.debugging.Assert(
        (top_p > 0) & (top_p <= 1), ["`top_p` must lie in (0, 1].", top_p]
    )
