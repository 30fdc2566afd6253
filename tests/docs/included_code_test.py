"""Code and figures that the pages include from other files."""

import ast
import pathlib
import re

import pytest

DOCS = pathlib.Path(__file__).parents[2] / "docs"
DIRECTIVE = re.compile(
    r"^```\{(literalinclude|figure)\} (\S+)\n(.*?)^```$", re.M | re.S
)
OPTION = re.compile(r"^:([\w-]+): (.*)$", re.M)

DIRECTIVES = [
    pytest.param(page, *match.groups(), id=f"{page.stem}: {match[2]} {number}")
    for page in sorted(DOCS.rglob("*.md"))
    if "_build" not in page.parts
    for number, match in enumerate(
        DIRECTIVE.finditer(page.read_text("utf-8")), 1
    )
]


def lines_of(source, name):
    """Lines of a class, function or method."""
    nodes = [ast.parse(source)]
    for part in name.split("."):
        nodes = [
            child
            for child in nodes[0].body
            if getattr(child, "name", None) == part
        ]
        assert nodes, f"no {name}"
    first = min(
        [nodes[0].lineno, *(each.lineno for each in nodes[0].decorator_list)]
    )
    return source.splitlines()[first - 1 : nodes[0].end_lineno]


@pytest.mark.parametrize(("page", "kind", "path", "body"), DIRECTIVES)
def test_what_a_page_includes_exists(page, kind, path, body):
    file = (page.parent / path).resolve()
    assert file.exists()
    options = dict(OPTION.findall(body))
    if kind == "figure":
        assert options["alt"]
        return
    source = file.read_text("utf-8")
    lines = source.splitlines()
    if "pyobject" in options:
        lines = lines_of(source, options["pyobject"])
    # As Sphinx: each option selects from the lines that are left.
    for option in ("start-at", "end-at", "end-before"):
        if option not in options:
            continue
        text = options[option].strip('"')
        places = [n for n, line in enumerate(lines) if text in line]
        assert places, f"no line with {text!r}"
        if option == "start-at":
            lines = lines[places[0] :]
    dedent = int(options.get("dedent", 0))
    assert not any(line[:dedent].strip() for line in lines)
