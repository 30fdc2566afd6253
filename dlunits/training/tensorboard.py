"""Scalar summaries for TensorBoard. Loads TensorFlow on the first write."""

import pathlib
from typing import Any

from dlunits.typing import Path


class SummaryWriter:
    """Writes epoch metrics as TensorBoard summaries, without `tensorboard`.

    `keras.callbacks.TensorBoard` needs the `tensorboard` package to write, and
    buffers up to ten events, which are lost if the run is killed. This writer
    flushes every epoch; `tensorboard` is needed only to display the curves:
    `tensorboard --logdir FOLDER`.

    Args:
        folder: Folder of the event files: training metrics in `train/`,
            metrics whose names start with `val_` in `validation/`, under the
            names of Keras' callback (`epoch_loss`, ...).

    Example:

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     SummaryWriter(folder).write(1, {"loss": 0.5, "val_loss": 0.6})
    ...     sorted(path.name for path in pathlib.Path(folder).iterdir())
    ['train', 'validation']
    """

    def __init__(self, folder: Path) -> None:
        self.folder = pathlib.Path(folder)
        self.writers: dict[str, Any] = {}

    def write(self, epoch: int, metrics: dict[str, float]) -> None:
        """Adds one point to the curve of each metric.

        Args:
            epoch: Integer, step of the summary.
            metrics: Dict of metric name to value.
        """
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


def scalar_metadata() -> Any:
    """Metadata by which TensorBoard's scalars plugin recognizes a summary."""
    import tensorflow as tf

    return tf.compat.v1.SummaryMetadata(
        plugin_data={"plugin_name": "scalars"},
        data_class="DATA_CLASS_SCALAR",
    )
