"""Files for TensorFlow Serving and KServe: syntax, names and versions."""

import importlib.util
import re

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

needs_kserve = pytest.mark.skipif(
    importlib.util.find_spec("kserve") is None,
    reason="KServe is not installed.",
)


def test_models_config_has_every_shipped_model(project):
    config = text_format.Parse(
        (project / "deploy/models.config").read_text(),
        model_server_config_pb2.ModelServerConfig(),
    )
    found = {
        item.name: (item.base_path, item.model_platform)
        for item in config.model_config_list.config
    }
    shipped = {
        path.parents[1].name
        for path in project.glob("saved_models/*/*/model_card.json")
        if f"!/saved_models/{path.parents[1].name}/"
        in (project / ".gitignore").read_text().splitlines()
    }
    assert found == {
        name: (f"/models/{name}", "tensorflow") for name in shipped
    }


def read_yaml(path):
    import yaml

    return yaml.safe_load(path.read_text())


@needs_kserve
def test_compose_pins_the_image_and_listens_on_loopback(project):
    compose = read_yaml(project / "deploy/compose.yaml")
    assert compose.keys() <= {"name", "services", "volumes", "networks"}
    [service] = compose["services"].values()
    assert re.fullmatch(r"tensorflow/serving:\d+\.\d+\.\d+", service["image"])
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    targets = {}
    for volume in service["volumes"]:
        source, target, mode = volume.split(":")
        assert (project / "deploy" / source).exists()
        assert mode == "ro"
        targets[target] = source
    assert "/models" in targets
    [config] = [
        argument.partition("=")[2]
        for argument in service["command"]
        if argument.startswith("--model_config_file=")
    ]
    assert targets[config] == "./models.config"


def check_fields(value, kind, path=""):
    """Checks a resource against the types of KServe's client."""
    import kserve
    import kubernetes.client

    if isinstance(value, list):
        [inner] = re.findall(r"^List\[(.*)\]$", kind)
        for item in value:
            check_fields(item, inner, path)
        return
    cls = getattr(kserve, kind, None) or getattr(
        kubernetes.client, kind.replace("K8sIoApiCoreV1", "V1"), None
    )
    if cls is None or not isinstance(value, dict):
        assert not isinstance(value, dict) or kind.startswith("Dict"), path
        return
    fields = {key: name for name, key in cls.attribute_map.items()}
    for key, item in value.items():
        assert key in fields, f"{path}.{key} is no field of {kind}"
        check_fields(item, cls.openapi_types[fields[key]], f"{path}.{key}")


@needs_kserve
def test_the_inference_service_has_a_runtime_that_loads_the_models(project):
    service = read_yaml(project / "deploy/inference_service.yaml")
    check_fields(service, "V1beta1InferenceService")
    assert service["apiVersion"] == "serving.kserve.io/v1beta1"
    assert service["kind"] == "InferenceService"
    model = service["spec"]["predictor"]["model"]
    assert model["modelFormat"] == {"name": "tensorflow"}
    compose = read_yaml(project / "deploy/compose.yaml")
    image = compose["services"]["models"]["image"]
    assert image == f"tensorflow/serving:{model['runtimeVersion']}"
    assert (
        project / "saved_models" / model["storageUri"].split("/")[-1]
    ).is_dir()
    with pytest.raises(AssertionError, match="is no field"):
        model["runtimeVersions"] = "2"
        check_fields(service, "V1beta1InferenceService")
