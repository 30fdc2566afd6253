"""Distributed training job of one or several processes."""

import contextlib
import ctypes
import dataclasses
import os
import pathlib
import signal
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import keras
import numpy as np

from dlunits.data.shard import WHOLE, Shard
from dlunits.training.distribution.cluster import Cluster
from dlunits.training.distribution.watchdog import Watchdog

Result = TypeVar("Result")

# Parts of the error messages of JAX and its collectives for a lost process.
LOST_PROCESS = ("Gloo", "NCCL", "nccl", "UNAVAILABLE", "coordination service")

ONE_PROCESS = Cluster()

LOST = (
    "another process of the job was lost; start all processes again with the "
    "same command to resume from the last checkpoint"
)

LOOPBACK = ("127.", "localhost", "[::1]")


@dataclasses.dataclass(frozen=True)
class Job:
    """Distributed training job: devices and processes that train a model.

    Args:
        distribution: `"none"`, `"mirrored"` or `"data_parallel"`, see `start`.
        cluster: `Cluster`, the processes of the job and the number of this one.
        shard: `dlunits.data.shard.Shard`, the rows of each mini-batch that this
            process trains on.
        num_devices: Number of devices that a mini-batch is divided among, or
            was before `leave`.
        strategy: `tf.distribute.MirroredStrategy`, or `None`.
        watchdog: `Watchdog`, callback that ends the process if no step ends in
            time, or `None`.

    Example:

    >>> Job().train(lambda: "trained")
    'trained'
    """

    distribution: str = "none"
    cluster: Cluster = ONE_PROCESS
    shard: Shard = WHOLE
    num_devices: int = 1
    strategy: Any = None
    watchdog: Watchdog | None = None

    @property
    def is_first(self) -> bool:
        """Whether this process writes files: the only one, or process 0."""
        return self.cluster.process_id == 0

    @property
    def callbacks(self) -> list[keras.callbacks.Callback]:
        """Callbacks to pass to `fit`."""
        return [self.watchdog] if self.watchdog else []

    def train(self, function: Callable[[], Result]) -> Result:
        """Trains on all devices, and returns the result of one device.

        Args:
            function: Function without arguments that builds and trains models,
                each in a `RunDirectory`. It is called by `train_together`, and
                again on one device, where the runs are already finished.

        Returns:
            The result of the second call.
        """
        self.train_together(function)
        return function()

    def train_together(self, function: Callable[[], Any]) -> None:
        """Trains on all devices, then continues on one.

        All processes call `function`. After that, all processes but the first
        exit with status 0. The first continues without a distribution, so that
        the same function builds models with the trained weights, which can be
        evaluated and exported on one device. With the distribution `"none"`,
        this method does nothing.

        Args:
            function: Function without arguments that builds and trains models,
                each in a `RunDirectory`.

        Raises:
            ConnectionError: If another process of the job was lost.
        """
        if self.distribution == "none":
            return
        try:
            with self.strategy.scope() if self.strategy else NO_SCOPE:
                function()
            self.leave()
        except Exception as error:
            if self.cluster.num_processes > 1 and is_lost_process(error):
                raise ConnectionError(
                    f"{LOST} ({first_line(error)})"
                ) from error
            raise

    def leave(self) -> None:
        """Ends the distribution; ends the process unless it is the first."""
        global _current
        if self.cluster.num_processes > 1:
            import jax
            from jax.experimental import multihost_utils

            multihost_utils.sync_global_devices("trained")
            if not self.is_first:
                # JAX's own shutdown aborts if process 0 exits first.
                sys.stdout.flush()
                os._exit(0)
            jax.distributed.shutdown()
        _current = Job(num_devices=self.num_devices)
        keras.distribution.set_distribution(None)
        keras.utils.clear_session()  # layers get the same names again

    def broadcast(self, content: bytes | None) -> bytes | None:
        """Broadcasts bytes from the first process to all processes.

        Args:
            content: Bytes on the first process; not used on the others.

        Returns:
            The bytes of the first process.
        """
        if self.cluster.num_processes == 1:
            return content
        from jax.experimental.multihost_utils import broadcast_one_to_all

        # Two numbers, since JAX integers have 32 bits.
        size = divmod(len(content or b""), 1 << 20)
        chunks, rest = broadcast_one_to_all(np.array(size, "int32"))
        if not chunks and not rest:
            return None
        array = np.zeros((int(chunks) << 20) + int(rest), "uint8")
        if self.is_first:
            array[:] = np.frombuffer(content or b"", "uint8")
        return broadcast_one_to_all(array).tobytes()


NO_SCOPE: Any = contextlib.nullcontext()

_current = Job()


def current() -> Job:
    """Returns the job of this process.

    Returns:
        The `Job` that `start` returned; before `start`, a job of one process
        with one device.

    Example:

    >>> current().num_devices
    1
    """
    return _current


