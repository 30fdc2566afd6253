"""Distributed training on several devices and hosts.

Call `start` before any computation. `current` returns the job of this process,
whose `shard` selects the rows of each batch. `Job.train` trains on all
processes and returns the result on process 0.
"""

from dlunits.training.distribution.cluster import Cluster, find_cluster
from dlunits.training.distribution.job import Job, current, start
from dlunits.training.distribution.watchdog import Watchdog

__all__ = ["Cluster", "Job", "Watchdog", "current", "find_cluster", "start"]
