"""The command `dlunits`: runs an app by name.

    dlunits --help
    dlunits lenet_mnist --epochs=5
    dlunits recognize_digits photo.jpg

`dlunits NAME ...` runs the same file as `python apps/NAME.py ...` in a
checkout. This module is not part of the package `dlunits`, because importing
the package loads Keras, which takes seconds. It imports only the standard
library, and lists the apps without importing them.
"""

import ast
import difflib
import importlib.machinery
import os
import pathlib
import signal
import sys
import types

USAGE = """\
usage: dlunits APP [FLAGS] [FILES]
       dlunits APP --help    lists the flags of an app
       dlunits --version

Deep-learning units for Keras 3. Apps:

{apps}

Results are written to the current folder: runs/ and saved_models/."""


def apps_folder() -> pathlib.Path:
    """Folder of the apps in the installed package, else in the checkout."""
    here = pathlib.Path(__file__).resolve().parent
    installed = here / "dlunits" / "apps"
    return installed if installed.is_dir() else here / "apps"


def find_apps() -> dict[str, pathlib.Path]:
    """Paths of the apps by name, in alphabetical order."""
    paths = sorted(apps_folder().glob("[!_]*.py"))
    return {path.stem: path for path in paths}


def summary(path: pathlib.Path) -> str:
    """First line of a file's docstring, parsed without importing the file."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    return (text or "").partition("\n")[0]


def usage(apps: dict[str, pathlib.Path]) -> str:
    """Help text of `dlunits --help`: each app with its summary."""
    width = max(map(len, apps))
    lines = [f"  {name:{width}}  {summary(apps[name])}" for name in apps]
    return USAGE.format(apps="\n".join(lines))


def print_help(apps: dict[str, pathlib.Path]) -> None:
    """Prints the help; it is not an error if a reader such as `head` exits."""
    try:
        print(usage(apps), flush=True)
    except BrokenPipeError:
        # Python flushes the standard output at exit, which would fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)


def run_script(path: pathlib.Path, argv: list[str]) -> None:
    """Runs a file like `python FILE`: as `__main__`, its folder on the path.

    Unlike `runpy.run_path`, it keeps the name of the program in `argv[0]`.
    """
    sys.argv = argv
    sys.path.insert(0, str(path.parent))
    script = types.ModuleType("__main__")
    script.__file__ = str(path)
    sys.modules["__main__"] = script
    importlib.machinery.SourceFileLoader("__main__", str(path)).exec_module(
        script
    )


def main() -> None:
    """Runs the app named on the command line, or prints help."""
    apps = find_apps()
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in ("--help", "-h", "-help", "help"):
        print_help(apps)
    elif name == "--version":
        import importlib.metadata  # slow to load, and needed only here

        print("dlunits", importlib.metadata.version("dlunits"))
    elif name not in apps:
        similar = difflib.get_close_matches(name, apps, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(similar)}? " if similar else ""
        print(
            f"dlunits: no app {name!r}; {hint}`dlunits --help` lists all apps",
            file=sys.stderr,
        )
        sys.exit(2)
    else:
        run_script(apps[name], [f"dlunits {name}", *arguments])


if __name__ == "__main__":
    main()
