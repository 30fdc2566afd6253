"""Cluster: number and address of the processes of a job."""

import dataclasses
import os
import re
from collections.abc import Mapping

# Environment variables of Keras, of JAX and Kubeflow's Trainer, of Kubeflow's
# JAXJob, and of Kubernetes' Indexed Job, which every Job of a JobSet is. The
# first one that is set is used.
COORDINATOR = ("KERAS_DISTRIBUTION_JOB_ADDRESSES", "JAX_COORDINATOR_ADDRESS")
NUM_PROCESSES = (
    "KERAS_DISTRIBUTION_NUM_PROCESSES",
    "JAX_NUM_PROCESSES",
    "NUM_PROCESSES",
)
PROCESS_ID = (
    "KERAS_DISTRIBUTION_PROCESS_ID",
    "JAX_PROCESS_ID",
    "PROCESS_ID",
    "JOB_COMPLETION_INDEX",
)
SLURM = ("SLURM_JOB_ID", "SLURM_STEP_NODELIST", "SLURM_NTASKS", "SLURM_PROCID")


@dataclasses.dataclass(frozen=True)
class Cluster:
    """Cluster: the processes of a job.

    Args:
        coordinator: `"HOST:PORT"` on which process 0 listens; `None` if there
            is one process.
        num_processes: Number of processes.
        process_id: Number of this process, starting at 0.
        local_device: Number of the GPU of this process on its host; `None` for
            all of them.

    Example, without arguments a single process:

    >>> Cluster().num_processes
    1
    """

    coordinator: str | None = None
    num_processes: int = 1
    process_id: int = 0
    local_device: int | None = None


def find_cluster(
    coordinator: str | None = None,
    num_processes: int | None = None,
    process_id: int | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Cluster:
    """Determines the processes of a job from arguments or the environment.

    Arguments that are `None` are read from the environment variables of
    `keras.distribution`, of JAX and Kubeflow's Trainer, of Kubernetes' Indexed
    Job and JobSet, or of SLURM, in this order.

    Args:
        coordinator: `"HOST:PORT"` of process 0, or `None`.
        num_processes: Number of processes.
        process_id: Number of this process, starting at 0, or `None`.
        environment: Dict of environment variables.

    Returns:
        `Cluster`; a single process if nothing is set.

    Raises:
        ValueError: If one of several values is missing or out of range.

    Example, the second of four tasks of a SLURM job:

    >>> slurm = {
    ...     "SLURM_JOB_ID": "4100",
    ...     "SLURM_STEP_NODELIST": "gpu[07-10]",
    ...     "SLURM_NTASKS": "4",
    ...     "SLURM_PROCID": "1",
    ... }
    >>> find_cluster(environment=slurm)
    Cluster(coordinator='gpu07:61444', num_processes=4, process_id=1, \
local_device=None)
    """
    slurm: dict[str, str] = {}
    if all(name in environment for name in SLURM):
        slurm = {name: environment[name] for name in SLURM}
    if coordinator is None:
        addresses = first_set(environment, COORDINATOR)
        # Keras' variable may list the addresses of all processes.
        coordinator = addresses.split(",")[0] if addresses else None
        if coordinator is None and "COORDINATOR_ADDRESS" in environment:
            host = environment["COORDINATOR_ADDRESS"]
            port = environment.get("COORDINATOR_PORT", "")
            coordinator = f"{host}:{port}" if port else host
        if coordinator is None and slurm:
            coordinator = slurm_coordinator(
                slurm["SLURM_STEP_NODELIST"], slurm["SLURM_JOB_ID"]
            )
    if num_processes is None:
        num_processes = read_count(
            environment, (*NUM_PROCESSES, *(["SLURM_NTASKS"] if slurm else []))
        )
    if process_id is None:
        process_id = read_count(
            environment, (*PROCESS_ID, *(["SLURM_PROCID"] if slurm else []))
        )
    found = (coordinator, num_processes, process_id)
    if all(value is None for value in found) or num_processes == 1:
        return Cluster()
    names = ("--coordinator", "--num_processes", "--process_id")
    missing = [
        name for name, value in zip(names, found, strict=True) if value is None
    ]
    if missing:
        raise ValueError(
            "The address of process 0, the number of processes and the number "
            "of this process must be given together. Missing: "
            f"{', '.join(missing)}, or the environment variables of Keras, "
            "JAX, Kubernetes or SLURM for them"
        )
    assert num_processes is not None and process_id is not None  # noqa: S101
    if not re.fullmatch(r"\S+:\d{1,5}", coordinator or ""):
        raise ValueError(
            "The address of process 0 must be HOST:PORT, such as "
            f"10.0.0.1:1234. Received: {coordinator}"
        )
    if not 0 <= process_id < num_processes:
        raise ValueError(
            "The number of a process must be at least 0 and less than the "
            f"number of processes. Received: {process_id} of {num_processes} "
            "processes"
        )
    local = environment.get("SLURM_LOCALID") if slurm else None
    return Cluster(
        coordinator,
        num_processes,
        process_id,
        None if local is None else int(local),
    )


def first_set(
    environment: Mapping[str, str], names: tuple[str, ...]
) -> str | None:
    """Value of the first variable that is set and not empty."""
    return next((environment[n] for n in names if environment.get(n)), None)


def read_count(
    environment: Mapping[str, str], names: tuple[str, ...]
) -> int | None:
    """Value of the first variable that is set, a whole number."""
    for name in names:
        text = environment.get(name)
        if text:
            if not text.isdecimal():
                raise ValueError(
                    f"The environment variable {name} must be a whole number. "
                    f"Received: {text}"
                )
            return int(text)
    return None


def slurm_coordinator(nodes: str, job: str) -> str:
    """Address of process 0: the first node, and a port derived from the job.

    Args:
        nodes: `SLURM_STEP_NODELIST`: "node1,node2" or "node[001-015],host2".
        job: `SLURM_JOB_ID`. Two jobs on a node have different ports.

    >>> slurm_coordinator("host2,node[1-3]", "0")
    'host2:61440'
    """
    first = re.match(r"([^,\[]+)(?:\[([^,\-\]]+))?", nodes)
    host = "".join(part or "" for part in first.groups()) if first else nodes
    return f"{host}:{61_440 + int(job) % 4096}"
