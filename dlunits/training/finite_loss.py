"""Callback that raises an error if a loss or weight is NaN or infinite."""

import math
from typing import Any

import keras
import numpy as np


class FiniteLoss(keras.callbacks.Callback):
    """Raises an error if a loss or weight is NaN or infinite.

    It checks the losses after every step and the weights after every epoch.
    Place it before a callback that saves checkpoints, so that no checkpoint
    with NaN is saved. `keras.callbacks.TerminateOnNaN` waits for the device
    after every step, and ends `fit` without an error; this callback reads the
    losses asynchronously.

    Raises:
        ValueError: On the first value that is not finite, with its epoch and
            step.

    Example:

    >>> callback = FiniteLoss()
    >>> callback.on_epoch_begin(2)
    >>> callback.on_train_batch_end(9, {"loss": float("nan")})
    Traceback (most recent call last):
    ...
    ValueError: loss is nan at step 10 of epoch 3: reduce the learning rate, \
and check for NaN in the data and for KLSparsity on units outside [0, 1].
    """

    # Keras may run the batch hook in parallel with the next step.
    async_safe = True

    def on_epoch_begin(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self.epoch = epoch + 1

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        check_losses(logs or {}, f"step {batch + 1} of epoch {self.epoch}")

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        time = f"the end of epoch {self.epoch}"
        check_losses(logs or {}, time)
        for weight in self.model.weights:
            values = keras.ops.convert_to_numpy(weight)
            largest = np.max(np.abs(values), initial=0)
            check_finite(f"Weight {weight.path}", float(largest), time)


def check_losses(logs: dict[str, Any], time: str) -> None:
    """Checks the values whose names end in "loss"."""
    for name, value in logs.items():
        if name.endswith("loss"):
            check_finite(name, value, time)


def check_finite(name: str, value: float, time: str) -> None:
    """Raises a `ValueError` if a value is NaN or infinite."""
    if not math.isfinite(value):
        raise ValueError(
            f"{name} is {value} at {time}: reduce the learning rate, and "
            "check for NaN in the data and for KLSparsity on units outside "
            "[0, 1]."
        )
