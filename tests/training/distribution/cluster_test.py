"""Processes of a job from the environment variables of launchers."""

import pytest

from dlunits.training.distribution import Cluster, find_cluster

ADDRESS = "10.0.0.1:1234"
SLURM = {
    "SLURM_JOB_ID": "8200",
    "SLURM_STEP_NODELIST": "node[001-015,020],host2",
    "SLURM_NTASKS": "4",
    "SLURM_PROCID": "3",
}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, Cluster()),
        (
            {
                "KERAS_DISTRIBUTION_JOB_ADDRESSES": f"{ADDRESS},10.0.0.2:5",
                "KERAS_DISTRIBUTION_NUM_PROCESSES": "2",
                "KERAS_DISTRIBUTION_PROCESS_ID": "1",
            },
            Cluster(ADDRESS, 2, 1),
        ),
        (  # Kubeflow's Trainer
            {
                "JAX_COORDINATOR_ADDRESS": ADDRESS,
                "JAX_NUM_PROCESSES": "8",
                "JAX_PROCESS_ID": "0",
            },
            Cluster(ADDRESS, 8, 0),
        ),
        (  # Kubeflow's JAXJob
            {
                "COORDINATOR_ADDRESS": "10.0.0.1",
                "COORDINATOR_PORT": "1234",
                "NUM_PROCESSES": "3",
                "PROCESS_ID": "2",
            },
            Cluster(ADDRESS, 3, 2),
        ),
        (  # Kubernetes' Indexed Job and JobSet
            {
                "KERAS_DISTRIBUTION_JOB_ADDRESSES": ADDRESS,
                "KERAS_DISTRIBUTION_NUM_PROCESSES": "64",
                "JOB_COMPLETION_INDEX": "63",
            },
            Cluster(ADDRESS, 64, 63),
        ),
        # 61440 + 8200 % 4096 = 61448, the port that JAX chooses
        (SLURM, Cluster("node001:61448", 4, 3)),
        (
            {**SLURM, "SLURM_STEP_NODELIST": "host2,node[1-3]"},
            Cluster("host2:61448", 4, 3),
        ),
        (
            {**SLURM, "SLURM_LOCALID": "1"},
            Cluster("node001:61448", 4, 3, local_device=1),
        ),
        # A shell in an allocation, which is not a task.
        ({"SLURM_JOB_ID": "8200", "SLURM_NTASKS": "4"}, Cluster()),
        ({**SLURM, "SLURM_NTASKS": "1", "SLURM_PROCID": "0"}, Cluster()),
    ],
)
def test_finds_what_launchers_set(environment, expected):
    assert find_cluster(environment=environment) == expected


def test_arguments_take_precedence_over_the_environment():
    assert find_cluster(ADDRESS, 2, 1, SLURM) == Cluster(ADDRESS, 2, 1)


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        ((ADDRESS,), {}, "Missing: --num_processes, --process_id"),
        ((None, 2, 1), {}, "Missing: --coordinator"),
        ((ADDRESS, 2, 2), {}, "Received: 2 of 2 processes"),
        (("10.0.0.1", 2, 0), {}, "HOST:PORT, such as .*Received: 10.0.0.1"),
        (
            (ADDRESS, 2),
            {"JOB_COMPLETION_INDEX": "x"},
            "JOB_COMPLETION_INDEX must be a whole number. Received: x",
        ),
    ],
)
def test_incomplete_or_wrong_values_are_refused(
    arguments, environment, message
):
    with pytest.raises(ValueError, match=message):
        find_cluster(*arguments, environment=environment)
