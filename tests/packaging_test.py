"""The wheel holds the library, all of it and nothing else."""

import subprocess
import sys
import zipfile

import pytest


@pytest.fixture(scope="module")
def wheel(project, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=project,
        capture_output=True,
        text=True,
    )
    if tracked.returncode:
        pytest.skip("Not a git checkout: what belongs to it is not known.")
    source = folder / "source"
    for name in filter(None, tracked.stdout.split("\0")):
        if (project / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((project / name).read_bytes())
    subprocess.run(
        [
            *(sys.executable, "-m", "build", "--wheel", "--no-isolation"),
            *("--outdir", folder, source),
        ],
        check=True,
        capture_output=True,
    )
    [path] = folder.glob("*.whl")
    return path


def test_wheel_holds_every_file_of_the_library_and_no_other(project, wheel):
    files = {
        path.relative_to(project).as_posix()
        for path in (project / "dlunits").rglob("*")
        if path.suffix in {".py", ".jinja"}
    }
    with zipfile.ZipFile(wheel) as archive:
        names = {n for n in archive.namelist() if ".dist-info/" not in n}
    assert names == files


def test_wheel_imports_where_there_is_no_checkout(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    process = subprocess.run(
        [
            *(sys.executable, "-P", "-c"),
            "import sys; sys.path.insert(0, 'site'); import dlunits;"
            "import dlunits.reporting.html_report as report;"
            "report.template(); print(dlunits.__file__)",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout.strip() == str(tmp_path / "site/dlunits/__init__.py")
