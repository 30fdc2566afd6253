"""Saved runs and tables of a comparison."""

import csv
import dataclasses

import numpy as np
import pytest

from dlunits.tasks.lab.training.recipes import Recipe
from dlunits.tasks.lab.training.results import (
    identity,
    load_result,
    run_path,
    save_result,
    summary_rows,
    write_tables,
)
from tests.tasks.lab.training.comparison_runs import (
    EPOCHS,
    made_comparison,
    made_data,
    made_result,
)


def test_a_saved_run_is_loaded_unchanged_and_another_is_not(tmp_path):
    run = identity(Recipe(), made_data(), None, keep_path=False)
    other = identity(Recipe(seed=1), made_data(), None, keep_path=False)
    path = run_path(tmp_path, "sgd, 0.1", run)
    assert path.name.startswith("sgd_0.1_seed_0_")
    assert path != run_path(tmp_path, "sgd, 0.1", other)
    result = made_result()
    save_result(path, run, result)
    loaded = load_result(path, run)
    for field in dataclasses.fields(result):
        before, after = (getattr(r, field.name) for r in (result, loaded))
        np.testing.assert_array_equal(before, after)
    assert loaded.layers == ["hidden_1", "output"]
    assert loaded.diverged is False
    assert load_result(path, other) is None


@pytest.mark.parametrize("contents", [None, b"", b"PK\x03\x04 cut short"])
def test_a_missing_or_damaged_file_is_no_result(contents, tmp_path):
    path = tmp_path / "run.npz"
    if contents is not None:
        path.write_bytes(contents)
    assert load_result(path, {"recipe": {}}) is None


@pytest.fixture(scope="module")
def comparison():
    results = [made_result(loss) for loss in (0.5, 0.7)]
    bad = made_result(np.nan, diverged=True)
    return made_comparison(
        ["optimizer"], "sgd,adam", [*results, results[0], bad]
    )


def test_the_summary_has_means_and_intervals_of_students_t(comparison):
    row = summary_rows(comparison)[0]
    assert row["optimizer"] == "sgd"
    assert row["training loss"] == pytest.approx(0.6)
    # t = 12.706 for 2 runs, s / sqrt(2) = 0.1.
    assert row["training loss, \N{PLUS-MINUS SIGN}"] == pytest.approx(
        1.2706, rel=1e-4
    )
    assert row["updates"] == 15
    assert row["diverged"] == 0


def test_a_value_with_a_diverged_run_is_never_the_best(comparison):
    assert [row["diverged"] for row in summary_rows(comparison)] == [0, 1]
    assert comparison.best == "sgd"


def test_every_number_is_in_a_table(comparison, tmp_path):
    rows = {}
    for path in write_tables(tmp_path, comparison):
        with path.open(newline="") as file:
            rows[path.stem] = list(csv.DictReader(file))
    runs = 4
    assert {name: len(each) for name, each in rows.items()} == {
        "summary": 2,
        "runs": runs,
        "history": runs * (EPOCHS + 1),
        "layers": runs * (EPOCHS + 1) * 2,
        "activations": runs * (EPOCHS + 1) * 2,
        "updates": runs * 3,
    }
    first, second = rows["history"][:2]
    assert first["loss"] == ""  # before training
    assert float(first["validation_loss"]) == 2
    assert float(second["loss"]) == 1.0
    assert {(row["optimizer"], row["seed"]) for row in rows["history"]} == {
        *(("sgd", "0"), ("sgd", "1"), ("adam", "0"), ("adam", "1"))
    }
