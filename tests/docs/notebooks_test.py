"""Guides as notebooks, in an environment with `pip install dlunits` alone.

The environment has the wheel of this checkout and its dependencies, and neither
Jupyter nor anything else of the test environment: the cells of a notebook are
run as one program.
"""

import os
import subprocess
import sys

import pytest

from tests.packaging_test import call, source, wheel  # noqa: F401

if "DLUNITS_FRESH_ENVIRONMENT" not in os.environ:
    pytest.skip(
        "It installs TensorFlow, 2 GB: `make notebooks` runs this test.",
        allow_module_level=True,
    )

jupytext = pytest.importorskip("jupytext")

# Quick ones; `scaling` runs the command `dlunits`, too.
GUIDES = ["custom_backward_pass", "scaling", "vanishing_gradients"]


@pytest.fixture(scope="module")
def environment(wheel, project, tmp_path_factory):  # noqa: F811
    """Folder of a new virtual environment with the wheel."""
    folder = tmp_path_factory.mktemp("fresh")
    call(sys.executable, "-m", "venv", folder, folder=folder)
    call(
        *(folder / "bin/python", "-m", "pip", "install", "--quiet"),
        *("--constraint", project / "constraints.txt", wheel),
        folder=folder,
    )
    return folder


def program_of(guide):
    """Program of the cells of a guide, which is converted to a notebook first.

    A cell that begins with `%%bash` runs in a shell, as in Jupyter.
    """
    notebook = jupytext.reads(
        jupytext.writes(jupytext.read(guide, fmt="md:myst"), fmt="ipynb"),
        fmt="ipynb",
    )
    parts = ["import subprocess"]
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.source.startswith("%%bash\n"):
            commands = cell.source.removeprefix("%%bash\n")
            parts.append(
                f"subprocess.run(['bash', '-ec', {commands!r}], check=True)"
            )
        elif cell.cell_type == "code":
            parts.append(cell.source)
    return "\n".join(parts)


def test_the_environment_has_no_optional_packages(environment):
    installed = call(
        *(environment / "bin/python", "-m", "pip", "list", "--format=freeze"),
        folder=environment,
    )
    names = {line.partition("==")[0].lower() for line in installed.split()}
    assert {"dlunits", "keras", "tensorflow"} <= names
    assert not {"ipython", "jax", "pytest", "sphinx"} & names


@pytest.mark.parametrize("guide", GUIDES)
def test_a_guide_runs_from_the_first_to_the_last_cell(
    guide, environment, project, tmp_path
):
    own = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "TFDS_DATA_DIR", "KERAS_BACKEND")
    }
    process = subprocess.run(
        # The folder is empty: the program is no file in it.
        [
            environment / "bin/python",
            "-c",
            program_of(project / f"docs/guides/{guide}.md"),
        ],
        cwd=tmp_path,
        env={
            **own,
            **dict.fromkeys(
                ("http_proxy", "https_proxy"), "http://127.0.0.1:9"
            ),
            "HOME": str(tmp_path),
            "MPLBACKEND": "agg",
            "PATH": f"{environment / 'bin'}:{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    assert process.stdout
