"""Scalar summaries for TensorBoard. Loads TensorFlow on the first write."""

import pathlib


class SummaryWriter:
    """Writes one point a metric and epoch where TensorBoard finds it.

    `keras.callbacks.TensorBoard` needs the `tensorboard` package even to
    write, and keeps up to ten events in memory, which a killed run loses.
    Here every epoch is on the disk before the next one starts, and
    `tensorboard` is needed only to look: `tensorboard --logdir FOLDER`.

    Args:
        folder: Where the event files go: training metrics under `train/`,
            those whose names start with `val_` under `validation/`, with the
            names Keras' callback gives them (`epoch_loss`, ...).

    Example:

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     SummaryWriter(folder).write(1, {"loss": 0.5, "val_loss": 0.6})
    ...     sorted(path.name for path in pathlib.Path(folder).iterdir())
    ['train', 'validation']
    """

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.writers = {}

    def write(self, epoch, metrics):
        """Adds a point to each curve; `epoch` is the abscissa."""
        import tensorflow as tf

        for name, value in metrics.items():
            part = "validation" if name.startswith("val_") else "train"
            if part not in self.writers:
                self.writers[part] = tf.summary.create_file_writer(
                    str(self.folder / part)
                )
            with self.writers[part].as_default():
                tf.summary.write(
                    f"epoch_{name.removeprefix('val_')}",
                    tf.constant(value, tf.float32),
                    step=epoch,
                    metadata=scalar_metadata(),
                )
        for writer in self.writers.values():
            writer.flush()


def scalar_metadata():
    """Tells TensorBoard's scalars page that a point is for it."""
    import tensorflow as tf

    return tf.compat.v1.SummaryMetadata(
        plugin_data={"plugin_name": "scalars"},
        data_class="DATA_CLASS_SCALAR",
    )
