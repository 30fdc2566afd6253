"""Which folders are versions, and when their files have changed."""

import os

from dlunits.serving.server.version_folders import (
    find_versions,
    fingerprint,
    seconds_unchanged,
)


def test_versions_are_integers_in_folders_of_models(tmp_path):
    for name in (
        *("a/1", "a/20", "a/003", "a/-4", "a/latest", "a/.export.5"),
        *("b/variables", ".hidden/1"),
    ):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "README.md").touch()
    (tmp_path / "a" / "7").touch()
    found = find_versions(tmp_path)
    assert found == {"a": {1: tmp_path / "a/1", 20: tmp_path / "a/20"}}


def test_the_fingerprint_changes_with_the_files(tmp_path):
    (tmp_path / "variables").mkdir()
    path = tmp_path / "variables" / "data"
    path.write_bytes(b"1234")
    before = fingerprint(tmp_path)
    assert before == fingerprint(tmp_path) != ()
    path.write_bytes(b"12345")
    longer = fingerprint(tmp_path)
    assert longer != before
    # A replacement of the same size and time of modification.
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    other = tmp_path / "variables" / "other"
    other.write_bytes(b"54321")
    os.utime(other, ns=times)
    other.rename(path)
    assert fingerprint(tmp_path) != longer
    path.unlink()
    assert fingerprint(tmp_path) == ()


def test_the_time_since_the_last_change_is_known(tmp_path):
    path = tmp_path / "data"
    path.touch()
    os.utime(path, (0, 0))  # copied with its time of modification
    assert 0 <= seconds_unchanged(fingerprint(tmp_path)) < 60
