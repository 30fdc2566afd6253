"""--help of every app: at once, and without what makes it slow."""

import re
import subprocess
import sys
import time

import pytest

# App -> what its help names.
APPS = {
    "anomaly_detection.py": "--label_column",
    "autoencoder_mnist.py": "--kind",
    "denoising_mnist.py": "--level",
    "gan_mnist.py": "--conditional",
    "gradient_flow.py": "--clipnorm",
    "forecast_series.py": "--horizon",
    "lenet_mnist.py": "--learning_rate",
    "recognize_digits.py": "--model",
    "sequence_digits.py": "--bidirectional",
    "text_generation.py": "--temperature",
}


def test_every_app_is_here(project):
    assert {path.name for path in project.glob("apps/[!_]*.py")} == APPS.keys()


@pytest.mark.parametrize("name", APPS)
def test_help_answers_at_once_and_loads_nothing_heavy(project, name):
    command = [sys.executable, "-X", "importtime"]
    command += [project / "apps" / name, "--help"]
    seconds = []
    for _ in range(3):  # the best of three, for a machine at work
        start = time.perf_counter()
        process = subprocess.run(command, capture_output=True, text=True)
        seconds.append(time.perf_counter() - start)

    assert APPS[name] in process.stdout
    loaded = set(re.findall(r"\| +(\w+)", process.stderr))
    assert "absl" in loaded  # the list is there to be read
    heavy = {"tensorflow", "keras", "numpy", "jax", "matplotlib", "dlunits"}
    assert not loaded & heavy
    assert min(seconds) <= 0.5
