"""The app of all labs: its commands, a run and a lab that fails."""

import subprocess
import sys

import pytest

from apps import lab

SETTINGS = {"dataset": "digits", "data_dir": None, "seed": 0}


@pytest.mark.parametrize("name", lab.LABS)
def test_flags_of_the_labs_are_valid(name, project):
    app, given = lab.LABS[name]
    process = subprocess.run(
        [
            *(sys.executable, project / f"apps/{app}.py"),
            *(*given, "--dataset=digits", "--seed=0", "--workdir=x"),
            "--only_check_args",
        ],
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr


def test_labs_run_and_an_index_links_their_reports(
    tmp_path, monkeypatch, capsys
):
    tiny = ["--compare=width", "--values=2", "--seeds=1", "--epochs=1"]
    monkeypatch.setattr(lab, "LABS", {"training/width": ("training_lab", tiny)})
    lab.run(**SETTINGS, workdir=str(tmp_path), num_processes=1)
    assert "Report: " in (tmp_path / "training/width/log.txt").read_text()
    page = (tmp_path / "index.html").read_text()
    target = "training/width/report.html#early-stopping-keeps-the-best-epoch"
    assert f'href="{target}"' in page
    assert f"Index:   {tmp_path}/index.html" in capsys.readouterr().out


def test_a_lab_that_fails_is_named_with_its_last_line(tmp_path, monkeypatch):
    bad = {"training": ("training_lab", ["--seeds=many"])}
    monkeypatch.setattr(lab, "LABS", bad)
    with pytest.raises(
        ValueError,
        match=r"training: training_lab\.py: flag --seeds=many.*log\.txt",
    ):
        lab.run(**SETTINGS, workdir=str(tmp_path), num_processes=1)
