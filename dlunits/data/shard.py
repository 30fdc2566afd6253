"""Data parallelism: the part of a mini-batch that a process trains on."""

import dataclasses
from typing import Any

from dlunits.typing import Tensor


@dataclasses.dataclass(frozen=True)
class Shard:
    """Rows of a mini-batch that one of several processes trains on.

    Process k of n, counted from 0, has these rows of every batch:

        k * batch_size / n, ..., (k + 1) * batch_size / n - 1

    All processes draw the same order of examples and the same random numbers as
    a single process. Together, their rows are the batch of a single process.

    Args:
        index: Number of this process, from 0.
        count: Number of processes.
        num_devices: Number of devices of each process; its rows are divided
            among them.

    Example:

    >>> Shard(index=1, count=2).rows(batch_size=6)
    (3, 6)
    """

    index: int = 0
    count: int = 1
    num_devices: int = 1

    def rows(self, batch_size: int) -> tuple[int, int]:
        """First row of this process, and last row plus 1.

        Args:
            batch_size: Rows of the batch of all processes.

        Returns:
            `(first, last)`.

        Raises:
            ValueError: If the rows cannot be divided equally.
        """
        parts = self.count * self.num_devices
        if batch_size % parts:
            raise ValueError(
                "The batch size must be a multiple of the number of devices "
                f"that share a batch. Received: {batch_size} for {parts} "
                f"devices; choose {batch_size // parts * parts or parts} or "
                f"{(batch_size // parts + 1) * parts}"
            )
        size = batch_size // self.count
        return self.index * size, (self.index + 1) * size

    def part(self, batch: Tensor, axis: int = 0) -> Tensor:
        """Selects the rows of this process.

        Args:
            batch: Tensor with the rows of all processes.
            axis: Axis of the rows.

        Returns:
            Tensor with the rows of this process.

        Example:

        >>> import numpy as np
        >>> Shard(index=1, count=2).part(np.arange(4)).tolist()
        [2, 3]
        """
        if self.count == 1:
            return batch
        size = batch.shape[axis]
        if size is None:
            import tensorflow as tf

            size = tf.shape(batch)[axis]
        first = self.index * size // self.count
        last = (self.index + 1) * size // self.count
        rows: list[Any] = [slice(None)] * axis
        return batch[(*rows, slice(first, last))]


# All rows, for one process.
WHOLE = Shard()
