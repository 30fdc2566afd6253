"""Loading of a version: damaged files, and errors of calls."""

import asyncio
import json
import shutil

import numpy as np
import pytest

from dlunits.serving.model_card import file_checksums
from dlunits.serving.server.errors import (
    InvalidRequestError,
    UnknownModelError,
)
from dlunits.serving.server.model_version import ModelVersion


@pytest.fixture
def copy(scale_2, tmp_path):
    return shutil.copytree(scale_2, tmp_path / "model" / "1")


def test_a_version_is_called_by_signature(scale_2):
    version = ModelVersion("scale", 2, scale_2)
    found = version.call("serving_default", {"x": np.array([[1, 2.5]])})
    assert found["y"].tolist() == [[2, 5]]
    strings = np.array([b"ab", b"c"], object)
    found = version.call("reverse", {"s": strings})
    assert found["reversed_bytes"].tolist() == [b"ba", b"c"]
    assert version.batched == {"serving_default"}
    assert version.inputs("serving_default")["x"].shape == (None, 2)
    with pytest.raises(UnknownModelError, match="choose from"):
        version.inputs("other")


def test_invalid_inputs_are_an_error_of_the_client(scale_2):
    version = ModelVersion("scale", 2, scale_2)
    with pytest.raises(InvalidRequestError, match=r"^x must not be negative"):
        version.call("serving_default", {"x": np.array([[-1.0, 0]])})


def truncate(path, size):
    path.write_bytes(path.read_bytes()[:size])


DAMAGES = {
    "a part of the variables": lambda folder: truncate(
        folder / "variables/variables.data-00000-of-00001", 1
    ),
    "no variables": lambda folder: shutil.rmtree(folder / "variables"),
    "a part of the graph": lambda folder: truncate(
        folder / "saved_model.pb", 900
    ),
    "no graph": lambda folder: (folder / "saved_model.pb").unlink(),
    "a part of the warm-up requests": lambda folder: truncate(
        folder / "assets.extra/tf_serving_warmup_requests", 20
    ),
    "a part of the card": lambda folder: truncate(
        folder / "model_card.json", 8
    ),
    "a file too few": lambda folder: shutil.rmtree(folder / "assets.extra"),
}


@pytest.mark.parametrize("with_card", [True, False])
@pytest.mark.parametrize("damage", DAMAGES)
def test_incomplete_versions_are_refused(copy, damage, with_card):
    if not with_card:
        if damage in ("a part of the card", "a file too few"):
            pytest.skip(
                "Without a model card, the missing file is not detected."
            )
        (copy / "model_card.json").unlink()
    DAMAGES[damage](copy)
    with pytest.raises(ValueError, match=str(copy)) as caught:
        ModelVersion("scale", 1, copy)
    assert "\n" not in str(caught.value)


def test_a_changed_weight_is_refused(copy):
    path = copy / "variables/variables.data-00000-of-00001"
    data = bytearray(path.read_bytes())
    data[1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match="damaged"):
        ModelVersion("scale", 1, copy)


def test_files_are_those_of_the_checksums_and_others_are_allowed(copy):
    card = {"sha256": file_checksums(copy)}
    (copy / "model_card.json").write_text(json.dumps(card))
    (copy / "assets.extra/model.onnx").write_bytes(b"more")
    ModelVersion("scale", 1, copy)
    warmup = copy / "assets.extra/tf_serving_warmup_requests"
    text = warmup.read_bytes()
    warmup.write_bytes(text + text)
    with pytest.raises(ValueError, match="warmup_requests is changed"):
        ModelVersion("scale", 1, copy)
    warmup.unlink()
    with pytest.raises(ValueError, match="warmup_requests is missing"):
        ModelVersion("scale", 1, copy)


def test_a_model_without_card_is_served_and_not_joined(copy):
    (copy / "model_card.json").unlink()
    assert not ModelVersion("scale", 1, copy).batched
    (copy / "model_card.json").write_text(json.dumps({"batched": 5}))
    assert not ModelVersion("scale", 1, copy).batched


def test_a_version_is_drained_when_all_requests_are_answered(scale_2):
    version = ModelVersion("scale", 2, scale_2)

    async def drain():
        await asyncio.wait_for(version.drained(), 5)
        version.acquire()
        version.acquire()
        version.release()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(version.drained(), 0.05)
        version.release()
        await asyncio.wait_for(version.drained(), 5)

    asyncio.run(drain())
