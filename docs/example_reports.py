"""Runs the apps on embedded data, and puts their reports into the site.

The reports are written to docs/_extra/example_reports/, which git ignores and
Sphinx copies. An example is skipped if the code has not changed since its
report was made; docstrings and comments do not count.

Usage:
    python docs/example_reports.py
    python docs/example_reports.py --num_processes=1 sequence_digits text
    python docs/example_reports.py --check      # only checks links to reports
"""

import argparse
import ast
import concurrent.futures
import dataclasses
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable

DOCS = pathlib.Path(__file__).resolve().parent
PROJECT = DOCS.parent
REPORTS = DOCS / "_extra/example_reports"
RUNS = pathlib.Path("runs/example_reports")  # relative: reports show the flags
TEXT = RUNS / "python_documentation.txt"

ONE_THREAD = {
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}


@dataclasses.dataclass(frozen=True)
class Example:
    """A run of an app that writes a report.

    Args:
        app: Name of the app.
        flags: Flags besides `--workdir` and `--export_dir`.
        exports: Whether the app has the flag `--export_dir`.
    """

    app: str
    flags: tuple[str, ...]
    exports: bool = True


# Name of the folder of the report -> run. The lab runs six apps; long runs come
# first.
EXAMPLES = {
    "lab": Example("lab", ("--dataset=digits",), exports=False),
    "gradient_flow": Example(
        "gradient_flow",
        (f"--dataset={TEXT}", "--lags=10,100", "--epochs=2"),
        exports=False,
    ),
    "autoencoder": Example(
        "autoencoder_mnist",
        (
            "--autoencoder=variational",
            "--dataset=digits",
            "--epochs=60",
            "--num_labels=100",
        ),
    ),
    "forecast": Example("forecast_series", ()),
    "sequence_digits": Example(
        "sequence_digits",
        ("--cell=all", "--dataset=digits", "--units=64", "--epochs=4"),
    ),
    "denoising": Example("denoising_mnist", ("--dataset=digits", "--epochs=4")),
    "text": Example(
        "text_generation",
        (
            f"--train={TEXT}",
            "--units=192",
            "--epochs=5",
            "--batch_size=16",
            "--dropout=0.1",
        ),
    ),
    "anomaly_detection": Example("anomaly_detection", ("--dataset=wdbc",)),
}

# A link to an example report, in HTML since Sphinx checks links to pages only.
LINK = re.compile(r'href="\s*(?:\.\./)*example_reports/([^"#]*)#?([^"]*)"')
ID = re.compile(r'\bid="([^"]+)"')


def main() -> None:
    """Makes the reports that are out of date, and checks links to them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="all: none")
    parser.add_argument("--num_processes", type=int, default=os.cpu_count())
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - EXAMPLES.keys()
    if unknown:
        parser.error(
            f"expected names of {', '.join(EXAMPLES)}. Received: "
            f"{', '.join(sorted(unknown))}"
        )
    os.chdir(PROJECT)
    if not arguments.check:
        write_text()
        code = code_hash()
        names = [
            name
            for name in arguments.names or EXAMPLES
            if not is_current(name, code)
        ]
        make_reports(names, code, arguments.num_processes)
    if not arguments.names:
        check_reports()


def code_hash() -> str:
    """Hash of the files that the reports are made from."""
    digest = hashlib.sha256()
    for path in sorted(
        [*PROJECT.glob("apps/*"), *PROJECT.glob("dlunits/**/*")]
    ):
        if path.suffix == ".py":
            code = without_docstrings(path.read_text(encoding="utf-8")).encode()
        elif path.is_file() and path.suffix != ".pyc":
            code = path.read_bytes()
        else:
            continue
        digest.update(f"{path.relative_to(PROJECT)} {len(code)} ".encode())
        digest.update(code)
    return digest.hexdigest()


def without_docstrings(source: str) -> str:
    r"""Python code without docstrings, comments and layout.

    >>> without_docstrings("def f():\n    'Docstring.'\n    return 1  # one")
    'def f():\n    return 1'
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [each for each in body if not is_text(each)]
    return ast.unparse(tree)


