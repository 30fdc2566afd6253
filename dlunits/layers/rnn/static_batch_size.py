"""Static batch size of the tensors of a mini-batch."""

from typing import Any

import keras

from dlunits.typing import Tensor


def with_static_batch_size(batch: Any) -> Any:
    """Sets the static batch size of all tensors to that of one of them.

    In a graph of TensorFlow, the batch size of sequences from a
    `tf.data.Dataset` is often unknown, while states that are variables have a
    static one. A loop needs states whose shapes do not change. Sizes that are
    unknown are checked when the graph runs. On other backends and in eager
    mode all sizes are known.

    Args:
        batch: Nested structure of tensors `(batch, ...)` and `None`.

    Returns:
        Structure like `batch`.

    Raises:
        ValueError: If two tensors have different static sizes.

    Example:

    >>> import tensorflow as tf
    >>> @tf.function(input_signature=[tf.TensorSpec((None, 5))])
    ... def both(x):
    ...     x, states = with_static_batch_size((x, tf.zeros((2, 3))))
    ...     return x, states
    >>> both.get_concrete_function().output_shapes[0]
    TensorShape([2, 5])
    """
    tensors = [x for x in keras.tree.flatten(batch) if x is not None]
    sizes = {x.shape[0] for x in tensors}
    known = sizes - {None}
    if len(known) > 1:
        raise ValueError(
            "Sequences, initial states and mask must have the same batch "
            f"size. Received: shapes {[tuple(x.shape) for x in tensors]}"
        )
    if len(sizes) == 1:
        return batch
    [size] = known
    import tensorflow as tf

    def with_size(x: Tensor | None) -> Tensor | None:
        if x is None or x.shape[0] is not None:
            return x
        return tf.ensure_shape(x, (size, *x.shape[1:]))

    return keras.tree.map_structure(with_size, batch)
