"""The entry point that the apps share, in an app of a few lines."""

import os
import re
import shlex
import signal
import subprocess
import sys

import pytest

import _main

APP = '''"""An app that prints what `run` is given."""

import os

import _main
from absl import flags


def define_flags():
    _main.define_common_flags(epochs=3, seed=0, max_seed=9)
    _main.define_distribution_flags()
    flags.DEFINE_string("fails", "", "What to raise.")
    flags.DEFINE_string("output", None, "Result.")
    flags.DEFINE_string("train", None, "Input.")
    flags.DEFINE_float("rate", 1.0, "A number.", 0)


def check_flags(given):
    _main.refuse_with(given, "fails", ["epochs"], "nothing is trained")


def run(epochs, seed, fails, output, train, rate, files):
    if fails:
        raise {"value": ValueError, "os": OSError, "stop": KeyboardInterrupt}[
            fails
        ]("first line\\nsecond line")
    print(epochs, seed, files, _main.command_line(__file__))
    print(os.environ["TF_CPP_MIN_LOG_LEVEL"], _main.program("other"))
    return 4 if seed == 4 else None


if __name__ == "__main__":
    _main.run_app(
        define_flags,
        run,
        check_flags=check_flags,
        positional=POSITIONAL,
        output_suffixes=[".csv", ".txt"],
        input_flags=["train"],
        resumes=True,
    )
'''


@pytest.fixture(scope="module")
def app(project, tmp_path_factory):
    """Runs the app with flags; `refusing` takes no file names."""
    folder = tmp_path_factory.mktemp("apps")
    (folder / "_main.py").write_bytes((project / "apps/_main.py").read_bytes())
    taking = APP.replace("POSITIONAL", '"files"')
    (folder / "taking.py").write_text(taking)
    refusing = APP.replace("POSITIONAL", "None").replace(", files", "")
    (folder / "refusing.py").write_text(refusing)

    # JAX sets this variable when it is imported, in the process of the tests.
    environment = {**os.environ}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)

    def run(*flags, name="taking.py", redirect="{}", cwd=None):
        command = shlex.join([sys.executable, str(folder / name), *flags])
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", redirect.format(command)],
            env=environment,
            cwd=cwd,
            capture_output=True,
            text=True,
        )

    return run


def test_run_takes_the_flags_and_the_positional_arguments(app):
    process = app("--epochs=5", "a b.png", "c.png")
    assert process.returncode == 0, process.stderr
    first, second = process.stdout.splitlines()
    assert first == (
        "5 0 ['a b.png', 'c.png'] "
        "python apps/taking.py --epochs=5 'a b.png' c.png"
    )
    assert second == "2 python apps/other.py"


def test_what_run_returns_is_the_exit_status(app):
    assert app("--seed=4").returncode == 4


# Flags -> the line on stderr.
REFUSED = {
    ("--fails=value",): "first line second line",
    ("--fails=os",): "first line second line",
    ("--fails=stop",): "stopped; run the same command again to resume",
    ("--fails=os", "--epochs=2"): (
        "--epochs has no effect with --fails: nothing is trained"
    ),
    ("--num_processes=2", "--process_id=0"): (
        "--num_processes, --process_id have no effect without "
        "--distribution=data_parallel"
    ),
    ("--epoch=2",): (
        "Unknown command line flag 'epoch'. Did you mean: epochs ?; "
        "--help lists the flags"
    ),
    ("--epochs=0",): (
        "flag --epochs=0: 0 is not an integer in the range [1, 1000000]; "
        "--help lists the flags"
    ),
    ("--rate=nan",): "--rate must be a finite number. Received: nan",
    ("--rate=inf",): "--rate must be a finite number. Received: inf",
    ("--seed=10",): (
        "flag --seed=10: 10 is not an integer in the range [0, 9]; "
        "--help lists the flags"
    ),
}


@pytest.mark.parametrize("flags", REFUSED)
def test_a_mistake_is_one_line_and_exit_status_1(app, flags):
    process = app(*flags)
    assert process.returncode == 1
    assert process.stdout == ""
    assert process.stderr == f"taking.py: {REFUSED[flags]}\n"


OUTPUTS = {
    "thesis.docx": "--output must end in .csv or .txt. Received: thesis.docx",
    "link.csv": (
        "--output would replace the file of --train: choose another file. "
        "Received: link.csv"
    ),
}


