"""The commands of the README run, on little data."""

import numpy as np
import pytest

from tests.docs.pages_test import app_commands, draw_one

STEPS = "--steps_per_epoch=5"

# Flags that make a command of the README short. The last of equal flags counts.
SHORT = {
    "lenet_mnist": ["--epochs=1", STEPS, "--dataset=digits"],
    "recognize_digits": [],
    "autoencoder_mnist": [
        "--epochs=1",
        "--dataset=digits",
        "--num_labels=5000",  # more than there are: no fine-tuning
    ],
    "denoising_mnist": ["--epochs=1", STEPS, "--dataset=digits"],
    "anomaly_detection": [],
    "forecast_series": ["--epochs=1", "--window=24", "--units=8"],
    "text_generation": [
        "--epochs=1",
        "--units=8",
        "--batch_size=8",
        "--bptt_steps=16",
    ],
}

# Their commands run on little data in the tests of these apps.
RUN_BY_APP_TESTS = {
    "alexnet_images",
    "bias_variance",
    "convolution_lab",
    "demo",
    "export",
    "gan_mnist",
    "gradient_flow",
    "lab",
    "sequence_digits",
    "serve",
    "training_lab",
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A folder with the files that the commands of the README name."""
    folder = tmp_path_factory.mktemp("readme")
    rng = np.random.default_rng(0)
    draw_one(folder / "photo.jpg")
    for name in ("normal", "new"):
        rows = [f"{x:.3f},{x * 2:.3f}" for x in rng.normal(size=200)]
        (folder / f"{name}.csv").write_text("\n".join(["a,b", *rows]) + "\n")
    hours = np.datetime64("2026-01-01T00") + np.arange(600)
    values = 10 + np.sin(np.arange(600) * 2 * np.pi / 24)
    rows = [f"{t},{v:.4f}" for t, v in zip(hours, values, strict=True)]
    (folder / "series.csv").write_text("\n".join(["time,value", *rows]) + "\n")
    (folder / "book.txt").write_text("The quick brown fox. " * 500)
    return folder


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(command, id=command[0])
        for command in app_commands("README.md")
        if command[0] in SHORT
    ],
)
def test_commands_of_the_readme_run(command, run_app, inputs):
    name, *arguments = command
    process = run_app(f"{name}.py", inputs, *arguments, *SHORT[name])
    assert process.returncode == 0, process.stderr


def test_the_readme_has_a_command_for_every_app(project):
    apps = {path.stem for path in project.glob("apps/[!_]*.py")}
    assert apps == {command[0] for command in app_commands("README.md")} & apps
    assert apps == SHORT.keys() | RUN_BY_APP_TESTS
