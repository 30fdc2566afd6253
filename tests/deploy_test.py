"""Files for servers and clusters: syntax, names and versions."""

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from dlunits.models import TableSchema
from dlunits.serving.model_card import read_card

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


def assert_flags_are_known(project, command):
    """Asserts that an app has the flags of a command `dlunits NAME ...`."""
    program, app, *arguments = command
    assert program == "dlunits"
    known = subprocess.run(
        [sys.executable, project / f"apps/{app}.py", "--helpfull"],
        capture_output=True,
        text=True,
    ).stdout
    for argument in arguments:
        name = re.match(r"--(\w+)=", argument)[1]
        assert re.search(rf"--(\[no\])?{name}:", known), name


def test_the_slurm_job_is_a_script_whose_flags_exist(project):
    path = project / "deploy/train.slurm"
    lines = path.read_text().splitlines()
    assert lines[0] == "#!/bin/bash"
    # SLURM reads no options after the first command.
    commands = [line for line in lines if line and not line.startswith("#")]
    options = [line for line in lines if line.startswith("#SBATCH")]
    assert all(re.fullmatch(r"#SBATCH --[a-z-]+(=\S+)?", o) for o in options)
    assert max(map(lines.index, options)) < lines.index(commands[0])
    if shutil.which("bash"):
        subprocess.run(["bash", "-n", path], check=True)
    text = "\n".join(commands).replace("\\\n", " ")
    [srun] = [line for line in text.splitlines() if line.startswith("srun")]
    words = shlex.split(srun)
    assert "--kill-on-bad-exit=1" in words
    command = words[words.index("dlunits") :]
    assert_flags_are_known(project, command)
    # The batch of all processes is divided equally.
    sizes = dict(
        re.findall(
            r"#SBATCH --(nodes|ntasks-per-node)=(\d+)", "\n".join(options)
        )
    )
    [batch_size] = re.findall(r"--batch_size=(\d+)", srun)
    processes = int(sizes["nodes"]) * int(sizes["ntasks-per-node"])
    assert int(batch_size) % processes == 0


@needs_kserve
def test_the_jobset_starts_as_many_processes_as_the_app_waits_for(project):
    from dlunits.training.distribution.cluster import Cluster, find_cluster

    jobset = read_yaml(project / "deploy/train_jobset.yaml")
    assert jobset["apiVersion"] == "jobset.x-k8s.io/v1alpha2"
    assert jobset["kind"] == "JobSet"
    assert jobset["spec"].keys() == {
        "network",
        "failurePolicy",
        "replicatedJobs",
    }
    [job] = jobset["spec"]["replicatedJobs"]
    assert job.keys() == {"name", "replicas", "template"}
    check_fields(job["template"]["spec"], "V1JobSpec")
    with pytest.raises(AssertionError, match="is not a field of V1Container"):
        check_fields({"containers": [{"images": "x"}]}, "V1PodSpec")
    spec = job["template"]["spec"]
    [container] = spec["template"]["spec"]["containers"]
    assert_flags_are_known(project, container["command"])
    assert spec["completionMode"] == "Indexed"
    assert spec["parallelism"] == spec["completions"]
    environment = {v["name"]: v["value"] for v in container["env"]}
    name = f"{jobset['metadata']['name']}-{job['name']}-0-0"
    [port] = container["ports"]
    last = spec["completions"] - 1
    assert find_cluster(
        environment={**environment, "JOB_COMPLETION_INDEX": str(last)}
    ) == Cluster(
        f"{name}.{jobset['metadata']['name']}:{port['containerPort']}",
        spec["completions"],
        last,
    )


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
        [inner] = re.findall(r"^[Ll]ist\[(.*)\]$", kind)
        for item in value:
            check_fields(item, inner, path)
        return
    cls = getattr(kserve, kind, None) or getattr(
        kubernetes.client, kind.replace("K8sIoApiCoreV1", "V1"), None
    )
    if cls is None or not isinstance(value, dict):
        is_dict = kind.lower().startswith("dict")
        assert not isinstance(value, dict) or is_dict, path
        return
    fields = {key: name for name, key in cls.attribute_map.items()}
    for key, item in value.items():
        assert key in fields, f"{path}.{key} is not a field of {kind}"
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
    with pytest.raises(AssertionError, match="is not a field"):
        model["runtimeVersions"] = "2"
        check_fields(service, "V1beta1InferenceService")


@needs_kserve
def test_the_pods_of_the_scoring_job_have_all_shards(project):
    job = read_yaml(project / "deploy/score_folder_job.yaml")
    check_fields(job, "V1Job")
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")
    spec = job["spec"]
    assert spec["completionMode"] == "Indexed"
    assert spec["parallelism"] <= spec["completions"]
    pod = spec["template"]["spec"]
    assert pod["restartPolicy"] == "Never"  # required for limits per index
    [container] = pod["containers"]
    *_, shard = container["command"]
    assert shard == f"--shard=$(JOB_COMPLETION_INDEX)/{spec['completions']}"
    volumes = {volume["name"] for volume in pod["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    with pytest.raises(AssertionError, match="is not a field"):
        container["comand"] = container.pop("command")
        check_fields(job, "V1Job")


SBATCH_OPTIONS = {
    *("job-name", "array", "ntasks", "cpus-per-task", "mem", "time"),
    *("requeue", "output"),
}


@pytest.mark.skipif(shutil.which("bash") is None, reason="There is no bash.")
def test_the_tasks_of_the_job_array_score_all_files(project, tmp_path):
    script = project / "deploy/score_folder.slurm"
    options = re.findall(r"^#SBATCH --([\w-]+)", script.read_text(), re.M)
    assert "array" in options and set(options) <= SBATCH_OPTIONS
    subprocess.run(["bash", "-n", script], check=True)
    command = tmp_path / "bin/dlunits"
    command.parent.mkdir()
    command.write_text(
        f'#!/bin/sh\nexec {sys.executable} {project}/dlunits_command.py "$@"'
    )
    command.chmod(0o755)
    model = project / "saved_models/anomaly_wdbc/1"
    card = read_card(model, {"columns": dict})
    names = TableSchema.from_config(card["columns"]).numbers
    (tmp_path / "in").mkdir()
    for number in range(3):
        table = pa.table({name: [1.0, 2.0 + number] for name in names})
        pq.write_table(table, tmp_path / f"in/{number}.parquet")
    for index in range(2):
        subprocess.run(
            ["bash", script],
            env={
                **os.environ,
                "PATH": f"{command.parent}:{os.environ['PATH']}",
                "MODEL": str(model),
                "TABLES": str(tmp_path / "in"),
                "SCORED": str(tmp_path / "out"),
                "SLURM_ARRAY_TASK_ID": str(index),
                "SLURM_ARRAY_TASK_COUNT": "2",
                "SLURM_CPUS_PER_TASK": "1",
            },
            check=True,
            timeout=300,
        )
        done = sorted(
            path.name for path in (tmp_path / "out").glob("*.parquet")
        )
        expected = ["0.parquet", "2.parquet"]
        assert done == (
            expected if index == 0 else [f"{n}.parquet" for n in range(3)]
        )
