"""Loading of complete, damaged and missing SavedModels."""

import shutil

import pytest
import tensorflow as tf

from dlunits.serving.load import find_version, load_saved_model


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    module = tf.Module()
    module.weights = [tf.Variable(tf.ones((50, 3))), tf.Variable(7.0)]
    folder = tmp_path_factory.mktemp("models") / "1"
    tf.saved_model.save(module, folder)
    return folder


def test_a_complete_model_is_loaded(saved):
    assert float(load_saved_model(saved).weights[1]) == 7


def test_the_latest_version_of_a_model_is_loaded(saved):
    assert find_version(saved) == saved
    assert find_version(saved.parent) == saved
    (saved.parent / "notes").mkdir()
    assert float(load_saved_model(saved.parent).weights[1]) == 7


@pytest.mark.parametrize("name", ["vae_mnist", "saved_models/vae_mnist/1"])
def test_a_model_that_comes_with_dlunits_is_found_from_any_folder(
    name, project, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert find_version(name) == project / "saved_models/vae_mnist/1"


@pytest.mark.parametrize("name", ["vae_mnist", "saved_models/vae_mnist"])
def test_own_models_come_before_those_of_dlunits(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "saved_models/vae_mnist/7"
    own.mkdir(parents=True)
    assert find_version(name).resolve() == own


def test_a_model_that_is_nowhere_is_a_one_line_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"^No SavedModel in none/1: "):
        load_saved_model("none/1")


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path):
    path.write_bytes(b"")


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 0xFF
    path.write_bytes(data)


def remove(path):
    path.unlink()


@pytest.mark.parametrize("damage", [cut, empty, remove])
@pytest.mark.parametrize(
    "name",
    [
        "saved_model.pb",
        "variables/variables.index",
        "variables/variables.data-00000-of-00001",
    ],
)
def test_a_damaged_model_is_a_one_line_error(saved, name, damage, tmp_path):
    folder = shutil.copytree(saved, tmp_path / "1")
    damage(folder / name)
    with pytest.raises(ValueError, match=f"SavedModel in {folder}") as caught:
        load_saved_model(folder)
    assert "\n" not in str(caught.value)


def test_a_damaged_fingerprint_is_refused(saved, tmp_path):
    """TensorFlow itself only logs a traceback."""
    folder = shutil.copytree(saved, tmp_path / "1")
    (folder / "fingerprint.pb").write_bytes(b"\xff")  # no complete number
    with pytest.raises(ValueError, match="is damaged") as caught:
        load_saved_model(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["saved_model.pb", "variables/variables.index"]
)
def test_changed_bytes_are_a_one_line_error(saved, name, tmp_path):
    folder = shutil.copytree(saved, tmp_path / "1")
    flip(folder / name)
    with pytest.raises(ValueError, match="is damaged") as caught:
        load_saved_model(folder)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match=f"No SavedModel in {tmp_path}"):
        load_saved_model(tmp_path)
