"""The example reports of the documentation site."""

import pathlib
import sys

import pytest

from tests.docs.app_flags import assert_flags_are_valid

DOCS = pathlib.Path(__file__).parents[2] / "docs"
sys.path.append(str(DOCS))

import example_reports  # noqa: E402
from example_reports import EXAMPLES  # noqa: E402

# Apps that the lab runs.
IN_LAB = {
    "alexnet_images",
    "bias_variance",
    "convolution_lab",
    "gan_mnist",
    "lenet_mnist",
    "training_lab",
}


def test_every_app_with_a_report_has_an_example(project):
    writing = {
        path.stem
        for path in project.glob("apps/*.py")
        if "report.html" in path.read_text("utf-8")
    }
    shown = {example.app for example in EXAMPLES.values()}
    assert writing == shown | IN_LAB
    lab = (project / "apps/lab.py").read_text("utf-8")
    assert all(f'"{app}"' in lab for app in IN_LAB)


def test_the_page_links_to_every_example():
    page = (DOCS / "example_reports.md").read_text("utf-8")
    linked = {target for target, _ in example_reports.LINK.findall(page)}
    pages = {
        example_reports.main_page(name).relative_to(example_reports.REPORTS)
        for name in EXAMPLES
    }
    assert {str(page) for page in pages} <= linked


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=str)
def test_links_to_reports_name_an_example(page):
    links = example_reports.LINK.findall(page.read_text("utf-8"))
    assert {target.split("/")[0] for target, _ in links} <= EXAMPLES.keys()


@pytest.mark.parametrize("name", EXAMPLES)
def test_flags_of_examples_are_valid(name, project, tmp_path):
    example = EXAMPLES[name]
    flags = [
        flag.replace(str(example_reports.TEXT), str(tmp_path / "text.txt"))
        for flag in example.flags
    ]
    (tmp_path / "text.txt").write_text("text")
    assert_flags_are_valid(project, example.app, flags)


def test_a_report_is_made_again_after_a_change_of_code_only(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(example_reports, "PROJECT", tmp_path)
    module = tmp_path / "dlunits/module.py"
    module.parent.mkdir()
    hashes = {}
    for name, source in {
        "before": '"""Adds."""\nx = 1 + 1\n',
        "docstring": '"""Adds 1."""\nx = 1 + 1  # two\n',
        "code": '"""Adds."""\nx = 1 + 2\n',
    }.items():
        module.write_text(source)
        hashes[name] = example_reports.code_hash()
    assert hashes["before"] == hashes["docstring"]
    assert hashes["before"] != hashes["code"]


def test_broken_links_and_pages_that_may_load_files_are_found(
    tmp_path, monkeypatch
):
    reports = tmp_path / "_extra/example_reports"
    reports.mkdir(parents=True)
    monkeypatch.setattr(example_reports, "PROJECT", tmp_path)
    monkeypatch.setattr(example_reports, "DOCS", tmp_path)
    monkeypatch.setattr(example_reports, "REPORTS", reports)
    report = reports / "report.html"
    report.write_text("default-src 'none' <h2 id=\"loss\">")
    page = tmp_path / "page.md"
    page.write_text('<a href="example_reports/report.html#loss">Loss</a>')
    example_reports.check_reports()
    page.write_text('<a\nhref="../example_reports/report.html#gain">Gain</a>')
    with pytest.raises(SystemExit, match=r"page.md: no report.html#gain"):
        example_reports.check_reports()
    page.write_text("No link.")
    report.write_text("<p>Loads all.")
    with pytest.raises(SystemExit, match="no Content-Security-Policy"):
        example_reports.check_reports()


def test_pages_of_a_run_replace_older_ones(tmp_path):
    run, target = tmp_path / "run", tmp_path / "target"
    (run / "part").mkdir(parents=True)
    (run / "part/report.html").write_text("new")
    (run / "weights.npz").write_text("not copied")
    target.mkdir()
    (target / "old.html").write_text("old")
    example_reports.copy_pages(run, target)
    files = [path for path in target.rglob("*") if path.is_file()]
    assert [path.relative_to(target).as_posix() for path in files] == [
        "part/report.html"
    ]


def test_a_failing_app_is_reported(tmp_path, monkeypatch, project):
    monkeypatch.chdir(project)
    monkeypatch.setattr(example_reports, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(example_reports, "REPORTS", tmp_path / "reports")
    wrong = example_reports.Example("lenet_mnist", ("--epochs=0",))
    monkeypatch.setitem(EXAMPLES, "wrong", wrong)
    with pytest.raises(SystemExit, match="failed: wrong"):
        example_reports.make_reports(["wrong"], "code", num_processes=1)
    assert not example_reports.is_current("wrong", "code")
