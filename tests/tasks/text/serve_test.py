"""Exported language models: generation, scores and errors."""

import json
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from dlunits.data.text.vocabulary import build_vocabulary
from dlunits.models import RecurrentLanguageModel
from dlunits.tasks.text import generate
from dlunits.tasks.text.generate import (
    TextGenerator,
    read_chunks,
    until_stop,
)
from dlunits.tasks.text.serve import export_text_model

TEXT = "the quick brown fox jumps over the lazy dog.\nNaïve, isn't it?\n"
VOCABULARY = build_vocabulary([TEXT])


@pytest.fixture(scope="module", params=["lstm", "gru"])
def model(request):
    keras.utils.set_random_seed(0)
    return RecurrentLanguageModel(
        VOCABULARY.size, request.param, 16, num_layers=2
    )


@pytest.fixture(scope="module")
def version(model, tmp_path_factory):
    return export_text_model(
        model,
        tmp_path_factory.mktemp("saved") / "text",
        vocabulary=VOCABULARY,
        data="a sentence",
        metrics={"nats": 1.0},
        command="pytest",
    )


@pytest.fixture(scope="module")
def generator(version):
    return TextGenerator(version)


SAMPLING = [
    {"temperature": 1.0},
    {"temperature": 0.7, "top_k": 5},
    {"temperature": 1.3, "top_p": 0.8},
    {"temperature": 0.0},
]


@pytest.mark.parametrize("sampling", SAMPLING)
def test_a_loop_of_steps_equals_generate(generator, sampling):
    [whole] = generator.generate(["the fox "], 30, seed=5, **sampling)
    steps = generator.stream("the fox ", 30, seed=5, **sampling)
    assert "the fox " + "".join(steps) == whole
    assert len(whole) == len("the fox ") + 30


@pytest.mark.parametrize("sampling", SAMPLING)
def test_next_tokens_are_those_that_a_step_samples_from(generator, sampling):
    [(_, logits)] = generator.stream_steps("the fox ", 1)
    found = generator.next_tokens(logits, **sampling)
    assert list(found.values()) == sorted(found.values(), reverse=True)
    if sampling == {"temperature": 1.0}:
        assert len(found) == 10
        known = logits.numpy()[0, 1:]  # the unknown token is never sampled
        p = np.exp(known) / np.exp(known).sum()
        tokens = [token.decode() for token in VOCABULARY.tokens]
        assert found == pytest.approx(
            {tokens[i]: p[i] for i in np.argsort(-p)[:10]}, rel=1e-5
        )
    if "top_k" in sampling:
        assert len(found) == 5
        assert sum(found.values()) == pytest.approx(1)
    if sampling["temperature"] == 0:
        assert list(found.values()) == [1.0]
    drawn = {
        next(generator.stream("the fox ", 1, seed=seed, **sampling))
        for seed in range(20)
    }
    assert "top_k" not in sampling or drawn <= set(found)


def test_prompts_of_a_batch_are_independent(generator):
    prompts = ["the quick brown", "", "x", "the"]
    together = generator.generate(prompts, 20, seed=7)
    for i, prompt in enumerate(prompts):
        assert generator.generate([prompt], 20, seed=7 + i) == [together[i]]
        assert together[i].startswith(prompt)
    assert generator.generate(prompts, 20, seed=8) != together


def test_an_unknown_prompt_is_kept(generator):
    assert generator.count_unknown_tokens(["€€ the", "the"]) == [2, 0]
    [text] = generator.generate(["€€"], 5)
    assert text.startswith("€€")
    assert "�" not in text  # the unknown token is never sampled


def test_the_score_is_the_cross_entropy_of_the_model(model, generator):
    text = "the lazy fox"
    ids = VOCABULARY.encode("\n" + text).astype("int32")[None]
    states = model.get_initial_state(1)
    logits, *_ = model([ops.convert_to_tensor(ids[:, :-1]), *states])
    nats = keras.losses.sparse_categorical_crossentropy(
        ids[:, 1:], logits, from_logits=True
    )
    expected = float(ops.mean(nats)) / np.log(2)
    found = generator.score([text])
    assert found["bits_per_character"] == pytest.approx(expected, rel=1e-5)
    assert (found["num_characters"], found["num_unknown"]) == (len(text), 0)
    in_chunks = generator.score(["the ", "lazy", " fox"])
    assert in_chunks == pytest.approx(found, rel=1e-5)


def test_an_unknown_token_is_scored_with_its_own_cross_entropy(
    model, generator
):
    text = "the €fox"
    ids = VOCABULARY.encode("\n" + text).astype("int32")[None]
    assert ids[0, 5] == 0  # "€", the unknown token
    states = model.get_initial_state(1)
    logits, *_ = model([ops.convert_to_tensor(ids[:, :-1]), *states])
    nats = keras.losses.sparse_categorical_crossentropy(
        ids[:, 1:], logits, from_logits=True
    )
    found = generator.score([text])
    assert (found["num_characters"], found["num_unknown"]) == (8, 1)
    assert found["bits_per_character"] == pytest.approx(
        float(ops.mean(nats)) / np.log(2), rel=1e-5
    )
    with pytest.raises(ValueError, match="is empty"):
        generator.score([])


