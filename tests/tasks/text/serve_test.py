"""Served language models, in a process that never imports dlunits."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from dlunits.data.text.vocabulary import build_vocabulary
from dlunits.models import RecurrentLanguageModel
from dlunits.tasks.text.generate import TextGenerator, read_chunks, until
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
def served(version):
    return TextGenerator(version)


CHOICES = [
    {"temperature": 1.0},
    {"temperature": 0.7, "top_k": 5},
    {"temperature": 1.3, "top_p": 0.8},
    {"temperature": 0.0},
]


@pytest.mark.parametrize("choice", CHOICES)
def test_a_loop_of_steps_writes_what_generate_writes(served, choice):
    [whole] = served.generate(["the fox "], 30, seed=5, **choice)
    steps = served.stream("the fox ", 30, seed=5, **choice)
    assert "the fox " + "".join(steps) == whole
    assert len(whole) == len("the fox ") + 30


def test_each_prompt_goes_on_as_if_it_were_alone(served):
    prompts = ["the quick brown", "", "x", "the"]
    together = served.generate(prompts, 20, seed=7)
    for i, prompt in enumerate(prompts):
        assert served.generate([prompt], 20, seed=7 + i) == [together[i]]
        assert together[i].startswith(prompt)
    assert served.generate(prompts, 20, seed=8) != together


def test_a_prompt_the_model_never_saw_is_kept(served):
    assert served.unknown(["€€ the", "the"]) == [2, 0]
    [text] = served.generate(["€€"], 5)
    assert text.startswith("€€")
    assert "�" not in text  # what is unknown is never written


def test_a_score_is_the_cross_entropy_of_the_model(model, served):
    text = "the lazy fox"
    numbers = VOCABULARY.encode("\n" + text).astype("int32")[None]
    states = model.get_initial_state(1)
    logits, *_ = model([ops.convert_to_tensor(numbers[:, :-1]), *states])
    nats = keras.losses.sparse_categorical_crossentropy(
        numbers[:, 1:], logits, from_logits=True
    )
    expected = float(ops.mean(nats)) / np.log(2)
    found = served.score_chunks([text])
    assert found["bits_per_character"] == pytest.approx(expected, rel=1e-5)
    assert (found["characters"], found["unknown"]) == (len(text), 0)
    in_pieces = served.score_chunks(["the ", "lazy", " fox"])
    assert in_pieces == pytest.approx(found, rel=1e-5)


def test_what_is_unknown_is_counted_and_not_scored(served):
    found = served.score_chunks(["the €fox"])
    assert (found["characters"], found["unknown"]) == (8, 1)
    assert np.isfinite(found["bits_per_character"])
    with pytest.raises(ValueError, match="it is empty"):
        served.score_chunks([])


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"temperature": -1.0}, "`temperature` must be at least 0"),
        ({"top_k": -1}, "`top_k` must be at least 0"),
        ({"top_p": 0.0}, "`top_p` must lie in"),
        ({"top_p": 1.5}, "`top_p` must lie in"),
    ],
)
def test_a_request_out_of_range_fails_with_its_reason(served, choice, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        served.generate(["the"], 3, **choice)


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


def test_the_same_seed_is_the_same_text_in_a_process_without_dlunits(
    version, served
):
    process = subprocess.run(
        [sys.executable, "-c", ALONE, str(version)],
        capture_output=True,
        text=True,
        check=True,
    )
    written = json.loads(process.stdout.splitlines()[-1])
    assert [written] == served.generate(
        ["the fox "], 25, seed=3, temperature=0.9
    )


def test_a_stop_may_come_in_parts():
    assert "".join(until(iter("to be or"), " be")) == "to"
    assert "".join(until(iter("to b or"), " be")) == "to b or"
    assert "".join(until(iter(["ab", "ab", "c"]), "abc")) == "ab"
    assert "".join(until(iter("abc"), "")) == "abc"


def test_a_folder_that_is_no_text_model_is_refused(tmp_path, project):
    with pytest.raises(ValueError, match="is no exported text model"):
        TextGenerator(tmp_path)
    with pytest.raises(ValueError, match="but not one of texts"):
        TextGenerator(project / "saved_models/lenet_mnist/1")


def test_a_file_to_score_is_checked(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(b"na\xefve")
    assert list(read_chunks(path, "byte")) == [b"na\xefve"]
    with pytest.raises(ValueError, match="line 1: is not UTF-8"):
        read_chunks(path, "character")