@pytest.mark.parametrize("output", OUTPUTS)
def test_an_output_that_replaces_other_data_is_refused(app, output, tmp_path):
    (tmp_path / "rows.csv").write_text("a,b")
    (tmp_path / "link.csv").symlink_to("rows.csv")
    process = app("--train=rows.csv", f"--output={output}", cwd=tmp_path)
    assert process.returncode == 1
    assert process.stderr == f"taking.py: {OUTPUTS[output]}\n"


def test_a_new_output_and_an_older_one_are_accepted(app, tmp_path):
    (tmp_path / "old.csv").touch()
    for output in ("new.txt", "old.csv"):
        process = app(f"--output={output}", cwd=tmp_path)
        assert process.returncode == 0, process.stderr


def test_a_reader_that_ends_early_ends_the_app_without_a_message(app):
    # Far more than a pipe holds.
    process = app("x" * 100_000, redirect="{} | head -c 1")
    assert process.returncode == 128 + signal.SIGPIPE
    assert process.stderr == ""


def test_a_closed_standard_output_is_no_error(app):
    process = app("--seed=4", redirect="{} >&-")
    assert (process.returncode, process.stderr) == (4, "")


def test_positional_arguments_are_refused_where_an_app_takes_none(app):
    process = app("5", name="refusing.py")
    assert process.returncode == 1
    assert process.stderr == (
        "refusing.py: Unknown arguments: ['5']. Options are flags, "
        "--NAME=VALUE; --help lists them\n"
    )


def test_help_shows_the_common_flags_as_those_of_the_app(app):
    process = app("--help")
    assert process.returncode == 0
    help_text = process.stdout
    assert "An app that prints" in help_text
    assert "--epochs: Number of epochs" in help_text
    assert "--fails" in help_text


def test_command_names_the_installed_command_if_that_is_how_it_was_started(
    monkeypatch,
):
    monkeypatch.setattr(sys, "argv", ["dlunits lenet_mnist", "--workdir=a b"])
    command = _main.command_line("/anywhere/apps/lenet_mnist.py")
    assert command == "dlunits lenet_mnist '--workdir=a b'"
    assert _main.program("recognize_digits") == "dlunits recognize_digits"


def test_script_in_a_folder_named_like_the_command_is_a_script(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["dlunits copy/apps/lenet_mnist.py"])
    assert _main.program("lenet_mnist") == "python apps/lenet_mnist.py"


def test_flags_that_need_another_are_refused_without_it():
    idle, needed = ["top_k", "top_p"], ["generate", "interactive"]
    _main.refuse_without({"top_k", "interactive"}, needed, idle)
    _main.refuse_without({"epochs"}, needed, idle)
    with pytest.raises(ValueError, match="have no effect without --generate"):
        _main.refuse_without({"top_k", "top_p", "epochs"}, needed, idle)


def test_flags_without_effect_with_another_are_refused_with_the_reason():
    _main.refuse_with({"epochs"}, "model", ["epochs"], "nothing is trained")
    _main.refuse_with({"model"}, "model", ["epochs"], "nothing is trained")
    message = "--epochs has no effect with --model: nothing is trained"
    with pytest.raises(ValueError, match=message):
        _main.refuse_with(
            {"epochs", "model"}, "model", ["epochs"], "nothing is trained"
        )


MODES = {
    "train": {"train", "epochs", "seed"},
    "generate": {"generate", "model", "seed"},
    "score": {"score", "model"},
}


def test_a_mode_is_chosen_by_its_flag_and_the_first_is_the_default():
    assert _main.choose_mode({"seed", "epochs"}, MODES) == "train"
    assert _main.choose_mode({"generate", "seed"}, MODES) == "generate"
    assert _main.choose_mode({"score", "model"}, MODES) == "score"
    # A flag of no mode, such as absl's --verbosity, is ignored.
    assert _main.choose_mode({"score", "verbosity"}, MODES) == "score"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"train", "score"}, "Expected only one of --train, --score"),
        (
            {"generate", "epochs"},
            "--epochs has no effect with --generate: it belongs to --train",
        ),
        (
            {"model"},
            "--model has no effect with --train, the default: it belongs to "
            "--generate and --score",
        ),
    ],
)
def test_a_flag_of_another_mode_is_refused(given, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        _main.choose_mode(given, MODES)


def test_the_batch_size_is_at_most_the_number_of_images(capsys):
    assert _main.limit_batch_size(128, 1000) == 128
    assert not capsys.readouterr().out
    assert _main.limit_batch_size(128, 18) == 18
    assert "to 18, the number of training images" in capsys.readouterr().out
