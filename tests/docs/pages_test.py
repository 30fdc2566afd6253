"""The README and the pages of docs/: their code, commands, names and links."""

import importlib
import pathlib
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

PROJECT = pathlib.Path(__file__).parents[2]
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "saved_models/README.md",
    *sorted(
        str(path.relative_to(PROJECT)) for path in PROJECT.glob("docs/**/*.md")
    ),
]
FENCE = re.compile(
    r"(?:^<!-- not run: (?P<reason>.+?) -->\n)?"
    r"^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.M | re.S,
)

# Pages whose Python blocks have a test of their own.
OWN_TEST = {"docs/recurrent_topologies.md"}

# Flags that make a command of the README short. The last of equal flags counts.
SHORT = {
    "lenet_mnist": ["--epochs=1", "--dataset=digits"],
    "recognize_digits": [],
    "sequence_digits": ["--epochs=1", "--units=8", "--dataset=digits"],
    "autoencoder_mnist": [
        "--epochs=1",
        "--dataset=digits",
        "--num_labels=5000",  # more than there are: no fine-tuning
    ],
    "denoising_mnist": ["--epochs=1", "--dataset=digits"],
    "anomaly_detection": ["--train_steps=5"],
    "forecast_series": ["--epochs=1", "--window=24", "--units=8"],
    "text_generation": [
        "--epochs=1",
        "--units=8",
        "--batch_size=8",
        "--bptt_steps=16",
    ],
    "gan_mnist": ["--epochs=1", "--dataset=digits", "--batch_size=600"],
    "gradient_flow": ["--epochs=1", "--units=4", "--lags=3"],
}


def read(page):
    return (PROJECT / page).read_text(encoding="utf-8")


def blocks(page, *languages):
    """Matches of the fenced blocks of a page in one of the languages."""
    return [
        block
        for block in FENCE.finditer(read(page))
        if block["language"] in languages
    ]


def app_commands(page):
    """Lists of words of the app commands that a page shows."""
    for block in blocks(page, "console"):
        text = block["text"].replace("\\\n", " ")
        for line in text.splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["python"] and words[1].startswith("apps/"):
                yield [pathlib.Path(words[1]).stem, *words[2:]]
            elif words[:1] == ["dlunits"]:
                yield words[1:]


COMMANDS = [
    pytest.param(page, command, id=f"{page}: {' '.join(command)}")
    for page in PAGES
    for command in app_commands(page)
]


def test_the_readme_has_at_most_120_lines():
    assert len(read("README.md").splitlines()) <= 120


@pytest.mark.parametrize("page", PAGES)
def test_blocks_say_their_language(page):
    # An unmarked block could hide code that no test runs.
    assert {block["language"] for block in FENCE.finditer(read(page))} <= {
        "python",
        "console",
        "text",
        "json",
        "yaml",
    }


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page not in OWN_TEST and blocks(page, "python")],
)
def test_python_blocks_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {}
    for block in blocks(page, "python"):
        if not block["reason"]:
            exec(compile(block["text"], page, "exec"), namespace)  # noqa: S102


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_flags_of_commands_are_valid(page, command, project):
    name, *arguments = command
    if name.startswith("-"):
        pytest.skip("The command `dlunits` has a test of its own.")
    process = subprocess.run(
        [
            sys.executable,
            project / f"apps/{name}.py",
            *arguments,
            "--only_check_args",
        ],
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A folder with the files that the commands of the README name."""
    folder = tmp_path_factory.mktemp("readme")
    rng = np.random.default_rng(0)
    digit = np.zeros((60, 60), "uint8")
    digit[10:50, 27:33] = 255  # a one
    Image.fromarray(255 - digit).save(folder / "photo.jpg")
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
    assert apps == set(SHORT)


@pytest.mark.parametrize("page", PAGES)
def test_links_and_paths_exist(page):
    text = read(page)
    folder = (PROJECT / page).parent
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    missing = [link for link in links if not (folder / link).exists()]
    paths = re.findall(
        r"`((?:apps|tests|dlunits|benchmarks|docs)/[\w./]*)", text
    )
    missing += [path for path in paths if not (PROJECT / path).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES)
def test_names_of_the_api_exist(page):
    missing = []
    for name in set(re.findall(r"`(dlunits(?:\.\w+)+)", read(page))):
        parent, _, last = name.rpartition(".")
        try:
            if not hasattr(importlib.import_module(parent), last):
                importlib.import_module(name)
        except ImportError:
            missing.append(name)
    assert not missing
