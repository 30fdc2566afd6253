"""Fixtures that more than one room's tests use."""

import os
import pathlib
import tempfile

import pytest

PROJECT = pathlib.Path(__file__).parents[1]


# On JAX, compiling takes most of the time: of a program once, and fast.
#
# Many tests compile what another one did, as JAX remembers the function and
# not what it computes. Each worker has a folder of its own, which is empty at
# first, since JAX does not write its files all at once. The processes that a
# test starts compile alike, so that they compute the same. JAX reads this when
# it is imported, so it is said before any other conftest.py is.
COMPILED = tempfile.TemporaryDirectory(prefix="dlunits_compiled_")
os.environ.update(
    JAX_COMPILATION_CACHE_DIR=COMPILED.name,
    JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS="0",
    JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES="-1",
    JAX_DISABLE_MOST_OPTIMIZATIONS="1",
)


def pytest_unconfigure():
    COMPILED.cleanup()


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
