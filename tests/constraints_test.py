"""The two lists of exact versions are equal, except for limits of KServe."""

import re

import pytest

# KServe 0.21 needs protobuf < 7, pandas < 3, psutil < 6, python-dateutil < 3;
# Gradio 6.31 needs pillow < 13.
HELD_BACK = {"pillow", "protobuf", "pandas", "psutil", "python-dateutil"}


@pytest.fixture(scope="module")
def pins(project):
    def read(name):
        lines = (project / name).read_text().splitlines()
        pairs = [line.split("==") for line in lines if "==" in line]
        return {
            re.sub("[._-]+", "-", name.lower()): version
            for name, version in pairs
        }

    return read("constraints.txt"), read("constraints-serve.txt")


def test_the_extra_serve_differs_only_in_what_is_held_back(pins):
    most, serve = pins
    differing = {
        name for name in most.keys() & serve.keys() if most[name] != serve[name]
    }
    assert differing == HELD_BACK


def test_the_extra_serve_has_exact_versions_of_its_own_packages(pins):
    _, serve = pins
    assert serve["kserve"].startswith("0.21.")
    assert {
        "fastapi",
        "gradio",
        "playwright",
        "uvicorn",
        "watchfiles",
        "tensorflow",
    } <= serve.keys()
