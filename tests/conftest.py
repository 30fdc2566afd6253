"""Fixtures that more than one room's tests use."""

import os
import pathlib
import tempfile

import pytest

PROJECT = pathlib.Path(__file__).parents[1]


def pytest_configure(config):
    """On JAX, compiling takes most of the time: of a program once, and fast.

    Many tests compile what another one did, as JAX remembers the function and
    not what it computes. Each worker has a folder of its own, which is empty
    at first, since JAX does not write its files all at once.
    """
    if os.environ.get("KERAS_BACKEND") != "jax":
        return
    import jax

    folder = tempfile.TemporaryDirectory(prefix="dlunits_jax_")
    config.add_cleanup(folder.cleanup)
    for name, value in {
        "jax_compilation_cache_dir": folder.name,
        "jax_persistent_cache_min_compile_time_secs": 0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
        "jax_disable_most_optimizations": True,
    }.items():
        jax.config.update(name, value)


@pytest.fixture(scope="session")
def project():
    """Folder of the checkout: apps and benchmarks are run from here."""
    return PROJECT


@pytest.fixture(scope="session")
def shared_data():
    """Folder of real data (MNIST, USPS, ...), see CONTRIBUTING.md."""
    folder = pathlib.Path(
        os.environ.get("DLUNITS_DATA", PROJECT / "../shared/data")
    ).resolve()
    if not folder.is_dir():
        pytest.skip(f"No data in {folder}: set DLUNITS_DATA to its folder.")
    return folder
