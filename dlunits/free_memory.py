"""Free memory of the machine or the container."""

import pathlib

import psutil

CGROUP = pathlib.Path("/sys/fs/cgroup")  # control group, version 2
GIB = 2**30


def free_memory(cgroup: pathlib.Path = CGROUP) -> int:
    """Free memory, in bytes, that this process can still allocate.

    Args:
        cgroup: Folder of the control group of a container. Its limit is used
            if it leaves less memory than the machine has.

    Returns:
        Number of bytes.

    Example:

    >>> free_memory() > 0
    True
    """
    free = psutil.virtual_memory().available
    try:
        limit = int((cgroup / "memory.max").read_text())
        used = int((cgroup / "memory.current").read_text())
    except (OSError, ValueError):  # not a container, or "max": no limit
        return free
    return min(free, limit - used)
