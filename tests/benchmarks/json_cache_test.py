"""Cached results of benchmarks, and their dependence on the options."""

import importlib

import pytest


@pytest.fixture
def benchmark(project, monkeypatch):
    """Imports a benchmark; they import each other as scripts do."""
    monkeypatch.syspath_prepend(str(project / "benchmarks"))
    return importlib.import_module


def test_a_cached_result_is_not_computed_again(benchmark, tmp_path):
    cached_json = benchmark("json_cache").cached_json
    path = tmp_path / "result.json"
    assert cached_json(path, lambda: [1, 2.5]) == [1, 2.5]
    assert cached_json(path, lambda: 1 / 0) == [1, 2.5]


def test_another_recipe_has_another_hash(benchmark):
    recipe_hash = benchmark("json_cache").recipe_hash
    hashes = {recipe_hash({"rate": rate}, 5) for rate in (0.1, 0.2, 0.1)}
    assert len(hashes) == 2
    assert {len(text) for text in hashes} == {8}


@pytest.mark.parametrize(
    ("table", "name"),
    [("FINE_TUNING", "epochs"), ("PRETRAINING", "epochs"), ("ROWS", "none")],
)
def test_contractive_features_of_another_recipe_are_measured_again(
    benchmark, tmp_path, monkeypatch, table, name
):
    module = benchmark("contractive_features")
    monkeypatch.setattr(module, "run", lambda *_: [1.0, 2.0, 0.5, 0.1])

    def files():
        module.run_once("none", 0, None, (1, 1), tmp_path)
        return len(list(tmp_path.iterdir()))

    assert files() == files() == 1
    monkeypatch.setitem(getattr(module, table), name, 7)
    assert files() == 2


def test_weights_of_another_pretraining_are_not_taken(
    benchmark, tmp_path, monkeypatch
):
    module = benchmark("contractive_features")
    monkeypatch.setattr(module, "UNITS", 3)
    for rate in (1e-3, 2e-3):
        monkeypatch.setitem(module.PRETRAINING, "learning_rate", rate)
        module.pretrained_once("none", 0, None, 1, tmp_path)
    assert len(list(tmp_path.glob("*.npz"))) == 2
    monkeypatch.setattr(module, "PIXEL_DROPOUT", 0.9)  # comes afterwards
    module.pretrained_once("none", 0, None, 1, tmp_path)
    assert len(list(tmp_path.glob("*.npz"))) == 2


def test_denoising_by_another_recipe_is_measured_again(
    benchmark, tmp_path, monkeypatch
):
    module = benchmark("denoising")
    assert module.RECIPE["batch_size"] == 64  # of the app
    mean = {name: {"psnr": 20.0, "ssim": 0.8} for name in module.RESULTS}
    monkeypatch.setattr(module, "metrics_of_run", lambda *_: (mean, 6.0))

    def files():
        module.run_once("mnist", "gaussian", [], "data", 0, tmp_path)
        return len(list(tmp_path.iterdir()))

    assert files() == files() == 1
    monkeypatch.setitem(module.RECIPE, "epochs", 9)
    assert files() == 2
    monkeypatch.setattr(module, "NETWORK", "(filters=64)")
    assert files() == 3
