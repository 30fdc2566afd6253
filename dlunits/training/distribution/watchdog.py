"""Watchdog timer that ends a process without progress."""

import threading
import time
from collections.abc import Callable
from typing import Any

import keras


class Watchdog(keras.callbacks.Callback):
    """Watchdog timer: callback that ends the process if no step ends in time.

    Processes that train together wait for each other in every step. If one of
    them is stopped, or its network is lost, the others wait forever, without an
    error. A thread of this callback checks the time since the last step, also
    while the main thread waits in the backend.

    Args:
        seconds: Number of seconds without a step after which `stop` is called.
            The first step includes the compilation.
        stop: Function that takes a message and ends the process.

    Example:

    >>> messages = []
    >>> watchdog = Watchdog(0.1, messages.append)
    >>> watchdog.begin("nothing happened for {seconds:g} s")
    >>> time.sleep(0.3)
    >>> messages
    ['nothing happened for 0.1 s']
    """

    # Keras may run the batch hooks in parallel with the next step.
    async_safe = True

    def __init__(self, seconds: float, stop: Callable[[str], Any]) -> None:
        super().__init__()
        self.seconds = seconds
        self.stop = stop
        self.ended = threading.Event()
        self.last = time.monotonic()

    def begin(self, message: str) -> None:
        """Starts the timer.

        Args:
            message: Text for `stop`; `{seconds}` is replaced.
        """
        self.ended = threading.Event()
        self.last = time.monotonic()
        threading.Thread(
            target=self.watch,
            args=(self.ended, message.format(seconds=self.seconds)),
            daemon=True,
        ).start()

    def end(self) -> None:
        """Stops the timer."""
        self.ended.set()

    def watch(self, ended: threading.Event, message: str) -> None:
        """Calls `stop` when the time is over; runs in its own thread."""
        while not ended.wait(self.last + self.seconds - time.monotonic()):
            if time.monotonic() >= self.last + self.seconds:
                self.stop(message)
                return

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.begin(
            "no step ended for {seconds:g} s: a process of the job is lost or "
            "stuck, or a step takes longer (--watchdog); start all processes "
            "again with the same command to resume from the last checkpoint"
        )

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self.end()

    def note_progress(
        self, index: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Restarts the timer."""
        self.last = time.monotonic()

    on_epoch_begin = on_epoch_end = note_progress
    on_train_batch_end = on_test_batch_end = note_progress
