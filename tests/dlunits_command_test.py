"""The command `dlunits` in a checkout: list of apps, runs and errors."""

import os
import re
import signal
import subprocess
import sys

import pytest

import dlunits_command


@pytest.fixture
def command(project, tmp_path):
    """Runs the command in an empty folder."""

    def run(*arguments):
        return subprocess.run(
            [sys.executable, project / "dlunits_command.py", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )

    return run


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_help_lists_each_app_with_the_first_line_of_its_docstring(
    command, project, arguments
):
    process = command(*arguments)
    assert process.returncode == 0
    lines = re.findall(r"^  (\w+) +(.*)$", process.stdout, re.MULTILINE)
    apps = {path.stem: path for path in project.glob("apps/[!_]*.py")}
    assert [name for name, _ in lines] == sorted(apps)
    for name, summary in lines:
        first = apps[name].read_text().partition("\n")[0]
        assert first.removeprefix("r") == f'"""{summary}'


def test_help_to_a_reader_that_ended_has_no_traceback(project, tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.run(
        [sys.executable, project / "dlunits_command.py"],
        cwd=tmp_path,
        stdout=writing,
        stderr=subprocess.PIPE,
    )
    os.close(writing)
    assert process.stderr == b""
    assert process.returncode == 128 + signal.SIGPIPE


@pytest.mark.parametrize("app", dlunits_command.find_apps())
def test_summary_of_an_app_fits_a_line_and_ends_with_a_period(app):
    summary = dlunits_command.summary(dlunits_command.find_apps()[app])
    assert summary.endswith(".")
    assert len(summary) <= 78


def test_help_of_an_app_names_the_command_in_its_usage(command):
    process = command("lenet_mnist", "--help")
    assert "    dlunits lenet_mnist --epochs=5" in process.stdout
    assert "python apps" not in process.stdout


def test_an_app_reports_its_errors_under_the_name_of_the_command(command):
    process = command("lenet_mnist", "--epochs=0")
    assert process.returncode == 1
    assert process.stderr.startswith("dlunits lenet_mnist: flag --epochs=0: ")
    assert len(process.stderr.splitlines()) == 1


# Name -> the line on stderr.
UNKNOWN = {
    "lenet": "dlunits: no app 'lenet'; did you mean lenet_mnist",
    "mnist": "dlunits: no app 'mnist'; did you mean ",
    "quux": "dlunits: no app 'quux'; `dlunits --help` lists all apps",
    "_main": "dlunits: no app '_main'; ",
    "--epochs=5": "dlunits: no app '--epochs=5'; ",
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_unknown_app_is_one_line_with_suggestions_and_status_2(
    command, name
):
    process = command(name, "--epochs=5")
    assert process.returncode == 2
    assert process.stdout == ""
    [line] = process.stderr.splitlines()
    assert line.startswith(UNKNOWN[name])
    assert line.endswith("`dlunits --help` lists all apps")
