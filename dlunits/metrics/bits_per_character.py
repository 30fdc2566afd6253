"""Bits per character of a language model."""

import math
from typing import Any

import keras

from dlunits.typing import Tensor


@keras.saving.register_keras_serializable(package="dlunits")
class BitsPerCharacter(keras.metrics.SparseCategoricalCrossentropy):
    """Bits per character: cross-entropy of the next character, in bits.

        bits per character = -mean_t log2 p(x_{t+1} | x_1 ... x_t)

    x_t is the character at position t and p its probability by the model. It is
    the size per character of a text that is compressed with the model and an
    ideal entropy coder. For a model of bytes or words it is bits per byte or
    per word.

    Reference: Shannon, 1951, "Prediction and entropy of printed English",
    https://doi.org/10.1002/j.1538-7305.1951.tb01366.x.

    Args:
        name: String, name of the metric.
        from_logits: Whether predictions are logits, not probabilities.
        dtype: Data type of the metric, `None` for Keras' default.
        **kwargs: Arguments of `keras.metrics.SparseCategoricalCrossentropy`.

    Example, a uniform prediction over four characters:

    >>> metric = BitsPerCharacter()
    >>> metric.update_state(keras.ops.ones((1, 1)), keras.ops.zeros((1, 1, 4)))
    >>> float(metric.result())  # log2(4)
    2.0
    """

    def __init__(
        self,
        name: str = "bits_per_character",
        from_logits: bool = True,
        dtype: Any = None,
        **kwargs: Any,
    ):
        super().__init__(
            name=name, from_logits=from_logits, dtype=dtype, **kwargs
        )

    def result(self) -> Tensor:
        """Returns the mean over all characters since the last reset."""
        return super().result() / math.log(2)
