"""The GAN app as a process: training, kill, generation, bad input."""

import functools
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from tests.tasks.lab.index_page_test import shown_units


@pytest.fixture(scope="module")
def app(run_app):
    return functools.partial(run_app, "gan_mnist.py")


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Forty images of two classes, so that an epoch is short."""
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for name, level in (("dark", 60), ("light", 200)):
        (folder / name).mkdir()
        for number in range(40):
            gray = rng.integers(level - 40, level + 40, (28, 28), "uint8")
            Image.fromarray(gray).save(folder / name / f"{number}.png")
    return folder


def flags(images, loss="non_saturating"):
    return (
        f"--dataset={images}",
        f"--loss={loss}",
        "--conditional",
        "--batch_size=60",
        "--epochs=2",
        "--steps_per_epoch=10",
        "--workdir=run",
        "--export_dir=model",
    )


@pytest.fixture(scope="module")
def trained(app, images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    process = app(folder, *flags(images))
    assert process.returncode == 0, process.stderr
    return folder, process


def test_the_last_lines_are_the_paths_of_the_results(trained):
    folder, process = trained
    last_lines = dict(
        line.split(":", 1) for line in process.stdout.splitlines()[-4:]
    )
    assert list(last_lines) == ["Report", "Animation", "SavedModel", "Use it"]
    for name in ("Report", "Animation", "SavedModel"):
        assert (folder / last_lines[name].strip()).exists()
    assert len(list((folder / "run/samples").glob("epoch_*.png"))) == 2
    assert shown_units(folder / "run/report.html", "gan") == ["GAN"]


def test_the_exported_model_generates_images(app, trained):
    folder, _ = trained
    process = app(
        folder, "--model=model/1", "--generate=7", "--output=seven.png"
    )
    assert process.returncode == 0, process.stderr
    with Image.open(folder / "seven.png") as grid:
        assert grid.size == (4 * 28, 2 * 28)  # 7 in rows of 4


def test_a_model_that_comes_with_the_project_is_found_by_its_name(
    app, tmp_path
):
    flags = ("--generate=10", "--output=ten.png")
    process = app(tmp_path, "--model=gan_mnist/1", *flags)
    assert process.returncode == 0, process.stderr
    assert (tmp_path / "ten.png").exists()
    # An own model of this name comes first.
    (tmp_path / "saved_models/gan_mnist").mkdir(parents=True)
    process = app(tmp_path, "--model=gan_mnist", *flags)
    assert "No SavedModel in saved_models/gan_mnist" in process.stderr


def test_a_killed_run_ends_like_an_uninterrupted_one(
    app, project, offline, images, trained, checkpoint, tmp_path
):
    command = [sys.executable, project / "apps/gan_mnist.py", *flags(images)]
    history = tmp_path / "run/history.csv"
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=offline,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as killed:
        started = time.monotonic()
        while not history.exists():
            assert killed.poll() is None, "The run ended before it was killed."
            assert time.monotonic() - started < 600
            time.sleep(0.005)
        killed.kill()
        assert killed.wait() == -signal.SIGKILL
    assert len(history.read_text().splitlines()) == 2

    process = app(tmp_path, *flags(images))

    assert process.returncode == 0, process.stderr
    folder, _ = trained
    (text, arrays), (expected, others) = map(
        checkpoint, (tmp_path / "run", folder / "run")
    )
    assert text == expected
    assert arrays.keys() == others.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, others[name], err_msg=name)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--generate=4",), "--generate has no effect without --model"),
        (("--model=m",), "--model has no effect without --generate"),
        (("--label=3",), "--label has no effect without --generate"),
        (
            ("--generate=4", "--model=m", "--epochs=3", "--conditional"),
            "--conditional, --epochs have no effect with --generate: "
            "nothing is trained",
        ),
        (("--generate=4", "--model=nothing"), "No SavedModel in nothing"),
        (("--augment_classifier",), "add --conditional"),
        (("--dataset=nowhere",), "nowhere"),
    ],
)
def test_bad_input_ends_with_one_line(app, tmp_path, given, message):
    process = app(tmp_path, *given)
    assert process.returncode != 0
    last = process.stderr.strip().splitlines()[-1]
    assert last.startswith("gan_mnist.py: ")
    assert message in last
    assert "Traceback" not in process.stderr


def test_a_data_set_of_one_image_is_refused(app, tmp_path):
    (tmp_path / "one/class").mkdir(parents=True)
    Image.new("L", (28, 28)).save(tmp_path / "one/class/0.png")
    process = app(tmp_path, "--dataset=one")
    assert process.returncode != 0
    assert "Traceback" not in process.stderr
    assert process.stderr.strip().splitlines()[-1].startswith("gan_mnist.py: ")


def test_a_nan_loss_is_refused_and_exports_nothing(app, images, tmp_path):
    process = app(tmp_path, *flags(images), "--learning_rate=1e30")
    assert process.returncode != 0
    last = process.stderr.strip().splitlines()[-1]
    assert "generator" in last or "discriminator" in last
    assert "Traceback" not in process.stderr
    assert not (tmp_path / "model").exists() or not list(
        (tmp_path / "model").iterdir()
    )
