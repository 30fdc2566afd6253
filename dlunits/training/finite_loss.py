"""A loss that is no longer a number ends the run."""

import math

import keras
import numpy as np


class FiniteLoss(keras.callbacks.Callback):
    """Stops with an error as soon as a loss is NaN or infinite.

    `keras.callbacks.TerminateOnNaN` makes Keras wait for the device after
    every step, and then ends as if all were well. This callback reads the
    losses beside the training thread, and at the end of an epoch looks at the
    weights too, so that no checkpoint made after it holds a NaN.

    Raises:
        ValueError: On the first loss or weight that is not finite, with the
            epoch, the step and what to try.

    Example:

    >>> callback = FiniteLoss()
    >>> callback.on_epoch_begin(2)
    >>> callback.on_train_batch_end(9, {"loss": float("nan")})
    Traceback (most recent call last):
    ...
    ValueError: loss is nan at step 10 of epoch 3: try a smaller learning \
rate, or look for NaN in the data, or for units outside [0, 1] that KLSparsity \
penalises.
    """

    # Tells Keras that the batch hook may run beside the next step.
    async_safe = True

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch + 1

    def on_train_batch_end(self, batch, logs=None):
        check_losses(logs, f"step {batch + 1} of epoch {self.epoch}")

    def on_epoch_end(self, epoch, logs=None):
        moment = f"the end of epoch {self.epoch}"
        check_losses(logs, moment)
        for weight in self.model.weights:
            values = keras.ops.convert_to_numpy(weight)
            largest = np.max(np.abs(values), initial=0)
            check_finite(f"Weight {weight.path}", float(largest), moment)


def check_losses(logs, moment):
    for name, value in logs.items():
        if name.endswith("loss"):
            check_finite(name, value, moment)


def check_finite(name, value, moment):
    if not math.isfinite(value):
        raise ValueError(
            f"{name} is {value} at {moment}: try a smaller learning rate, or "
            "look for NaN in the data, or for units outside [0, 1] that "
            "KLSparsity penalises."
        )
