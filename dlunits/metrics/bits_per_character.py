"""How many bits a character costs that a model has predicted."""

import math

import keras


@keras.saving.register_keras_serializable(package="dlunits")
class BitsPerCharacter(keras.metrics.SparseCategoricalCrossentropy):
    """The mean cross-entropy of the next character, in bits.

        bits per character = -mean_t log2 p(x_{t+1} | x_1 ... x_t)

    It is what a text costs per character when the model is used to compress
    it. Of a model of bytes or words it is bits a byte or a word.

    Reference: Shannon, 1951, "Prediction and entropy of printed English",
    https://doi.org/10.1002/j.1538-7305.1951.tb01366.x.

    Args:
        name: Text.
        from_logits: Whether predictions are logits; else probabilities.

    Example, one of four characters, all as likely:

    >>> metric = BitsPerCharacter()
    >>> metric.update_state(keras.ops.ones((1, 1)), keras.ops.zeros((1, 1, 4)))
    >>> float(metric.result())
    2.0
    """

    def __init__(
        self, name="bits_per_character", from_logits=True, dtype=None, **kwargs
    ):
        super().__init__(
            name=name, from_logits=from_logits, dtype=dtype, **kwargs
        )

    def result(self):
        return super().result() / math.log(2)
