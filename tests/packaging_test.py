"""The wheel: built from the sdist, installed, and its command run.

The clean environment has the installed wheel and, through a .pth file, the
dependencies of this environment, but not the checkout: files named in a .pth
file of another folder, the hooks of an editable install among them, are not
read.
"""

import ast
import os
import pathlib
import re
import subprocess
import sys
import sysconfig
import zipfile

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from benchmarks.paper_photos import photograph

MODEL = "saved_models/lenet_mnist/1"


def call(*command, folder, **options):
    """Runs a command without PYTHONPATH, which has the checkout."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    process = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        **options,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


@pytest.fixture(scope="module")
def source(project, tmp_path_factory):
    """Copy of the files of the checkout, into whose folder builds write."""
    folder = tmp_path_factory.mktemp("source")
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=project,
        capture_output=True,
        text=True,
    )
    if tracked.returncode:
        pytest.skip("Not a git checkout: what belongs to it is not known.")
    for name in filter(None, tracked.stdout.split("\0")):
        if (project / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((project / name).read_bytes())
    return folder


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    call(
        *(sys.executable, "-m", "build", "--no-isolation"),
        *("--outdir", folder, source),
        folder=folder,
    )
    [path] = folder.glob("*.whl")
    return path


def environment_with(folder, *what):
    """Folder of a new virtual environment in which something is installed."""
    call(sys.executable, "-m", "venv", "--without-pip", "venv", folder=folder)
    dependencies = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    (site_packages(folder) / "dependencies.pth").write_text(
        "\n".join(dependencies)
    )
    call(
        *(sys.executable, "-m", "pip"),
        *("--python", folder / "venv/bin/python", "install", *what),
        *("--no-deps", "--no-index", "--no-build-isolation"),
        "--ignore-installed",
        folder=folder,
    )
    return folder


def site_packages(environment):
    [path] = (environment / "venv/lib").glob("python*/site-packages")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Environment of the wheel, with an empty folder `work`."""
    environment = environment_with(tmp_path_factory.mktemp("clean"), wheel)
    (environment / "work").mkdir()
    return environment


def find(environment):
    """Path of the file that `import dlunits` loads in an environment."""
    program = "import importlib.util as u; print(u.find_spec('dlunits').origin)"
    python = environment / "venv/bin/python"
    return pathlib.Path(call(python, "-c", program, folder=environment).strip())


def files_in(folder):
    """Relative names of all files except compiled ones."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_wheel_holds_the_library_the_apps_and_the_shipped_models_only(
    source, wheel
):
    library = {
        f"dlunits/{name}"
        for name in files_in(source / "dlunits")
        if name.endswith((".py", ".jinja", ".js", ".css", ".html", "py.typed"))
    }
    apps = {f"dlunits/apps/{path.name}" for path in source.glob("apps/*.py")}
    models = {
        f"dlunits/saved_models/{name}"
        for name in files_in(source / "saved_models")
    }
    assert f"dlunits/{MODEL}/saved_model.pb" in models
    with zipfile.ZipFile(wheel) as archive:
        names = {n for n in archive.namelist() if ".dist-info/" not in n}
    assert names == {
        *(*library, *apps, *models),
        "dlunits_command.py",
    }


def test_installed_package_is_that_of_the_clean_environment(installed):
    expected = site_packages(installed) / "dlunits/__init__.py"
    assert find(installed) == expected


def test_command_lists_the_apps_and_its_version(installed, source):
    command = installed / "venv/bin/dlunits"
    listed = call(command, "--help", folder=installed)
    for path in (source / "apps").glob("[!_]*.py"):
        assert re.search(rf"^  {path.stem} +[A-Z]", listed, re.MULTILINE)
    assert call(command, "--version", folder=installed) == "dlunits 0.1.0\n"


def test_command_trains_in_the_current_folder_and_names_itself(installed):
    work, site = installed / "work", site_packages(installed)
    before = files_in(site)
    flags = ["--dataset=digits", "--epochs=1", "--noaugment"]
    output = call(
        installed / "venv/bin/dlunits", "lenet_mnist", *flags, folder=work
    )

    [run] = (work / "runs").iterdir()
    made = f"{run.name}/report.html"
    command = f"dlunits lenet_mnist {' '.join(flags)}"
    assert command in (work / "runs" / made).read_text()
    assert (work / "saved_models/lenet_digits_modern/1/saved_model.pb").exists()
    assert re.search(r"Use it: +dlunits recognize_digits --model=", output)
    assert files_in(site) == before


def test_command_reads_a_photo_with_the_shipped_model(installed, tmp_path):
    digit = load_digits().images[0] / 16
    page = photograph(digit, np.random.default_rng(0))
    Image.fromarray(page).save(tmp_path / "zero.png")
    command = installed / "venv/bin/dlunits"
    output = call(command, "recognize_digits", "zero.png", folder=tmp_path)
    assert output.startswith("zero.png: 0 (")
    assert files_in(tmp_path) == {"zero.png"}


def test_editable_install_has_the_command_of_the_checkout(source, tmp_path):
    environment = environment_with(tmp_path, "--editable", source)
    assert find(environment) == source / "dlunits/__init__.py"
    command = environment / "venv/bin/dlunits"
    listed = call(command, "--help", folder=environment)
    assert "lenet_mnist" in listed
    text = call(command, "recognize_digits", "--help", folder=environment)
    assert str(source / MODEL) in "".join(text.split())


def test_version_is_the_same_everywhere(project, wheel):
    module = ast.parse((project / "dlunits/__init__.py").read_text())
    [version] = [
        node.value.value
        for node in module.body
        if isinstance(node, ast.Assign) and node.targets[0].id == "__version__"
    ]
    assert wheel.name == f"dlunits-{version}-py3-none-any.whl"
    citation = (project / "CITATION.cff").read_text()
    assert re.search(r"^version: (.*)$", citation, re.MULTILINE)[1] == version
    changes = (project / "CHANGELOG.md").read_text()
    releases = re.findall(r"^## \[(\d.*?)\]", changes, re.MULTILINE)
    assert releases[0] == version
