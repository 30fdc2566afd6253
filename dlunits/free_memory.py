"""Memory that this process can still take, also in a container."""

import pathlib

import psutil

CGROUP = pathlib.Path("/sys/fs/cgroup")  # of a container, version 2
GIB = 2**30


def free_memory(cgroup: pathlib.Path = CGROUP) -> int:
    """Number of bytes that this process can still take.

    Args:
        cgroup: Folder of the control group of a container, whose limit counts
            if it is smaller than the memory of the machine.

    Returns:
        Integer.

    Example:

    >>> free_memory() > 0
    True
    """
    free = psutil.virtual_memory().available
    try:
        limit = int((cgroup / "memory.max").read_text())
        used = int((cgroup / "memory.current").read_text())
    except (OSError, ValueError):  # no container, or "max": no limit
        return free
    return min(free, limit - used)