def is_text(statement: ast.stmt) -> bool:
    """Whether a statement is a string, such as a docstring."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def main_page(name: str) -> pathlib.Path:
    """First page of an example: the index of the lab, else the report."""
    return REPORTS / name / ("index.html" if name == "lab" else "report.html")


def stamp(name: str) -> pathlib.Path:
    """File with the hash of the code and the flags of a report."""
    return RUNS / f"{name}.sha256"


def stamp_text(name: str, code: str) -> str:
    """Text of the stamp of a report made by this code."""
    return f"{code} {EXAMPLES[name]}"


def is_current(name: str, code: str) -> bool:
    """Whether the report exists, and code and flags have not changed."""
    file = stamp(name)
    return (
        main_page(name).exists()
        and file.exists()
        and file.read_text(encoding="utf-8") == stamp_text(name, code)
    )


def write_text() -> None:
    """Writes Python's documentation of its language, without indentation."""
    from pydoc_data.topics import topics

    TEXT.parent.mkdir(parents=True, exist_ok=True)
    lines = "\n".join(topics[name] for name in sorted(topics)).splitlines()
    text = "\n".join(" ".join(line.split()) for line in lines)
    TEXT.write_text(text, encoding="utf-8")


def make_reports(names: Iterable[str], code: str, num_processes: int) -> None:
    """Runs examples, several at the same time.

    Raises:
        SystemExit: If an app fails, after all have ended.
    """
    failed = []
    with concurrent.futures.ThreadPoolExecutor(num_processes) as pool:
        jobs = {pool.submit(make_report, name): name for name in names}
        for job in concurrent.futures.as_completed(jobs):
            error, seconds = job.result()
            print(f"{jobs[job]}: {error or f'{seconds:.0f} s'}", flush=True)
            if error:
                failed.append(jobs[job])
            else:
                text = stamp_text(jobs[job], code)
                stamp(jobs[job]).write_text(text, encoding="utf-8")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def make_report(name: str) -> tuple[str, float]:
    """Runs an app in a new folder, and copies its pages.

    Returns:
        `(error, seconds)`: the end of the output if the app failed, else "".
    """
    start = time.monotonic()
    example = EXAMPLES[name]
    workdir = RUNS / name
    shutil.rmtree(workdir, ignore_errors=True)
    words = [*example.flags, f"--workdir={workdir}"]
    if example.exports:
        words.append(f"--export_dir={workdir}/model")
    if name == "lab":
        words.append("--num_processes=1")
    process = subprocess.run(
        [sys.executable, f"apps/{example.app}.py", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={"PYTHONPATH": str(PROJECT), **os.environ, **ONE_THREAD},
    )
    seconds = time.monotonic() - start
    if process.returncode:
        output = process.stdout.decode(errors="replace").strip()
        return "\n".join(output.splitlines()[-5:]) or "no output", seconds
    copy_pages(workdir, REPORTS / name)
    return "", seconds


def copy_pages(workdir: pathlib.Path, target: pathlib.Path) -> None:
    """Copies all HTML files of a run; replaces older ones when complete."""
    partial = target.with_name(f"{target.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    for page in sorted(workdir.rglob("*.html")):
        copy = partial / page.relative_to(workdir)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(page, copy)
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)


def check_reports() -> None:
    """Checks that linked sections exist, and that pages load nothing.

    Raises:
        SystemExit: If a link is broken, or a page may request another file.
    """
    wrong = [
        f"{page.relative_to(PROJECT)}: no {target}{'#' * bool(anchor)}{anchor}"
        for page in sorted(DOCS.rglob("*.md"))
        for target, anchor in LINK.findall(page.read_text("utf-8"))
        if not has_section(REPORTS / target, anchor)
    ]
    wrong += [
        f"{page.relative_to(PROJECT)}: no Content-Security-Policy"
        for page in sorted(REPORTS.rglob("*.html"))
        if "default-src 'none'" not in page.read_text("utf-8")
    ]
    if wrong:
        sys.exit("\n".join(wrong))


def has_section(page: pathlib.Path, anchor: str) -> bool:
    """Whether a page exists and has an element with the anchor as its id."""
    if not page.is_file():
        return False
    return not anchor or anchor in ID.findall(page.read_text("utf-8"))


if __name__ == "__main__":
    main()