def start(
    distribution: str,
    cluster: Cluster,
    *,
    watchdog: float,
    stop: Callable[[str], Any],
) -> Job:
    """Starts a distributed training job, before any computation.

    - `"none"`: one device.
    - `"mirrored"`: all GPUs of this host, on the TensorFlow backend, with
      `tf.distribute.MirroredStrategy`. Without GPUs, its logical CPUs.
    - `"data_parallel"`: all devices of all processes, on the JAX backend, with
      `keras.distribution.DataParallel`.

    The batch size is the global one: each device gets its part of every
    mini-batch. The weights are those of a training in one process, up to the
    rounding of sums.

    Args:
        distribution: One of the above.
        cluster: Processes of the job.
        watchdog: Number of seconds after which `stop` is called if no step
            ends, or, at the start, if the other processes do not connect.
        stop: Function that takes a message and ends the process immediately.

    Returns:
        The `Job`, which `current` returns from now on.

    Raises:
        ValueError: If the backend does not support the distribution.

    Example, a single device:

    >>> job = start("none", Cluster(), watchdog=300, stop=sys.exit)
    >>> job.distribution, job.num_devices
    ('none', 1)
    """
    global _current
    backend = keras.backend.backend()
    needed = {"mirrored": "tensorflow", "data_parallel": "jax"}
    if backend != needed.get(distribution, backend):
        raise ValueError(
            f"The distribution {distribution!r} needs the backend "
            f"{needed[distribution]}: set KERAS_BACKEND={needed[distribution]}."
            f" Received: KERAS_BACKEND={backend}"
        )
    if distribution == "mirrored":
        strategy = mirrored_strategy()
        num_devices = strategy.num_replicas_in_sync
        _current = Job(
            "mirrored",
            shard=Shard(num_devices=num_devices),
            num_devices=num_devices,
            strategy=strategy,
        )
    elif distribution == "data_parallel":
        _current = data_parallel(cluster, Watchdog(watchdog, stop))
    return _current


def mirrored_strategy() -> Any:
    """Returns a `MirroredStrategy` of all GPUs, or of all logical CPUs."""
    import tensorflow as tf

    devices = tf.config.list_logical_devices("GPU")
    if not devices:
        devices = tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def data_parallel(cluster: Cluster, watchdog: Watchdog) -> Job:
    """Connects the processes and distributes batches over all devices."""
    import jax

    if cluster.num_processes > 1:
        watchdog.begin(
            f"process {cluster.process_id} of {cluster.num_processes} did not "
            f"find the others at {cluster.coordinator} within {{seconds:g}} s "
            "(--watchdog): start all processes, with the same address"
        )
        connect(cluster, watchdog.seconds)
        watchdog.end()
        call_on_abort(lambda: watchdog.stop(LOST))
        if jax.default_backend() == "cpu":
            lower_network_threads()
    keras.distribution.set_distribution(
        keras.distribution.DataParallel(auto_shard_dataset=False)
    )
    return Job(
        "data_parallel",
        cluster,
        Shard(
            cluster.process_id,
            cluster.num_processes,
            jax.local_device_count(),
        ),
        num_devices=jax.device_count(),
        watchdog=watchdog if cluster.num_processes > 1 else None,
    )


def connect(cluster: Cluster, seconds: float) -> None:
    """Starts the distributed runtime of JAX.

    Its timeouts end the process with a C++ stack trace, and so does the end of
    another process unless "recoverability" is on. All timeouts are longer than
    that of the watchdog.
    """
    import jax

    address = cluster.coordinator or ""
    host = address.rsplit(":", 1)[0]
    # The proxies in the environment do not apply to addresses within a job.
    os.environ.setdefault("no_grpc_proxy", host)
    jax.config.update("jax_check_proxy_envs", False)
    jax.config.update("jax_enable_recoverability", True)
    # The preemption service would catch SIGTERM.
    jax.config.update("jax_enable_preemption_service", False)
    local = cluster.local_device
    jax.distributed.initialize(
        coordinator_address=address,
        num_processes=cluster.num_processes,
        process_id=cluster.process_id,
        local_device_ids=None if local is None else [local],
        cluster_detection_method="deactivate",
        initialization_timeout=int(2 * seconds) + 60,
        heartbeat_timeout_seconds=int(2 * seconds) + 60,
        shutdown_timeout_seconds=int(seconds) + 1,
        # By default it listens on all interfaces, for the other hosts.
        coordinator_bind_address=(
            address if host.startswith(LOOPBACK) else None
        ),
    )


def lower_network_threads() -> None:
    """Lowers the priority of the network threads of this process.

    On CPUs, the thread of Gloo is busy from the time when another process has
    sent its part of a sum until this process has computed its own. With one
    core per process, the computation would have only half of the core during
    that time.
    """
    from jax.experimental import multihost_utils

    multihost_utils.sync_global_devices("started")  # starts the thread
    for thread in pathlib.Path("/proc/self/task").glob("*"):
        with contextlib.suppress(OSError):  # not on Linux, or it has ended
            if "poll" in (thread / "wchan").read_text():
                os.setpriority(os.PRIO_PROCESS, int(thread.name), 19)


def call_on_abort(function: Callable[[], Any]) -> None:
    """Sets a function to call when C++ code aborts the process.

    JAX aborts all other processes when process 0 is lost. Handlers of Python's
    `signal` would run later, in the main thread, which waits in the backend.

    Args:
        function: Function without arguments that ends the process.
    """

    def handle(signal_number: int) -> None:
        function()

    # This reference keeps the handler from being garbage-collected.
    call_on_abort.handler = ctypes.CFUNCTYPE(None, ctypes.c_int)(handle)  # type: ignore[attr-defined]
    ctypes.CDLL(None).signal(signal.SIGABRT, call_on_abort.handler)  # type: ignore[attr-defined]


def is_lost_process(error: Exception) -> bool:
    """Whether an error of JAX means that another process is lost."""
    text = str(error)
    return any(words in text for words in LOST_PROCESS)


def first_line(error: Exception) -> str:
    """First line of a message, at most 200 characters."""
    return (str(error).strip().splitlines() or [""])[0][:200]
