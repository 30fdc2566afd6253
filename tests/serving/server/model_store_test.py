"""Versions that appear, are superseded, damaged and removed."""

import asyncio
import logging
import shutil

import numpy as np
import pytest

from dlunits.serving.server import model_store
from dlunits.serving.server.errors import UnknownModelError
from dlunits.serving.server.model_store import ModelStore
from dlunits.serving.server.model_version import ModelVersion


@pytest.fixture(autouse=True)
def short_times(monkeypatch):
    monkeypatch.setattr(model_store, "SETTLE_SECONDS", 0.05)


@pytest.fixture
def models_dir(tmp_path, scale_2):
    shutil.copytree(scale_2, tmp_path / "models" / "scale" / "1")
    return tmp_path / "models"


async def refreshed(store):
    """Refreshes until all files have settled."""
    await store.refresh()
    await asyncio.sleep(0.1)
    await store.refresh()


def served(store):
    return {name: list(versions) for name, versions in store.models.items()}


def factor(store, version=None):
    found = store.find("scale", version)
    return found.call("serving_default", {"x": np.ones((1, 2))})["y"][0, 0]


def test_the_latest_versions_are_served(models_dir, scale_3):
    shutil.copytree(scale_3, models_dir / "scale" / "10")

    async def run():
        store = ModelStore(models_dir)
        await refreshed(store)
        assert served(store) == {"scale": [10]}
        assert factor(store) == 3
        both = ModelStore(models_dir, num_versions=2)
        await refreshed(both)
        assert served(both) == {"scale": [10, 1]}
        assert (factor(both), factor(both, "1")) == (3, 2)
        for name, version in (("scale", "9"), ("scale", "x"), ("..", None)):
            with pytest.raises(UnknownModelError, match="choose from"):
                both.find(name, version)

    asyncio.run(run())


def test_an_old_version_is_dropped_when_it_is_drained(models_dir, scale_3):
    async def run():
        store = ModelStore(models_dir)
        await refreshed(store)
        old = store.find("scale")
        old.acquire()
        shutil.copytree(scale_3, models_dir / "scale" / "2")
        await refreshed(store)
        assert factor(store) == 3
        closing = asyncio.create_task(store.close())
        await asyncio.sleep(0.05)
        assert not closing.done()
        assert (
            old.call("serving_default", {"x": np.ones((1, 2))})["y"][0, 0] == 2
        )
        old.release()
        await asyncio.wait_for(closing, 20)
        assert not old.signatures

    asyncio.run(run())


def test_a_damaged_version_is_logged_once_and_served_when_it_is_whole(
    models_dir, scale_3, caplog, monkeypatch
):
    monkeypatch.setattr(logging.getLogger("dlunits.serving"), "propagate", True)
    half = models_dir / "scale" / "2"
    half.mkdir()
    shutil.copy(scale_3 / "saved_model.pb", half)
    loads = []

    def load(name, number, folder):
        loads.append(number)
        return ModelVersion(name, number, folder)

    monkeypatch.setattr(model_store, "ModelVersion", load)

    async def run():
        store = ModelStore(models_dir)
        for _ in range(3):
            await refreshed(store)
        assert served(store) == {"scale": [1]}
        assert sorted(loads) == [1, 2]
        shutil.copytree(scale_3 / "variables", half / "variables")
        (half / "model_card.json").write_text('{"bytes": 1000000}')
        await refreshed(store)
        assert served(store) == {"scale": [1]}
        shutil.copytree(scale_3, half, dirs_exist_ok=True)
        await refreshed(store)
        assert served(store) == {"scale": [2]}
        # Damaged later: the loaded version is still served.
        (half / "saved_model.pb").write_bytes(b"")
        await refreshed(store)
        assert factor(store) == 3
        assert store.num_refused == 2

    asyncio.run(run())
    lines = [r.message for r in caplog.records if "Not served" in r.message]
    assert len(lines) == 2
    assert all(str(half) in line for line in lines)


def test_a_removed_version_answers_until_a_newer_one_is_loaded(
    models_dir, scale_3
):
    async def run():
        store = ModelStore(models_dir)
        await refreshed(store)
        shutil.rmtree(models_dir / "scale" / "1")
        half = models_dir / "scale" / "2"
        half.mkdir()
        shutil.copy(scale_3 / "saved_model.pb", half)
        await refreshed(store)
        assert factor(store) == 2
        shutil.copytree(scale_3, half, dirs_exist_ok=True)
        await refreshed(store)
        assert served(store) == {"scale": [2]}

    asyncio.run(run())


def test_files_that_still_change_are_not_loaded(
    models_dir, scale_3, monkeypatch
):
    monkeypatch.setattr(model_store, "SETTLE_SECONDS", 60.0)
    shutil.copytree(scale_3, models_dir / "scale" / "2")

    async def run():
        store = ModelStore(models_dir)
        await store.refresh()
        assert not store.models
        monkeypatch.setattr(model_store, "SETTLE_SECONDS", 0.0)
        await store.refresh()
        assert served(store) == {"scale": [2]}

    asyncio.run(run())


def test_a_removed_model_is_gone_and_an_unreadable_folder_changes_nothing(
    models_dir, tmp_path
):
    async def run():
        store = ModelStore(models_dir)
        await refreshed(store)
        models_dir.rename(tmp_path / "elsewhere")
        with pytest.raises(OSError, match="models"):
            await store.refresh()
        assert factor(store) == 2
        models_dir.mkdir()
        await store.refresh()
        assert not store.models

    asyncio.run(run())


def test_models_are_unloaded_and_loaded(models_dir):
    async def run():
        store = ModelStore(models_dir)
        await refreshed(store)
        await store.unload("scale")
        await store.refresh()
        assert not store.models
        with pytest.raises(UnknownModelError):
            await store.unload("scale")
        await store.load("scale")
        assert factor(store) == 2
        with pytest.raises(UnknownModelError):
            await store.load("other")

    asyncio.run(run())
