"""Cross-entropy of the text app on 3 MB of English, in nats per character.

The text is the prose of the docstrings of installed packages: paragraphs
without code or tables, each once, in random order. It is three times as long as
tiny Shakespeare. The app trains with the recipe "five minutes" of
`tiny_shakespeare.py` and half of its epochs, or with its default recipe. The
end of the text is held out. The baseline is the 5-gram model of the app.

Usage:
    python benchmarks/long_text.py [--quick] [--recipe=default] [--seed=0]

Expected: 10 minutes on 2 CPU cores, 2 hours with the default recipe; --quick:
one epoch of a small network on 300 kB, no gate.
"""

import argparse
import ast
import importlib.util
import inspect
import pathlib
import re
import sys
import tempfile

import numpy as np
from app_runs import metrics_of_run
from gates import gate
from tiny_shakespeare import ROWS

PACKAGES = ("scipy", "sklearn", "numpy", "matplotlib", "keras", "tensorflow")
NUM_CHARACTERS = 3_000_000
MIN_PARAGRAPH = 100  # characters; shorter ones are mostly headings
CODE = re.compile(r">>>|^\.\.|[{}|\\]|[-=~]{4}|^ {12}", re.MULTILINE)
RECIPES = {
    "default": ("--epochs=8",),
    "short": (*ROWS["five minutes"][0], "--epochs=6"),
    "quick": ("--units=64", "--epochs=1"),
}


def docstrings(path):
    """All docstrings of a Python file."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, kinds) and (text := ast.get_docstring(node)):
            yield inspect.cleandoc(text)


def collect_prose(num_characters):
    """Paragraphs of prose of the docstrings of `PACKAGES`, as one text."""
    paragraphs = {}
    for package in PACKAGES:
        folders = importlib.util.find_spec(package).submodule_search_locations
        for path in sorted(pathlib.Path(folders[0]).rglob("*.py")):
            for text in docstrings(path):
                for paragraph in re.split(r"\n\s*\n", text):
                    paragraph = inspect.cleandoc(paragraph)
                    if len(paragraph) >= MIN_PARAGRAPH and not CODE.search(
                        paragraph
                    ):
                        paragraphs[paragraph] = None
    paragraphs = list(paragraphs)
    order = np.random.default_rng(0).permutation(len(paragraphs))
    text = "\n\n".join(paragraphs[index] for index in order)
    return text[:num_characters]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", choices=RECIPES, default="short")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="one short run")
    options = parser.parse_args()
    length, recipe = NUM_CHARACTERS, options.recipe
    if options.quick:
        length, recipe = NUM_CHARACTERS // 10, "quick"
    text = collect_prose(length)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "prose.txt")
        path.write_text(text)
        print(f"{len(text):,} characters of prose", flush=True)
        metrics, minutes = metrics_of_run(
            "text_generation.py",
            f"--train={path}",
            f"--seed={options.seed}",
            *RECIPES[recipe],
        )
    print(metrics)
    print(f"{minutes:.1f} minutes")
    passed = options.quick or gate(
        f"long_text ({recipe}, nats)",
        metrics["nats"],
        "<",
        metrics["n_gram_nats"],
    )
    sys.exit(not passed)


if __name__ == "__main__":
    main()
