"""All kinds of exported models: operations, endpoints and warm-up requests.

The kinds are those of `benchmarks/exported_models.py`.
"""

import json
import re

import pytest
from tensorflow.core.protobuf import saved_model_pb2

from benchmarks.endpoints_page import PAGE, write_page
from benchmarks.exported_models import KINDS, export_every_kind
from dlunits.serving.warmup import read_warmup_requests

# The older of the two releases of `benchmarks/serving_compatibility.py`.
OPERATIONS = "tests/serving/tensorflow_operations.txt"


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    return export_every_kind(tmp_path_factory.mktemp("kinds"))


def operations(version):
    """Attributes of the operations of a SavedModel, by name.

    Calls of functions of the graph are left out, and attributes that begin with
    an underscore, which servers ignore.
    """
    text = (version / "saved_model.pb").read_bytes()
    found, functions = {}, set()
    for meta_graph in saved_model_pb2.SavedModel.FromString(text).meta_graphs:
        nodes = list(meta_graph.graph_def.node)
        for function in meta_graph.graph_def.library.function:
            functions.add(function.signature.name)
            nodes += function.node_def
        for node in nodes:
            attributes = {key for key in node.attr if not key.startswith("_")}
            found.setdefault(node.op, set()).update(attributes)
    return {name: found[name] for name in found.keys() - functions}


@pytest.mark.parametrize("kind", KINDS)
def test_older_servers_support_all_operations(kinds, kind, project):
    lines = (project / OPERATIONS).read_text().splitlines()
    known = {name: set(rest) for name, *rest in map(str.split, lines)}
    used = operations(kinds[kind].version)
    assert len(used) > 20
    unknown = {
        (name, attribute)
        for name, attributes in used.items()
        for attribute in {"", *attributes} - {"", *known.get(name, ())}
    }
    assert not used.keys() - known.keys()
    assert not unknown


def test_every_export_of_the_apps_has_a_kind(project):
    exports = {
        name
        for path in project.glob("dlunits/tasks/*/serve.py")
        for name in functions_of(path)
        if name.startswith("export_")
    }
    text = (project / "benchmarks/exported_models.py").read_text()
    assert exports
    used = set(re.findall(r"\bexport_\w+", text))
    assert not exports - used


def functions_of(path):
    return [
        line.split("(")[0].removeprefix("def ")
        for line in path.read_text().splitlines()
        if line.startswith("def ")
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_the_card_lists_endpoints_that_may_be_joined(kinds, kind):
    card = json.loads((kinds[kind].version / "model_card.json").read_text())
    batched = card.get("batched", [])
    assert len(set(batched)) == len(batched)
    assert set(batched) <= card["signatures"].keys()
    assert batched or kind == "generator"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_warmup_requests_for_its_default(kinds, kind):
    requests = dict(read_warmup_requests(kinds[kind].version))
    names = {"serving_default", "generate"}  # the latter is the former
    assert requests.keys() & names


def test_the_page_of_endpoints_is_that_of_the_models(kinds, project):
    versions = [exported.version for exported in kinds.values()]
    versions.append(project / "saved_models/lenet_mnist/1")
    expected = (project / PAGE).read_text()
    assert write_page(versions) == expected, (
        "Endpoints have changed, which breaks clients. If that is intended: "
        f"python benchmarks/endpoints_page.py > {PAGE}"
    )
