"""Entries of model cards, and errors for missing or invalid ones."""

import datetime
import json
import math

import keras
import pytest
import tensorflow as tf

from dlunits.serving.export import export
from dlunits.serving.model_card import MAX_CARD_SIZE, read_card

CARD = {
    "data": "none",
    "metrics": {"error": 0.01},
    "command": "python apps/app.py",
    "license": "Apache-2.0",
    "recipe": "any further entry",
}


def endpoints(predict):
    def classify(images):
        return {"scores": predict(tf.cast(images, tf.float32))}

    return {"serving_default": (classify, [tf.TensorSpec([None, 4], "uint8")])}


@pytest.fixture(scope="module")
def model():
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])


def test_the_card_describes_its_version(model, tmp_path):
    version = export(model, tmp_path / "small", endpoints=endpoints, card=CARD)
    card = json.loads((version / "model_card.json").read_text())
    assert {key: card[key] for key in CARD} == CARD
    assert (card["name"], card["version"]) == ("small", 1)
    assert card["parameters"] == 4 * 3 + 3
    assert card["signatures"]["serving_default"] == {
        "inputs": {"images": {"shape": [None, 4], "dtype": "uint8"}},
        "outputs": {"scores": {"shape": [None, 3], "dtype": "float32"}},
    }
    assert card["versions"]["tensorflow"] == tf.__version__
    assert card["versions"]["keras"] == keras.__version__
    assert card["bytes"] == sum(
        path.stat().st_size
        for path in version.rglob("*")
        if path.is_file() and path.name != "model_card.json"
    )
    age = datetime.datetime.now(datetime.UTC) - datetime.datetime.fromisoformat(
        card["created"]
    )
    assert abs(age.total_seconds()) < 60


@pytest.mark.parametrize("key", ["data", "metrics", "command", "license"])
def test_a_card_without_a_required_entry_is_refused(model, tmp_path, key):
    card = {name: value for name, value in CARD.items() if name != key}
    with pytest.raises(ValueError, match=f"must have the entry '{key}'"):
        export(model, tmp_path, endpoints=endpoints, card=card)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [math.nan, object()])
def test_a_card_that_json_cannot_store_is_refused(model, tmp_path, value):
    card = {**CARD, "metrics": {"error": value}}
    with pytest.raises(ValueError, match="must be JSON values"):
        export(model, tmp_path, endpoints=endpoints, card=card)


# Text of a card -> part of the message.
DAMAGED_CARDS = {
    "": "Expecting value",
    "[1]": "expected a JSON object",
    "null": "expected a JSON object",
    "7": "expected a JSON object",
    '"text"': "expected a JSON object",
    '{"columns": {': "Expecting property name",
    "{}": "'columns' must be of type dict",
    '{"columns": [1]}': "'columns' must be of type dict",
    '{"columns": null}': "'columns' must be of type dict",
}


@pytest.mark.parametrize("text", DAMAGED_CARDS)
def test_a_damaged_card_is_a_one_line_error(text, tmp_path):
    (tmp_path / "model_card.json").write_text(text)
    with pytest.raises(ValueError, match=DAMAGED_CARDS[text]) as caught:
        read_card(tmp_path, {"columns": dict})
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "model_card.json") in str(caught.value)


def test_deep_and_large_cards_are_refused(tmp_path):
    path = tmp_path / "model_card.json"
    path.write_text('{"columns": ' + "[" * 100_000)
    with pytest.raises(ValueError, match="recursion"):
        read_card(tmp_path, {})
    path.write_text(" " * (MAX_CARD_SIZE + 1))
    with pytest.raises(ValueError, match="larger than"):
        read_card(tmp_path, {})


def test_a_missing_card_is_refused(tmp_path):
    with pytest.raises(ValueError, match="No such file"):
        read_card(tmp_path, {})
