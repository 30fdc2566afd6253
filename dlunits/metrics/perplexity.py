"""Perplexity of a language model."""

from typing import Any

import keras
from keras import ops

from dlunits.typing import Tensor


@keras.saving.register_keras_serializable(package="dlunits")
class Perplexity(keras.metrics.SparseCategoricalCrossentropy):
    """Perplexity: exponential of the cross-entropy of the next token.

        perplexity = exp(-mean_t ln p(x_{t+1} | x_1 ... x_t))

    x_t is the token at position t and p its probability by the model. A
    perplexity of k is that of a uniform prediction over k tokens.

    Reference: Jelinek et al., 1977, "Perplexity: a measure of the difficulty
    of speech recognition tasks", https://doi.org/10.1121/1.2016299.

    Args:
        name: String, name of the metric.
        from_logits: Whether predictions are logits, not probabilities.
        dtype: Data type of the metric, `None` for Keras' default.
        **kwargs: Arguments of `keras.metrics.SparseCategoricalCrossentropy`.

    Example, a uniform prediction over four tokens:

    >>> metric = Perplexity()
    >>> metric.update_state(keras.ops.ones((1, 1)), keras.ops.zeros((1, 1, 4)))
    >>> round(float(metric.result()), 4)
    4.0
    """

    def __init__(
        self,
        name: str = "perplexity",
        from_logits: bool = True,
        dtype: Any = None,
        **kwargs: Any,
    ):
        super().__init__(
            name=name, from_logits=from_logits, dtype=dtype, **kwargs
        )

    def result(self) -> Tensor:
        """Returns the perplexity of all tokens since the last reset."""
        return ops.exp(super().result())
