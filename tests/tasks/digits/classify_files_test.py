"""Classification of image files by a model of the user's own classes."""

import json
import shutil

import keras
import numpy as np
import pytest
from PIL import Image

import recognize_digits
from dlunits.data.images import image_datasets
from dlunits.tasks.digits.classify_files import classify_files, has_own_classes
from dlunits.tasks.digits.serve import export_digit_classifier


class Brightness(keras.layers.Layer):
    """Probabilities (dark, light) = (1 - x, x) with the mean gray value x."""

    def call(self, images):
        light = keras.ops.mean(images, axis=(1, 2))
        return keras.ops.concatenate([1 - light, light], axis=-1)


def save(path, value):
    path.parent.mkdir(exist_ok=True, parents=True)
    Image.fromarray(np.full((30, 30), value, "uint16")).save(path)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Version of a model that was trained on files of 12 of 16 bits."""
    folder = tmp_path_factory.mktemp("images")
    for number in range(3):
        save(folder / f"train/dark/{number}.png", 400)
        save(folder / f"train/light/{number}.png", 4_000)
    inputs = keras.Input((28, 28, 1))
    return export_digit_classifier(
        keras.Model(inputs, Brightness()(inputs)),
        folder / "model",
        data=image_datasets.load(str(folder / "train")),
        metrics={},
        command="",
    )


def test_the_answer_is_a_class_of_the_folder(model, tmp_path):
    paths = [
        save(tmp_path / "a.png", 3_900),
        save(
            tmp_path / "b.png", 900
        ),  # would be light if 10 bits were significant
        tmp_path / "missing.png",
        save(tmp_path / "c.png", 9_000),
    ]
    page = Image.new("L", (40, 40), 51)
    page.save(tmp_path / "d.tiff", save_all=True, append_images=[page])
    assert has_own_classes(model) and has_own_classes(model.parent)
    light, dark, missing, bright, first, second = classify_files(
        model.parent, [*paths, tmp_path / "d.tiff"]
    )
    assert (light["class"], dark["class"]) == ("light", "dark")
    assert light["file"] == str(paths[0]) and "page" not in light
    # The upper 8 of 12 bits: 900 / 16 = 56.25.
    assert dark["scores"] == pytest.approx(
        {"dark": 1 - 56 / 255, "light": 56 / 255}, rel=1e-6
    )
    assert dark["confidence"] == dark["scores"]["dark"]
    assert missing["error"] == "no such file or directory"
    assert "up to 9,000. Expected at most 4,095" in bright["error"]
    assert (first["page"], second["page"]) == (1, 2)
    assert second["class"] == "dark"


def test_other_models_have_no_classes_of_their_own(project, tmp_path):
    assert not has_own_classes(project / "saved_models/lenet_mnist/1")
    assert not has_own_classes(tmp_path)


def test_a_card_of_another_model_is_refused(model, tmp_path):
    folder = shutil.copytree(model, tmp_path / "1")
    card = json.loads((folder / "model_card.json").read_text())
    card["classes"] = ["a", "b", "c"]
    (folder / "model_card.json").write_text(json.dumps(card))
    with pytest.raises(ValueError, match="has 3 classes, but the model "):
        classify_files(folder, [save(tmp_path / "a.png", 3_900)])


def test_a_reject_rate_is_refused(model, tmp_path):
    path = save(tmp_path / "a.png", 3_900)
    with pytest.raises(ValueError, match="--reject_rate has no effect"):
        recognize_digits.run(False, model, 0.1, [path])
