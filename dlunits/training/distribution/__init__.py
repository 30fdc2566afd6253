"""Training on several devices and hosts, with the means of the backend.

`start` begins it, before any computation; `current` is the job of this
process, which training asks for its part of a batch; `Job.train` trains on all
processes and goes on with the result on one.
"""

from dlunits.training.distribution.cluster import Cluster, find_cluster
from dlunits.training.distribution.job import Job, current, start
from dlunits.training.distribution.watchdog import Watchdog

__all__ = ["Cluster", "Job", "Watchdog", "current", "find_cluster", "start"]
