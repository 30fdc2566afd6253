"""Memory check before training."""

from dlunits.free_memory import GIB, free_memory

# A weight, its gradient, and its two moving averages of Adam, in float32.
BYTES_PER_WEIGHT = 16
NUM_GATES = {"rnn": 1, "lstm": 4, "gru": 3}


def check_memory(num_weights: int) -> None:
    """Checks that the weights of a network fit in the free memory.

    Adam needs 16 bytes for each weight: the weight, its gradient and two
    moving averages. Activations are not counted, so some networks that pass
    this check do not fit in memory either.

    Args:
        num_weights: Number of trainable weights.

    Raises:
        ValueError: If the weights do not fit.

    Example: 10 million weights take 0.15 GiB, 10^15 take 14.9 million GiB.

    >>> check_memory(10**7)
    >>> check_memory(10**15)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: The network is too large: training its 1,000,000,000,000,000 \
weights takes 14,901,161.2 GiB of memory, and ... GiB are free. ...
    """
    needed = BYTES_PER_WEIGHT * num_weights
    free = free_memory()
    if needed > free:
        raise ValueError(
            f"The network is too large: training its {num_weights:,} weights "
            f"takes {needed / GIB:,.1f} GiB of memory, and {free / GIB:,.1f} "
            "GiB are free. Use fewer units or layers."
        )


def recurrent_weights(cell: str, units: int, num_layers: int = 1) -> int:
    """Number of weights of recurrent layers: `2 gates units**2` of each.

    Each gate has a matrix for the inputs and one for the state. Biases are not
    counted, and the inputs of the first layer are assumed to be `units`.

    Args:
        cell: `"rnn"`, `"lstm"` or `"gru"`.
        units: Integer, units of each layer.
        num_layers: Integer, number of recurrent layers.

    Returns:
        Integer.

    Example:

    >>> recurrent_weights("lstm", units=10, num_layers=2)
    1600
    """
    return 2 * NUM_GATES[cell] * units**2 * num_layers
