"""Home directories in paths, and paths that are not regular files."""

import os
import pathlib
import pwd

import pytest

from dlunits.data.tfds_store import data_directories
from dlunits.paths import check_regular, expand_user


def test_the_home_directory_is_that_of_the_environment(monkeypatch):
    monkeypatch.setenv("HOME", "/home/of/tests")
    assert expand_user("~/runs") == pathlib.Path("/home/of/tests/runs")


@pytest.fixture
def no_home(monkeypatch):
    """A process without HOME, whose user id is not in the password database."""

    def unknown(_):
        raise KeyError

    monkeypatch.delenv("HOME")
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)


def test_an_unknown_home_is_an_error_only_where_it_is_asked_for(no_home):
    with pytest.raises(ValueError, match="The home directory of '~' is not"):
        expand_user("~/runs")
    assert expand_user("runs") == pathlib.Path("runs")
    assert data_directories("data") == [pathlib.Path("data")]


def test_pipes_and_devices_are_refused_without_being_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", pathlib.Path("/dev/null")):
        with pytest.raises(ValueError, match="cannot be read twice"):
            check_regular(path)


def test_files_folders_and_missing_paths_pass(tmp_path):
    for path in (pathlib.Path(__file__), tmp_path, tmp_path / "missing"):
        check_regular(path)
