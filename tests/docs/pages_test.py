"""README and pages of docs/: code, commands, names and links."""

import importlib
import pathlib
import re
import shlex

import pytest
from PIL import Image, ImageDraw

from tests.docs.app_flags import assert_flags_are_valid

PROJECT = pathlib.Path(__file__).parents[2]
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "saved_models/README.md",
    *sorted(
        str(path.relative_to(PROJECT))
        for path in PROJECT.glob("docs/**/*.md")
        if "_build" not in path.parts
    ),
]
FENCE = re.compile(
    r"(?:^<!-- not run: (?P<reason>.+?) -->\n)?"
    r"^```(?P<language>\w*|\{[\w-]+\})(?: [^\n]*)?\n(?P<text>.*?)^```$",
    re.M | re.S,
)

# Pages whose Python blocks have a separate test.
OWN_TEST = {"docs/recurrent_topologies.md"}


def read(page):
    return (PROJECT / page).read_text(encoding="utf-8")


def draw_one(path):
    """Saves a photo of the digit 1."""
    paper = Image.new("L", (60, 60), "white")
    ImageDraw.Draw(paper).line((30, 10, 30, 50), "black", 6)
    paper.save(path)


def blocks(page, *languages):
    """Matches of the fenced blocks of a page in one of the languages."""
    return [
        block
        for block in FENCE.finditer(read(page))
        if block["language"] in languages
    ]


def app_commands(page):
    """Arguments of each app command on a page, as lists of words."""
    for block in blocks(page, "console"):
        text = block["text"].replace("\\\n", " ")
        for line in text.splitlines():
            if line.startswith(("python apps/", "dlunits ")):
                program, *words = shlex.split(line, comments=True)
                if program == "python":
                    words[0] = pathlib.Path(words[0]).stem
                yield words


COMMANDS = [
    pytest.param(page, command, id=f"{page}: {' '.join(command)}")
    for page in PAGES
    for command in app_commands(page)
]


def test_the_readme_has_at_most_120_lines():
    assert len(read("README.md").splitlines()) <= 120


@pytest.mark.parametrize("page", PAGES)
def test_blocks_state_their_language(page):
    # An unmarked block could hide code that no test runs.
    languages = {block["language"] for block in FENCE.finditer(read(page))}
    directives = {name for name in languages if name.startswith("{")}
    assert languages - directives <= {
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
    pathlib.Path("saved_models").symlink_to(PROJECT / "saved_models")
    draw_one(tmp_path / "photo.jpg")
    namespace = {}
    for block in blocks(page, "python"):
        if not block["reason"]:
            exec(compile(block["text"], page, "exec"), namespace)  # noqa: S102


# Commands that other tests run: `make` by CI, `pip` by tests/packaging_test.py.
TESTED_COMMANDS = ("python apps/", "dlunits ", "make ", "pip install .")


@pytest.mark.parametrize("page", PAGES)
def test_blocks_of_other_commands_state_why_no_test_runs_them(page):
    unmarked = [
        line
        for block in blocks(page, "console")
        if not block["reason"]
        for line in block["text"].replace("\\\n", " ").splitlines()
        if line and not line.startswith((*TESTED_COMMANDS, "#"))
    ]
    assert not unmarked, "Add `<!-- not run: REASON -->` before the block."


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_flags_of_commands_are_valid(page, command, project):
    name, *arguments = command
    if name.startswith("-"):
        pytest.skip(
            "tests/dlunits_command_test.py tests the command `dlunits`."
        )
    assert_flags_are_valid(project, name, arguments)


@pytest.mark.parametrize("page", PAGES)
def test_links_and_paths_exist(page):
    text = read(page)
    folder = (PROJECT / page).parent
    prose = FENCE.sub("", text)  # code has calls such as endpoints["a"](x)
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", prose)
    missing = [link for link in links if not (folder / link).exists()]
    paths = re.findall(
        r"`((?:apps|tests|dlunits|benchmarks|docs)/[\w./]*)", text
    )
    missing += [
        path
        for path in paths
        if not path.startswith("docs/_build/")  # written by `make docs`
        and not (PROJECT / path).exists()
    ]
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
