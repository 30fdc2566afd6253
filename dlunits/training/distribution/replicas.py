"""Devices of `tf.distribute.MirroredStrategy`, within a training step."""

from typing import Any

import keras


def replica_context() -> Any:
    """Replica context of a device in a step of a mirrored strategy.

    Returns:
        `tf.distribute.ReplicaContext`, or `None` on one device, on another
        backend or outside of a step.

    Example:

    >>> replica_context() is None
    True
    """
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    if tf.distribute.get_strategy().num_replicas_in_sync == 1:
        return None
    return tf.distribute.get_replica_context()
