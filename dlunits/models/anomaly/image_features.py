"""Features of images for anomaly detection, without training."""

import keras
from keras import layers

from dlunits.layers import HistogramOfOrientedGradients


def image_features(
    input_shape: tuple[int, int, int], num_columns: int = 128, seed: int = 0
) -> keras.Model:
    """Builds a model that maps images to features robust to small shifts.

    Use it before `AnomalyDetector`. Histograms of gradients alone have columns
    that are constant in blank corners, and so have a large weight if they
    change. A random projection approximately preserves all distances, and its
    columns have about the same spread.

        features = Q' x,  x = flatten(HistogramOfOrientedGradients(image)),
        Q a random matrix with orthogonal columns

    Reference: Johnson and Lindenstrauss, 1984, "Extensions of Lipschitz
    mappings into a Hilbert space", https://doi.org/10.1090/conm/026/737400.

    Args:
        input_shape: `(height, width, channels)`.
        num_columns: Number of features, at most the length of `x`.
        seed: Seed of the projection.

    Returns:
        Keras model from `(batch, height, width, channels)`, float32 in [0, 1],
        to `(batch, num_columns)`. No weight is trainable.

    Example, 7 x 7 cells of 8 orientations are 392 numbers:

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
