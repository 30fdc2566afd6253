"""`--help` of every app and of the command: fast, and nothing heavy loaded."""

import re
import statistics
import subprocess
import sys
import time

import pytest

# App -> text in its help.
PROGRAMS = {
    "dlunits_command.py": "lenet_mnist",
    "apps/alexnet_images.py": "--crop_size",
    "apps/anomaly_detection.py": "--label_column",
    "apps/autoencoder_mnist.py": "--latent_dim",
    "apps/bias_variance.py": "--num_sets",
    "apps/convolution_lab.py": "--image",
    "apps/demo.py": "--server",
    "apps/denoising_mnist.py": "--noise",
    "apps/export.py": "--format",
    "apps/forecast_series.py": "--horizon",
    "apps/gan_mnist.py": "--conditional",
    "apps/gradient_flow.py": "--clipnorm",
    "apps/lab.py": "--num_processes",
    "apps/lenet_mnist.py": "--learning_rate",
    "apps/recognize_digits.py": "--model",
    "apps/sequence_digits.py": "--bidirectional",
    "apps/serve.py": "--models_dir",
    "apps/text_generation.py": "--temperature",
    "apps/training_lab.py": "--compare",
}
HEAVY = {"tensorflow", "keras", "numpy", "jax", "matplotlib", "dlunits"}


def median_seconds(*arguments):
    """Median of five runs of Python, and the last process."""
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        process = subprocess.run(
            [sys.executable, *arguments], capture_output=True, text=True
        )
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), process


def test_every_app_is_here(project):
    apps = {f"apps/{path.name}" for path in project.glob("apps/[!_]*.py")}
    assert apps | {"dlunits_command.py"} == PROGRAMS.keys()


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_takes_half_a_second_at_most(project, name):
    seconds, process = median_seconds(project / name, "--help")
    assert PROGRAMS[name] in process.stdout
    if seconds > 0.5:
        # A slow or busy machine: Python and absl alone are slow there, too.
        start_up, _ = median_seconds("-c", "import absl.app, absl.flags")
        assert seconds <= 2.5 * start_up


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_loads_nothing_heavy(project, name):
    process = subprocess.run(
        [sys.executable, "-X", "importtime", project / name, "--help"],
        capture_output=True,
        text=True,
    )
    loaded = set(re.findall(r"\| +(\w+)", process.stderr))
    assert {"os", "pathlib"} <= loaded  # the list was parsed
    assert not loaded & HEAVY
