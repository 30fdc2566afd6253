"""The models of the page: loading, and the command for missing ones."""

import shutil
import subprocess
import sys

import pytest

from dlunits.demo.model_folder import TRAINED_BY, ModelFolder
from dlunits.serving.remote_model import RemoteModel


@pytest.fixture
def shipped(project):
    return ModelFolder(project / "saved_models")


def test_a_model_is_loaded_once(shipped):
    made = []

    def make(version, model):
        made.append(version.name)
        return model.signatures

    assert shipped.problem("vae_mnist") is None
    assert shipped.use("vae_mnist", make) is shipped.use("vae_mnist", make)
    assert made == ["1"]
    assert shipped.model("vae_mnist") is shipped.model("vae_mnist")


@pytest.mark.parametrize("name", TRAINED_BY)
def test_the_command_for_a_missing_model_is_valid(name, tmp_path, project):
    problem = ModelFolder(tmp_path / "a b").problem(name)
    reason, command = problem.split("\n")
    assert f"{tmp_path}/a b/{name} is missing" in reason
    program, app, *flags = command.replace("'", "").split(maxsplit=2)
    assert program == "dlunits"
    process = subprocess.run(
        [
            *(sys.executable, project / f"apps/{app}.py"),
            *flags[0].split(" --export_dir")[0].split(),
            *("--export_dir=x", "--only_check_args"),
        ],
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr


def test_a_damaged_model_is_refused_when_it_is_used(shipped, tmp_path):
    shutil.copytree(shipped.folder / "vae_mnist", tmp_path / "vae_mnist")
    (tmp_path / "vae_mnist/1/saved_model.pb").write_bytes(b"damaged")
    with pytest.raises(ValueError, match="is damaged"):
        ModelFolder(tmp_path).model("vae_mnist")


def test_a_server_is_called_instead_of_the_saved_model(shipped):
    models = ModelFolder(shipped.folder, "http://127.0.0.1:1")
    assert isinstance(models.model("vae_mnist"), RemoteModel)
    assert "does not answer" in models.problem("vae_mnist")
