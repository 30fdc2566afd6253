"""Report of a comparison; its Keras code reproduces the losses of the runs."""

import dataclasses
import html
import re

import keras
import numpy as np
import pytest

from dlunits.reporting.html_report import write_report
from dlunits.tasks.lab.sources import save_arrays
from dlunits.tasks.lab.training import figures
from dlunits.tasks.lab.training.claims import find_claims
from dlunits.tasks.lab.training.recipes import make_runs
from dlunits.tasks.lab.training.report import (
    DATA_FILE,
    code_section,
    own_recorded_sections,
    write_training_report,
)
from dlunits.tasks.lab.training.results import Comparison
from dlunits.tasks.lab.training.train import Trainers
from tests.tasks.lab.training.comparison_runs import (
    EPOCHS,
    made_comparison,
    made_data,
    made_result,
)


def write(folder, comparison):
    path = write_training_report(
        folder / "report.html",
        comparison,
        find_claims(comparison, {}),
        surfaces={},
        plane=None,
        command="",
        seconds=1.0,
    )
    return path.read_text(encoding="utf-8")


def test_every_claim_has_a_section_with_its_number(tmp_path):
    names = ("sigmoid", "tanh", "relu", "leaky_relu", "softmax")
    comparison = made_comparison(
        ["activation"], None, dict.fromkeys(names, made_result())
    )
    page = html.unescape(write(tmp_path, comparison))
    for claim in find_claims(comparison, {}):
        section = re.search(
            rf'<h2 id="[^"]+">{re.escape(claim.title)}</h2>(.*?)</section>',
            page,
            re.S,
        )
        for paragraph in claim.text.split("\n\n"):
            assert f"<p>{paragraph}</p>" in section[1]
    for anchor in ("results", "activation-functions", "keras-code"):
        assert f'<h2 id="{anchor}">' in page


def test_runs_that_all_diverged_are_reported(tmp_path):
    nan = np.full(EPOCHS, np.nan)
    bad = made_result(
        diverged=True,
        **dict.fromkeys(("loss", "score"), nan),
        validation_loss=np.append(2.0, nan),
        seconds=np.array([1.0, np.nan, np.nan]),
        gradient_norm=np.full((EPOCHS + 1, 2), np.nan),
        update_ratio=np.full((EPOCHS, 2), np.inf),
    )
    comparison = made_comparison(
        ["learning_rate", "optimizer"], "9;sgd,adam", [bad] * 4
    )
    page = write(tmp_path, comparison)
    assert "Diverged: 9, sgd; 9, adam." in page


def test_an_own_network_is_recorded_if_it_is_dense(tmp_path):
    for layers, text in (
        ([], 'href="own_network_steps.html"'),
        (
            [keras.layers.Dropout(0.1)],
            "The training was not recorded. Expected a network",
        ),
    ):
        model = keras.Sequential(
            [keras.Input((3,)), *layers, keras.layers.Dense(2, "softmax")]
        )
        comparison = dataclasses.replace(
            made_comparison(["batch_size"], "4", [made_result()], 1),
            model=model,
        )
        run = comparison.runs[0]
        own = dict.fromkeys(("activation", "initializer", "regularizer"))
        recipe = dataclasses.replace(run.recipe, **own)
        runs = [dataclasses.replace(run, recipe=recipe)]
        comparison = dataclasses.replace(comparison, runs=runs)
        [section] = own_recorded_sections(comparison, tmp_path)
        path = write_report(
            tmp_path / "report.html",
            title="",
            summary={},
            sections=[section],
            command="",
            dataset="",
        )
        assert text in path.read_text(encoding="utf-8")
    assert "network 3-2" in (tmp_path / "own_network_steps.html").read_text()


def test_a_comparison_of_optimizers_links_to_recorded_runs(tmp_path):
    results = [made_result()] * 4
    page = write(tmp_path, made_comparison(["optimizer"], "sgd,adam", results))
    for name in ("network_steps.html", "lstm_steps.html"):
        assert f'href="{name}"' in page
        assert "range" in (tmp_path / name).read_text(encoding="utf-8")
    page = write(tmp_path, made_comparison(["width"], "2,4", results))
    assert "network_steps.html" not in page


def test_many_curves_are_reduced_to_the_best():
    labels = [str(width) for width in range(1, 21)]
    comparison = made_comparison(
        ["width"],
        ",".join(labels),
        [made_result(1 / int(w)) for w in labels],
        1,
    )
    shown = figures.shown_labels(comparison)
    assert shown == labels[-figures.MAX_CURVES :]  # the lowest losses


@pytest.mark.parametrize("own_model", [False, True])
def test_the_code_of_a_run_gets_its_losses(own_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = made_data()
    save_arrays(DATA_FILE, data)
    recipe = made_comparison(["width"], "3", [made_result()], 1).runs[0].recipe
    model = None
    if own_model:
        model = keras.Sequential(
            [
                keras.Input((3,)),
                keras.layers.Dense(4, "relu"),
                keras.layers.Dense(2),
            ]
        )
        recipe = dataclasses.replace(
            recipe,
            **dict.fromkeys(("activation", "initializer", "regularizer")),
        )
    runs = make_runs(["activation"], "leaky_relu", recipe, data, 1)
    trainers = Trainers(data, model)
    results = [trainers.fit(run.recipe) for run in runs]
    comparison = Comparison(["activation"], runs, results, data, model)
    section = code_section(comparison, tmp_path)
    [(title, code)] = section.code
    assert title == "leaky_relu, seed 0"
    assert "dlunits" not in code
    namespace = {}
    exec(compile(code, title, "exec"), namespace)  # noqa: S102
    np.testing.assert_allclose(namespace["losses"], results[0].loss, rtol=1e-4)
