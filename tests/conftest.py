"""Fixtures that more than one room's tests use."""

import os
import pathlib

import pytest

PROJECT = pathlib.Path(__file__).parents[1]


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
