"""Rules of the source code that no tool checks.

Import-linter checks the directions of imports, ruff checks style and banned
APIs: see `pyproject.toml`, and run both with `make lint`.

A rule is a function of the project's folder. It yields one message per
violation, with file, line, problem and remedy.
"""

import ast
import dataclasses
import functools
import importlib
import inspect
import os
import pathlib
import pkgutil
import re
import subprocess
import sys

import keras
import pytest

import dlunits

SOURCE_FOLDERS = ("apps", "benchmarks", "dlunits", "saved_models", "tests")

CATCH_ALL_NAMES = {"utils", "util", "common", "helpers", "base", "misc"}

# Modules that are tested with another module.
TESTED_WITH = {
    **dict.fromkeys(
        [
            "dlunits/layers/rnn/gated_equations.py",
            "dlunits/layers/rnn/gru_cell.py",
            "dlunits/layers/rnn/lstm_cell.py",
            "dlunits/layers/rnn/simple_rnn_cell.py",
            "dlunits/layers/rnn/recurrent_kernel.py",
        ],
        "tests/layers/rnn/recurrent_cells_test.py",
    ),
    **dict.fromkeys(
        [
            "dlunits/layers/rnn/bptt_scan.py",
            "dlunits/layers/rnn/gru.py",
            "dlunits/layers/rnn/lstm.py",
            "dlunits/layers/rnn/simple_rnn.py",
        ],
        "tests/layers/rnn/bptt_test.py",
    ),
    **dict.fromkeys(
        [
            "dlunits/demo/anomaly_tab.py",
            "dlunits/demo/denoising_tab.py",
            "dlunits/demo/digit_tab.py",
            "dlunits/demo/gan_tab.py",
            "dlunits/demo/latent_tab.py",
            "dlunits/demo/page.py",
            "dlunits/demo/photo_tab.py",
            "dlunits/demo/tab_parts.py",
            "dlunits/demo/text_tab.py",
        ],
        "tests/apps/demo_test.py",
    ),
    "dlunits/layers/tied/tied_kernel.py": (
        "tests/layers/tied/tied_dense_test.py"
    ),
    "dlunits/reporting/feature_maps.py": "tests/reporting/figures_test.py",
    "dlunits/reporting/style.py": "tests/reporting/figures_test.py",
    "dlunits/serving/class_scores.py": (
        "tests/tasks/digits/classify_files_test.py"
    ),
    "dlunits/serving/formats/export_card.py": (
        "tests/tasks/digits/onnx_reader_test.py"
    ),
    "dlunits/serving/formats/runtimes.py": (
        "tests/serving/formats/convert_test.py"
    ),
    "dlunits/serving/warmup.py": "tests/serving/export_test.py",
    "dlunits/serving/server/errors.py": "tests/serving/server/limits_test.py",
    **dict.fromkeys(
        [
            "dlunits/serving/server/kserve_endpoints.py",
            "dlunits/serving/server/kserve_models.py",
            "dlunits/serving/server/run.py",
        ],
        "tests/apps/serve_test.py",
    ),
    **dict.fromkeys(
        [
            "dlunits/tasks/digits/page_functions.py",
            "dlunits/tasks/digits/tensorflow_reader.py",
        ],
        "tests/tasks/digits/onnx_reader_test.py",
    ),
    "dlunits/tasks/digits/fit_classifier.py": (
        "tests/tasks/digits/train_test.py"
    ),
    "dlunits/tasks/forecasting/report.py": (
        "tests/tasks/forecasting/train_test.py"
    ),
    "dlunits/tasks/lab/training/figures.py": (
        "tests/tasks/lab/training/report_test.py"
    ),
    "dlunits/tasks/image_classification/classify_files.py": (
        "tests/apps/alexnet_images_test.py"
    ),
    "dlunits/tasks/text/generate.py": "tests/tasks/text/serve_test.py",
    # Tested by runs that stop early, diverge and are resumed.
    **dict.fromkeys(
        [
            "dlunits/training/early_stopping.py",
            "dlunits/training/finite_loss.py",
            "dlunits/training/tensorboard.py",
        ],
        "tests/training/run_directory_test.py",
    ),
    "dlunits/typing.py": "pyproject.toml",  # mypy
}