def test_a_text_without_known_tokens_is_scored(generator):
    found = generator.score(["€" * 10])
    assert found["num_unknown"] == 10
    assert found["bits_per_character"] > 1


def test_an_empty_text_has_no_unknown_tokens_and_no_nats(generator):
    assert generator.count_unknown_tokens([""]) == [0]
    assert generator.count_unknown_tokens(["", "€"]) == [0, 1]
    whole = generator.score(["the ", "fox"])
    assert generator.score(["the ", "", "fox"]) == whole
    assert "".join(generator.stream("", 5)) == generator.generate([""], 5)[0]


def test_a_length_of_0_adds_nothing(generator):
    assert generator.generate(["the fox", ""], 0) == ["the fox", ""]


@pytest.fixture(scope="module")
def word_generator(tmp_path_factory):
    vocabulary = build_vocabulary([TEXT], "word")
    keras.utils.set_random_seed(0)
    return TextGenerator(
        export_text_model(
            RecurrentLanguageModel(vocabulary.size, units=4),
            tmp_path_factory.mktemp("saved") / "words",
            vocabulary=vocabulary,
            data="a sentence",
            metrics={"nats": 1.0},
            command="pytest",
        )
    )


def test_words_are_not_split_where_a_text_is_cut(word_generator, monkeypatch):
    text = "the quick brown fox jumps over the lazy dog. " * 3
    whole = word_generator.score([text])
    assert whole["num_unknown"] == 0
    monkeypatch.setattr(generate, "CHUNK_SIZE", 7)
    pieces = [text[i : i + 11] for i in range(0, len(text), 11)]
    for chunks in ([text], pieces):
        assert word_generator.score(chunks) == pytest.approx(whole, rel=1e-5)


def test_line_ends_and_byte_order_marks_of_prompts_are_those_of_training(
    generator,
):
    expected = generator.generate(["the\nfox"], 5)
    for prompt in ("the\r\nfox", "the\rfox", "\ufeffthe\nfox"):
        assert generator.count_unknown_tokens([prompt]) == [0]
        assert generator.generate([prompt], 5) == expected
        assert "".join(generator.stream(prompt, 5)) == expected[0][7:]


@pytest.mark.parametrize(
    ("sampling", "message"),
    [
        ({"temperature": -1.0}, "`temperature` must be at least 0"),
        ({"top_k": -1}, "`top_k` must be at least 0"),
        ({"top_p": 0.0}, "`top_p` must lie in"),
        ({"top_p": 1.5}, "`top_p` must lie in"),
    ],
)
def test_options_out_of_range_are_refused(generator, sampling, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        generator.generate(["the"], 3, **sampling)


ALONE = """
import json, sys
sys.modules["dlunits"] = sys.modules["keras"] = None  # importing them fails
import tensorflow as tf
generate = tf.saved_model.load(sys.argv[1]).signatures["generate"]
found = generate(
    prompt=tf.constant(["the fox "]), length=tf.constant(25),
    temperature=tf.constant(0.9), top_k=tf.constant(0), top_p=tf.constant(1.0),
    seed=tf.constant([3], tf.int64),
)
print(json.dumps(found["text"].numpy()[0].decode()))
"""


def test_a_process_without_dlunits_generates_the_same_text(version, generator):
    process = subprocess.run(
        [sys.executable, "-c", ALONE, str(version)],
        capture_output=True,
        text=True,
        check=True,
    )
    written = json.loads(process.stdout.splitlines()[-1])
    assert [written] == generator.generate(
        ["the fox "], 25, seed=3, temperature=0.9
    )


def test_a_stop_text_may_span_several_tokens():
    assert "".join(until_stop(iter("to be or"), " be")) == "to"
    assert "".join(until_stop(iter("to b or"), " be")) == "to b or"
    assert "".join(until_stop(iter(["ab", "ab", "c"]), "abc")) == "ab"
    assert "".join(until_stop(iter("abc"), "")) == "abc"


def test_a_folder_without_a_text_model_is_refused(tmp_path, project):
    with pytest.raises(ValueError, match="is not an exported text model"):
        TextGenerator(tmp_path)
    with pytest.raises(ValueError, match="is not an exported text model"):
        TextGenerator(project / "saved_models/lenet_mnist/1")
    (tmp_path / "model_card.json").write_text('["token_type"]')
    with pytest.raises(ValueError, match="expected a JSON object"):
        TextGenerator(tmp_path)


def test_a_damaged_card_or_model_is_refused(version, tmp_path):
    folder = tmp_path / "1"
    shutil.copytree(version, folder)
    card = folder / "model_card.json"
    good = card.read_text()
    card.write_text('{"token_type": null}')
    with pytest.raises(ValueError, match="'token_type' must be of type str"):
        TextGenerator(folder)
    card.write_text(good)
    (folder / "saved_model.pb").write_bytes(b"")
    with pytest.raises(ValueError, match=r"The SavedModel in .* is damaged"):
        TextGenerator(folder)


def test_a_file_to_score_is_checked(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(b"na\xefve")
    assert list(read_chunks(path, "byte")) == [b"na\xefve"]
    with pytest.raises(ValueError, match="line 1: is not UTF-8"):
        read_chunks(path, "character")
