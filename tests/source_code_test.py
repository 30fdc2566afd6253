"""The rules of the house, read off the source; each says how to keep it.

A rule is a function of the project's folder that yields one message for each
place where the rule is broken: file, line, what is wrong and what to do.
"""

import ast
import functools
import os
import pathlib
import subprocess
import sys

import pytest

# Imports run upwards only. What stands on one line does not import each other.
LEVELS = (
    {"typing"},
    {"activations", "autodiff", "scan", "atomic_files", "metrics"},
    {"regularizers", "losses", "layers", "data", "diagnostics"},
    {"models"},
    {"training", "reporting", "serving"},
    {"tasks"},
    {"apps"},
    {"benchmarks"},  # tests may use what benchmarks draw
    {"tests"},
)
LEVEL_OF = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}

LINES = {"dlunits": 300, "apps": 200}

DRAWERS = {"utils", "util", "common", "helpers", "helper", "base", "misc"}

PICKLES = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal"}

# Kinds of Keras objects that a saved model names by their registered name.
SAVED_BY_NAME = {
    "Layer",
    "Model",
    "Sequential",
    "constraints",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "regularizers",
}

# Modules whose tests are another module's, because they are parts of it.
TESTED_WITH = {
    # One table of tests holds every kind of cell, and every kind of layer.
    **dict.fromkeys(
        [
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
    "dlunits/layers/tied/tied_kernel.py": (
        "tests/layers/tied/tied_dense_test.py"
    ),
    "dlunits/reporting/feature_maps.py": "tests/reporting/figures_test.py",
    "dlunits/tasks/forecasting/report.py": (
        "tests/tasks/forecasting/train_test.py"
    ),
    "dlunits/reporting/style.py": "tests/reporting/figures_test.py",
    "dlunits/tasks/text/generate.py": "tests/tasks/text/serve_test.py",
    "dlunits/serving/warmup.py": "tests/serving/export_test.py",
    # Seen at work in runs that stop early, diverge and are resumed.
    "dlunits/training/early_stopping.py": (
        "tests/training/run_directory_test.py"
    ),
    "dlunits/training/finite_loss.py": ("tests/training/run_directory_test.py"),
    "dlunits/training/tensorboard.py": ("tests/training/run_directory_test.py"),
}


# Reading the source


def files(root, *tops):
    """Paths of the Python files under the folders, from `root`."""
    return sorted(
        path.relative_to(root) for top in tops for path in root.glob(top)
    )


LIBRARY = ("dlunits/**/*.py",)
PROGRAMS = (*LIBRARY, "apps/**/*.py", "benchmarks/**/*.py")
EVERYTHING = (*PROGRAMS, "tests/**/*.py")


@functools.cache
def parse(path):
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def nodes(root, *tops):
    """Pairs (path, node) of all that the files say."""
    for path in files(root, *tops):
        for node in ast.walk(parse(root / path)):
            yield path, node


def at(path, node, message):
    return f"{path}:{node.lineno}: {message}"


def imported(node):
    """Full names that an import statement loads; `a.b` for `from a import b`.

    A relative import begins with a dot.
    """
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        module = "." * node.level + (node.module or "")
        return [f"{module}.{alias.name}" for alias in node.names]
    return []


def is_in(name, *packages):
    return any(name == p or name.startswith(f"{p}.") for p in packages)


def imports(root, *tops):
    """Triples (path, node, full name)."""
    for path, node in nodes(root, *tops):
        for name in imported(node):
            yield path, node, name


def at_module_level(tree):
    """Nodes that run when the module is imported."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
            yield from at_module_level(node)


def room_of(path):
    """`dlunits/layers/x.py` -> layers, `apps/x.py` -> apps."""
    parts = path.with_suffix("").parts
    return parts[1] if parts[0] == "dlunits" else parts[0]


def room_named(name):
    """Room of a full name: `dlunits.layers.x` -> layers; else `None`."""
    parts = name.split(".")
    room = parts[1] if parts[0] == "dlunits" and len(parts) > 1 else parts[0]
    return room if room in LEVEL_OF else None


def dotted(node):
    """`a.b.c` of an expression of names and dots; else an empty string."""
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return node.id if isinstance(node, ast.Name) else ""


def full_names(tree):
    """Name in the module -> full name, `{"layers": "keras.layers"}`."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias, name in zip(node.names, imported(node), strict=True):
                if alias.asname:
                    names[alias.asname] = name
                elif isinstance(node, ast.ImportFrom):
                    names[alias.name] = name
    return names


def full_name(node, names):
    first, dot, rest = dotted(node).partition(".")
    return names.get(first, first) + dot + rest


def classes(root):
    """Triples (path, class, full names of its bases) of the library."""
    for path in files(root, *LIBRARY):
        names = full_names(parse(root / path))
        for node in ast.walk(parse(root / path)):
            if isinstance(node, ast.ClassDef):
                yield path, node, [full_name(b, names) for b in node.bases]


# The rules


def imports_run_one_way(root):
    for path, node, name in imports(root, *EVERYTHING):
        room, other = room_of(path), room_named(name)
        if name.startswith("."):
            yield at(
                path, node, "write imports in full: `from dlunits.layers ...`."
            )
        elif room not in LEVEL_OF:
            if room != "__init__":
                yield at(
                    path,
                    node,
                    f"room {room!r} has no level yet: add it to LEVELS in "
                    "tests/source_code_test.py.",
                )
        elif (
            other is not None
            and other != room
            and LEVEL_OF[other] >= LEVEL_OF[room]
        ):
            yield at(
                path,
                node,
                f"{room} must not import {other} ({name}): imports run "
                "layers -> models -> training -> apps, never back or "
                "sideways. Take what you need as an argument, or move it "
                "down.",
            )


def apps_do_not_import_each_other(root):
    for path, node, name in imports(root, "apps/*.py"):
        if is_in(name, "apps"):
            yield at(
                path,
                node,
                f"an app is one page, {name} is another: move what they "
                "share into a room of dlunits.",
            )


def only_public_keras_and_tensorflow(root):
    private = ("keras.src", "tensorflow.python", "tf.python", "jax._src")
    for path, node in nodes(root, *EVERYTHING):
        for name in [*imported(node), dotted(node)]:
            if is_in(name, *private):
                yield at(
                    path,
                    node,
                    f"{name} may change any day: use what the documentation "
                    "of Keras and TensorFlow shows.",
                )


def only_apps_have_flags(root):
    for path, node, name in imports(
        root, *LIBRARY, "tests/**/*.py", "benchmarks/**/*.py"
    ):
        if is_in(name, "absl"):
            yield at(
                path,
                node,
                "only apps import absl: take arguments here (benchmarks: "
                "argparse), and log nothing.",
            )


def only_reporting_draws(root):
    for path, node, name in imports(root, *LIBRARY, "apps/*.py"):
        if is_in(name, "matplotlib") and room_of(path) != "reporting":
            yield at(
                path,
                node,
                "only dlunits/reporting imports matplotlib: add the figure "
                "there and call it.",
            )


def tensorflow_is_loaded_where_it_is_needed(root):
    for path in files(root, *LIBRARY):
        if room_of(path) in ("data", "serving"):
            continue
        for node in at_module_level(parse(root / path)):
            for name in imported(node):
                if is_in(name, "tensorflow", "tensorflow_datasets"):
                    yield at(
                        path,
                        node,
                        "dlunits runs on JAX without TensorFlow: write it in "
                        "keras.ops, or import TensorFlow inside the function "
                        "that needs it.",
                    )


def apps_answer_help_at_once(root):
    for path in files(root, "apps/*.py"):
        for node in at_module_level(parse(root / path)):
            for name in imported(node):
                top = name.partition(".")[0]
                if top not in {"absl", "_main", *sys.stdlib_module_names}:
                    yield at(
                        path,
                        node,
                        f"{top} makes --help slow: import it inside the "
                        "function that needs it.",
                    )


def the_library_neither_prints_nor_reads_the_command_line(root):
    for path, node in nodes(root, *LIBRARY):
        if isinstance(node, ast.Call) and dotted(node.func) == "print":
            yield at(path, node, "return it; apps print.")
        if "sys.argv" in [*imported(node), dotted(node)]:
            yield at(path, node, "take an argument; apps read flags.")


def no_file_can_run_code(root):
    for path, node in nodes(root, *PROGRAMS):
        for name in imported(node):
            if is_in(name, *PICKLES):
                yield at(
                    path,
                    node,
                    f"loading with {name.partition('.')[0]} runs whatever "
                    "the file says: use .npz, JSON or .keras.",
                )
        if isinstance(node, ast.Call):
            if dotted(node.func) in ("eval", "exec"):
                yield at(path, node, "parse the text, do not run it.")
            if dotted(node.func).endswith("enable_unsafe_deserialization"):
                yield at(path, node, "register the class instead.")
            for keyword in node.keywords:
                value = getattr(keyword.value, "value", None)
                if (keyword.arg, value) in (
                    ("allow_pickle", True),
                    ("safe_mode", False),
                ):
                    yield at(
                        path,
                        node,
                        f"{keyword.arg}={value} runs whatever the file says: "
                        "leave it out.",
                    )


def there_are_no_drawers(root):
    for path in files(root, *EVERYTHING):
        for name in DRAWERS.intersection(path.with_suffix("").parts):
            yield (
                f"{path}:1: {name!r} says nothing about what is inside: name "
                "the concept, one a file."
            )


def files_are_short(root):
    for top, most in LINES.items():
        for path in files(root, f"{top}/**/*.py"):
            count = len((root / path).read_text().splitlines())
            if count > most:
                yield (
                    f"{path}:{most + 1}: {count} lines, at most {most}: split "
                    "off a concept, or delete."
                )


def public_names(root):
    """Pairs (path, definition) of what a user imports.

    That is what a room's __init__ names, the public classes of layers and
    models, and what the one-file rooms hold.
    """
    for path in files(root, *LIBRARY):
        room = root / "dlunits" / room_of(path)
        exported = set()
        if (room / "__init__.py").exists():
            prefix = ".".join(path.with_suffix("").parts)
            exported = {
                name.removeprefix(f"{prefix}.")
                for node in ast.walk(parse(room / "__init__.py"))
                for name in imported(node)
                if name.startswith(f"{prefix}.")
            }
        for node in parse(root / path).body:
            if not isinstance(node, ast.ClassDef | ast.FunctionDef):
                continue
            if node.name in exported or (
                not node.name.startswith("_")
                and (
                    (
                        room_of(path) in ("layers", "models")
                        and isinstance(node, ast.ClassDef)
                    )
                    or len(path.parts) == 2
                )
            ):
                yield path, node


def public_names_are_explained(root):
    for path, node in public_names(root):
        docstring = ast.get_docstring(node) or ""
        if not docstring:
            yield at(path, node, f"{node.name} needs a docstring.")
        elif room_of(path) in ("layers", "models", *LEVELS[0]) and (
            "\nExample" not in docstring or ">>> " not in docstring
        ):
            yield at(
                path,
                node,
                f"{node.name} needs an Example in its docstring that runs "
                "(>>>) and prints a number a reader can check.",
            )


def saved_classes_are_registered(root):
    found = list(classes(root))
    saved = {
        node.name
        for _, node, bases in found
        if any(
            base.startswith("keras.") and base.split(".")[1] in SAVED_BY_NAME
            for base in bases
        )
    }
    grown = True
    while grown:  # classes whose base is one of dlunits' own
        heirs = {
            node.name
            for _, node, bases in found
            if any(base.split(".")[-1] in saved for base in bases)
        }
        grown = not heirs <= saved
        saved |= heirs
    decorator = "@keras.saving.register_keras_serializable(package='dlunits')"
    for path, node, _ in found:
        decorators = {f"@{ast.unparse(d)}" for d in node.decorator_list}
        if node.name in saved and decorator not in decorators:
            yield at(
                path,
                node,
                f"a file with {node.name} in it cannot be loaded without "
                f"this above the class: {decorator}",
            )


def every_module_has_its_test(root):
    for path in files(root, *LIBRARY, "apps/*.py"):
        if path.name == "__init__.py":
            continue
        parts = path.parts[1:] if path.parts[0] == "dlunits" else path.parts
        own = pathlib.Path("tests", *parts).with_name(f"{path.stem}_test.py")
        elsewhere = TESTED_WITH.get(path.as_posix())
        if (root / own).exists():
            if elsewhere:
                yield (
                    f"{path}:1: {own} is there, so take the module out of "
                    "TESTED_WITH in tests/source_code_test.py."
                )
        elif elsewhere is None or not (root / elsewhere).exists():
            yield f"{path}:1: no test: write {own}."


def every_test_is_found(root):
    for path in files(root, "tests/**/*.py"):
        if path.name.endswith("_test.py"):
            continue
        for node in parse(root / path).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith(
                "test_"
            ):
                yield at(
                    path, node, f"never run: name the file {path.stem}_test.py."
                )


RULES = (
    imports_run_one_way,
    apps_do_not_import_each_other,
    only_public_keras_and_tensorflow,
    only_apps_have_flags,
    only_reporting_draws,
    tensorflow_is_loaded_where_it_is_needed,
    apps_answer_help_at_once,
    the_library_neither_prints_nor_reads_the_command_line,
    no_file_can_run_code,
    there_are_no_drawers,
    files_are_short,
    public_names_are_explained,
    saved_classes_are_registered,
    every_module_has_its_test,
    every_test_is_found,
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_the_rule(rule, project):
    broken = list(rule(project))
    assert not broken, "\n" + "\n".join(broken)


def test_the_exceptions_are_of_modules_that_exist(project):
    for path in TESTED_WITH:
        assert (project / path).exists(), f"{path} is gone from dlunits."


def test_dlunits_on_jax_loads_no_tensorflow(project):
    process = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, dlunits; sys.exit('tensorflow' in sys.modules)",
        ],
        cwd=project,
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, (
        f"`import dlunits` on JAX failed or loaded TensorFlow: import it "
        f"inside the function that needs it. {process.stderr}"
    )


# Each rule, broken in a small project: (rule, file, its text, the message).
LAYER = '''import keras
@keras.saving.register_keras_serializable(package="dlunits")
class Twice(keras.layers.Layer):
    """Doubles.

    Example:

    >>> 2
    2
    """
'''
BREACHES = [
    (
        imports_run_one_way,
        "dlunits/layers/a.py",
        "import keras\nfrom dlunits.models import LeNet5",
        "dlunits/layers/a.py:2: layers must not import models",
    ),
    (
        imports_run_one_way,
        "dlunits/models/a.py",
        "def f():\n    import dlunits.training.checkpoint",
        "models/a.py:2: models must not import training",
    ),
    (
        imports_run_one_way,
        "dlunits/serving/a.py",
        "from dlunits import reporting",
        "serving must not import reporting (dlunits.reporting)",
    ),
    (
        imports_run_one_way,
        "dlunits/layers/a.py",
        "from dlunits.data.batches import training_batches",
        "layers must not import data",
    ),
    (
        imports_run_one_way,
        "dlunits/autodiff.py",
        "from dlunits import activations",
        "dlunits/autodiff.py:1: autodiff must not import activations",
    ),
    (
        imports_run_one_way,
        "dlunits/training/a.py",
        "from apps.lenet_mnist import run",
        "training must not import apps",
    ),
    (
        imports_run_one_way,
        "apps/a.py",
        "import benchmarks.b",
        "apps must not import benchmarks",
    ),
    (
        imports_run_one_way,
        "dlunits/layers/a.py",
        "from .b import B",
        "a.py:1: write imports in full",
    ),
    (
        imports_run_one_way,
        "dlunits/attic/a.py",
        "import keras",
        "room 'attic' has no level yet: add it to LEVELS",
    ),
    (
        apps_do_not_import_each_other,
        "apps/a.py",
        "from apps.b import run",
        "apps/a.py:1: an app is one page, apps.b.run is another",
    ),
    (
        only_public_keras_and_tensorflow,
        "tests/a_test.py",
        "from keras.src import backend",
        "tests/a_test.py:1: keras.src.backend may change any day",
    ),
    (
        only_public_keras_and_tensorflow,
        "dlunits/data/a.py",
        "import tensorflow as tf\ntf.python.ops",
        "a.py:2: tf.python.ops may change",
    ),
    (
        only_apps_have_flags,
        "benchmarks/a.py",
        "from absl import flags",
        "benchmarks/a.py:1: only apps import absl",
    ),
    (
        only_reporting_draws,
        "apps/a.py",
        "def f():\n    import matplotlib.pyplot as plt",
        "apps/a.py:2: only dlunits/reporting imports matplotlib",
    ),
    (
        tensorflow_is_loaded_where_it_is_needed,
        "dlunits/training/a.py",
        "try:\n    import tensorflow as tf\nexcept ImportError:\n    pass",
        "training/a.py:2: dlunits runs on JAX without TensorFlow",
    ),
    (
        apps_answer_help_at_once,
        "apps/a.py",
        "import os\nfrom absl import app\nimport numpy as np",
        "apps/a.py:3: numpy makes --help slow",
    ),
    (
        the_library_neither_prints_nor_reads_the_command_line,
        "dlunits/data/a.py",
        "def f():\n    print(1)",
        "dlunits/data/a.py:2: return it; apps print.",
    ),
    (
        the_library_neither_prints_nor_reads_the_command_line,
        "dlunits/data/a.py",
        "import sys\nname = sys.argv[1]",
        "a.py:2: take an argument",
    ),
    (
        the_library_neither_prints_nor_reads_the_command_line,
        "dlunits/data/a.py",
        "from sys import argv",
        "a.py:1: take an argument",
    ),
    (
        no_file_can_run_code,
        "apps/a.py",
        "from pickle import load",
        "apps/a.py:1: loading with pickle runs whatever",
    ),
    (no_file_can_run_code, "apps/a.py", "eval('1')", "parse the text"),
    (no_file_can_run_code, "dlunits/a.py", "\nexec('1')", "a.py:2: parse"),
    (
        no_file_can_run_code,
        "dlunits/a.py",
        "import numpy as np\nnp.load('a.npy', allow_pickle=True)",
        "a.py:2: allow_pickle=True runs whatever",
    ),
    (
        no_file_can_run_code,
        "dlunits/a.py",
        "load_model('a', safe_mode=False)",
        "a.py:1: safe_mode=False runs whatever",
    ),
    (
        no_file_can_run_code,
        "dlunits/a.py",
        "keras.config.enable_unsafe_deserialization()",
        "register the class instead",
    ),
    (
        there_are_no_drawers,
        "dlunits/layers/utils.py",
        "",
        "dlunits/layers/utils.py:1: 'utils' says nothing",
    ),
    (
        there_are_no_drawers,
        "tests/common/images.py",
        "",
        "'common' says nothing",
    ),
    (
        files_are_short,
        "dlunits/layers/a.py",
        "pass\n" * 301,
        "dlunits/layers/a.py:301: 301 lines, at most 300",
    ),
    (files_are_short, "apps/a.py", "pass\n" * 201, "at most 200: split"),
    (
        public_names_are_explained,
        "dlunits/layers/a.py",
        "\nclass Twice:\n    pass",
        "dlunits/layers/a.py:2: Twice needs a docstring",
    ),
    (
        public_names_are_explained,
        "dlunits/models/a.py",
        LAYER.replace(">>> ", ""),
        "dlunits/models/a.py:3: Twice needs an Example",
    ),
    (
        public_names_are_explained,
        "dlunits/activations.py",
        "def f(x):\n    '''Returns x.'''",
        "activations.py:1: f needs an Example",
    ),
    (
        saved_classes_are_registered,
        "dlunits/layers/a.py",
        LAYER.replace("@keras", "#"),
        "dlunits/layers/a.py:3: a file with Twice in it cannot be loaded",
    ),
    (
        saved_classes_are_registered,
        "dlunits/layers/a.py",
        LAYER.replace("dlunits", "mine"),
        "register_keras_serializable(package='dlunits')",
    ),
    (
        saved_classes_are_registered,
        "dlunits/losses/a.py",
        "from keras import losses as kl\nclass Mine(kl.Loss):\n    pass",
        "losses/a.py:2: a file with Mine",
    ),
    (
        saved_classes_are_registered,
        "dlunits/models/a.py",
        f"{LAYER}\nclass Thrice(Twice):\n    pass\nclass Four(Thrice):\n pass",
        "a.py:14: a file with Four",
    ),
    (
        every_module_has_its_test,
        "dlunits/layers/a.py",
        "",
        "dlunits/layers/a.py:1: no test: write tests/layers/a_test.py",
    ),
    (
        every_module_has_its_test,
        "apps/a.py",
        "",
        "no test: write tests/apps/a_test.py",
    ),
    (
        every_module_has_its_test,
        "dlunits/reporting/style.py",  # figures_test.py is not here
        "",
        "style.py:1: no test",
    ),
    (
        every_test_is_found,
        "tests/layers/test_a.py",
        "def test_it():\n    pass",
        "tests/layers/test_a.py:1: never run: name the file test_a_test.py",
    ),
]


@pytest.mark.parametrize(
    ("rule", "name", "text", "message"),
    BREACHES,
    ids=[f"{rule.__name__}-{name}" for rule, name, _, _ in BREACHES],
)
def test_a_breach_is_named_with_file_and_line(
    rule, name, text, message, tmp_path
):
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert any(message in found for found in rule(tmp_path)), [*rule(tmp_path)]


def test_every_rule_has_its_breach():
    assert {rule for rule, *_ in BREACHES} == set(RULES)


# What the rules allow, in one small project.
HOUSE = {
    "dlunits/__init__.py": "from dlunits import layers as layers",
    "dlunits/activations.py": (
        "def f(x):\n    '''Returns x.\n\n    Example:\n\n"
        "    >>> f(1)\n    1\n    '''\n"
    ),
    "dlunits/layers/__init__.py": (
        "from dlunits.layers.twice import Twice as Twice"
    ),
    "dlunits/layers/twice.py": f"from dlunits.activations import f\n{LAYER}",
    "dlunits/models/net.py": "from dlunits.layers import Twice",
    "dlunits/data/pages.py": "import tensorflow as tf\nimport numpy as np",
    "dlunits/training/stop.py": (
        "import keras\nclass Stop(keras.callbacks.Callback):\n"
        "    def f(self):\n        import tensorflow as tf\n"
        "        return tf.function(self.model.eval)"
    ),
    "dlunits/reporting/draw.py": (
        "import matplotlib\nfrom dlunits.models.net import Twice"
    ),
    "apps/run.py": (
        "import os\nfrom absl import app\n"
        "def main():\n    from dlunits.reporting import draw\n    print(draw)"
    ),
    "benchmarks/time_it.py": "from apps.run import main\nprint(main)",
    **{
        f"tests/{name}_test.py": "from apps.run import main"
        for name in (
            "activations",
            "layers/twice",
            "models/net",
            "data/pages",
            "training/stop",
            "reporting/draw",
            "apps/run",
        )
    },
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_house_in_order_breaks_no_rule(rule, tmp_path):
    for name, text in HOUSE.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert list(rule(tmp_path)) == []