def python_files(root, *patterns):
    """Paths of Python files, relative to `root`."""
    return sorted(
        path.relative_to(root)
        for pattern in patterns
        for path in root.glob(pattern)
    )


@functools.cache
def parse(path):
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def names_say_what_a_file_holds(root):
    for path in python_files(
        root, *(f"{folder}/**/*.py" for folder in SOURCE_FOLDERS)
    ):
        for name in CATCH_ALL_NAMES.intersection(path.with_suffix("").parts):
            yield f"{path}:1: {name!r} is a catch-all: name the concept."


def unsafe_loading_is_off(root):
    for path in python_files(root, "dlunits/**/*.py", "apps/*.py"):
        for node in ast.walk(parse(root / path)):
            for keyword in getattr(node, "keywords", []):
                value = getattr(keyword.value, "value", None)
                if (keyword.arg, value) in (
                    ("allow_pickle", True),
                    ("safe_mode", False),
                ):
                    yield (
                        f"{path}:{node.lineno}: {keyword.arg}={value} runs "
                        "code from the file: leave it out."
                    )


def packages_list_what_they_export(root):
    for path in python_files(root, "dlunits/**/__init__.py"):
        assigned = {
            target.id
            for node in parse(root / path).body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        if "__all__" not in assigned:
            yield f"{path}:1: define `__all__`."


def modules_have_tests(root):
    for path in python_files(root, "dlunits/**/*.py", "apps/*.py"):
        if path.name == "__init__.py":
            continue
        parts = path.parts[1:] if path.parts[0] == "dlunits" else path.parts
        own = pathlib.Path("tests", *parts).with_name(f"{path.stem}_test.py")
        other = TESTED_WITH.get(path.as_posix())
        if (root / own).exists():
            if other:
                yield f"{path}:1: {own} exists: remove it from TESTED_WITH."
        elif other is None or not (root / other).exists():
            yield f"{path}:1: no test: write {own}."


def every_test_is_collected(root):
    for path in python_files(root, "tests/**/*.py"):
        for node in parse(root / path).body:
            if (
                isinstance(node, ast.FunctionDef)
                and node.name.startswith("test_")
                and not path.name.endswith("_test.py")
            ):
                yield (
                    f"{path}:{node.lineno}: pytest does not collect it: name "
                    f"the file {path.stem}_test.py."
                )


def public_functions_are_annotated(root):
    for path in python_files(root, "dlunits/**/*.py"):
        tree = parse(root / path)
        classes = [n for n in tree.body if isinstance(n, ast.ClassDef)]
        for parent in (tree, *classes):
            for node in parent.body:
                if not isinstance(node, ast.FunctionDef):
                    continue
                private = node.name.startswith("_") and node.name != "__init__"
                arguments = [
                    *node.args.posonlyargs,
                    *node.args.args,
                    *node.args.kwonlyargs,
                ]
                missing = [
                    argument.arg
                    for argument in arguments
                    if argument.annotation is None
                    and argument.arg not in ("self", "cls")
                ]
                if node.returns is None and node.name != "__init__":
                    missing.append("return")
                if missing and not private:
                    yield (
                        f"{path}:{node.lineno}: annotate {node.name}: "
                        f"{', '.join(missing)}."
                    )


# Tasks with several apps, each of which has a subfolder.
SEVERAL_APPS = {"lab"}


def tasks_have_their_files(root):
    for path in sorted(root.glob("dlunits/tasks/*/__init__.py")):
        if path.parent.name in SEVERAL_APPS:
            continue
        for name in ("train.py", "report.py"):
            if not path.with_name(name).exists():
                task = path.parent.relative_to(root)
                yield f"{task}/{name}:1: missing: every task has one."


RULES = {
    names_say_what_a_file_holds: ("dlunits/layers/utils.py", ""),
    unsafe_loading_is_off: ("apps/a.py", "load_model('a', safe_mode=False)"),
    packages_list_what_they_export: ("dlunits/layers/__init__.py", "x = 1"),
    modules_have_tests: ("dlunits/layers/a.py", ""),
    every_test_is_collected: ("tests/a.py", "def test_it():\n    pass"),
    public_functions_are_annotated: ("dlunits/a.py", "def f(x):\n    pass"),
    tasks_have_their_files: ("dlunits/tasks/a/__init__.py", ""),
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_project_keeps_the_rule(rule, project):
    violations = list(rule(project))
    assert not violations, "\n" + "\n".join(violations)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_violation_is_reported_with_its_file(rule, tmp_path):
    name, text = RULES[rule]
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert any(
        message.startswith(str(path.parent.relative_to(tmp_path)))
        for message in rule(tmp_path)
    )


def test_the_exceptions_name_modules_that_exist(project):
    missing = [path for path in TESTED_WITH if not (project / path).exists()]
    assert not missing


# What a user imports, read from the imported package.

# Packages whose classes and functions are public; docs/api/index.rst has them.
PUBLIC = (
    "columns",
    "diagnostics",
    "layers",
    "losses",
    "metrics",
    "models",
    "regularizers",
    "sklearn",
    "training",
    "training.distribution",
)


def public_objects():
    """Pairs of name and object of each class and function that is exported."""
    for package in PUBLIC:
        module = importlib.import_module(f"dlunits.{package}")
        for name in module.__all__:
            item = getattr(module, name)
            if inspect.isroutine(item) or (
                inspect.isclass(item) and not issubclass(item, Exception)
            ):
                yield f"{module.__name__}.{name}", item


def sections_of(item):
    """Titles of the sections that a docstring must have."""
    sections = {"Example"}
    function = item
    if inspect.isclass(item):
        function = item.__init__
        if issubclass(item, keras.Layer) and not issubclass(item, keras.Model):
            sections |= {"Input shape", "Output shape"}
    elif inspect.signature(item).return_annotation is not None:
        sections.add("Returns")
    if not getattr(function, "__module__", "").startswith("dlunits"):
        return sections  # the `__init__` is inherited
    if set(inspect.signature(function).parameters) - {"self"}:
        sections.add("Args")
    # The `__init__` of a data class is generated.
    source = item if dataclasses.is_dataclass(item) else function
    if re.search(r"^ +raise ValueError", inspect.getsource(source), re.M):
        sections.add("Raises")
    return sections


@pytest.mark.parametrize(("name", "item"), public_objects())
def test_public_names_have_their_docstring_sections(name, item):
    docstring = inspect.getdoc(item) or ""
    titles = re.findall(r"^([A-Z][a-z]+(?: [a-z]+)?)[:,.]", docstring, re.M)
    assert not sections_of(item) - set(titles), name
    assert ">>> " in docstring, (
        f"{name} needs an Example that prints a number a reader can check."
    )


def test_the_api_reference_has_all_public_packages(project):
    page = (project / "docs/api/index.rst").read_text(encoding="utf-8")
    for package in PUBLIC:
        assert f"   dlunits.{package}\n" in page


SAVED_BY_NAME = (
    keras.Layer,
    keras.Loss,
    keras.Metric,
    keras.Optimizer,
    keras.Regularizer,
)


# Bases of classes that are registered themselves.
ABSTRACT = {"GANTraining", "GradientNormMixin"}


# Scripts, data, and modules that need Gradio or KServe.
NOT_IMPORTED = re.compile(
    r"dlunits\.(apps|demo|saved_models|serving\.server\.(kserve_\w+|run)$)"
)


def keras_classes():
    """Classes of the package that a saved Keras model refers to by name."""
    for module in pkgutil.walk_packages(dlunits.__path__, "dlunits."):
        if NOT_IMPORTED.match(module.name):
            continue
        for item in vars(importlib.import_module(module.name)).values():
            if (
                inspect.isclass(item)
                and issubclass(item, SAVED_BY_NAME)
                and item.__module__ == module.name
                and item.__name__ not in ABSTRACT
            ):
                yield item


def test_keras_classes_are_registered():
    unregistered = [
        item.__qualname__
        for item in keras_classes()
        if keras.saving.get_registered_name(item) != f"dlunits>{item.__name__}"
    ]
    assert not unregistered, (
        "A saved model with one of these classes cannot be loaded: add "
        "@keras.saving.register_keras_serializable(package='dlunits'). "
        f"{unregistered}"
    )


def test_dlunits_on_jax_does_not_load_tensorflow(project):
    program = (
        "import sys, dlunits.layers, dlunits.models, dlunits.training;"
        "sys.exit('tensorflow' in sys.modules)"
    )
    process = subprocess.run(
        [sys.executable, "-c", program],
        cwd=project,
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
