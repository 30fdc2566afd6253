"""Images as rows of a table, without any training."""

import keras
from keras import layers

from dlunits.layers import HistogramOfOrientedGradients


def image_features(input_shape, num_columns=128, seed=0):
    """Builds what describes an image by numbers that move little when it does.

    Use it before `AnomalyDetector`, for which blank corners would be columns
    that hardly ever change and so mean much when they do. A random projection
    nearly keeps all distances, and its columns have about the same spread.

        image -> HistogramOfOrientedGradients -> flat -> Q' x,  Q orthogonal,
        random

    Reference: Johnson and Lindenstrauss, 1984, "Extensions of Lipschitz
    mappings into a Hilbert space", https://doi.org/10.1090/conm/026/737400.

    Args:
        input_shape: `(height, width, channels)`.
        num_columns: Positive integer. There are no more than numbers that
            describe the image.
        seed: Integer, decides the projection.

    Returns:
        Keras model from `(batch, height, width, channels)`, float32 in [0, 1],
        to `(batch, num_columns)`. It has nothing to train.

    Example, 7 x 7 cells of 8 directions are 392 numbers:

    >>> image_features((28, 28, 1)).count_params()  # 392 * 128
    50176
    """
    inputs = keras.Input(input_shape)
    x = layers.Flatten()(HistogramOfOrientedGradients()(inputs))
    x = layers.Dense(
        min(num_columns, x.shape[-1]),
        use_bias=False,
        kernel_initializer=keras.initializers.Orthogonal(seed=seed),
        trainable=False,
    )(x)
    return keras.Model(inputs, x, name="image_features")
