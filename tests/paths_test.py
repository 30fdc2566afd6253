"""Home directories in paths."""

import pathlib
import pwd

import pytest

from dlunits.data.tfds_store import data_directories
from dlunits.paths import expand_user


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
