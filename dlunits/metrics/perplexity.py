"""Among how many tokens a model is undecided."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="dlunits")
class Perplexity(keras.metrics.SparseCategoricalCrossentropy):
    """The number of equally likely tokens that would be as hard to predict.

        perplexity = exp(-mean_t ln p(x_{t+1} | x_1 ... x_t))

    Reference: Jelinek et al., 1977, "Perplexity: a measure of the difficulty
    of speech recognition tasks", https://doi.org/10.1121/1.2016299.

    Args:
        name: Text.
        from_logits: Whether predictions are logits; else probabilities.

    Example, one of four tokens, all as likely:

    >>> metric = Perplexity()
    >>> metric.update_state(keras.ops.ones((1, 1)), keras.ops.zeros((1, 1, 4)))
    >>> round(float(metric.result()), 4)
    4.0
    """

    def __init__(
        self, name="perplexity", from_logits=True, dtype=None, **kwargs
    ):
        super().__init__(
            name=name, from_logits=from_logits, dtype=dtype, **kwargs
        )

    def result(self):
        return ops.exp(super().result())
