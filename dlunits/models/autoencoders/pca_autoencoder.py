"""Principal component analysis as an autoencoder."""

import math

import numpy as np

from dlunits.models.autoencoders.dense_autoencoder import dense_autoencoder


def pca_autoencoder(x, latent_dim, name="pca"):
    """Builds the linear autoencoder of least squared error, without training.

    Use it as the baseline of every other one: no linear code of its size
    reconstructs `x` better.

        z = V (x - m)        encoder
        r = V^T z + m        decoder

    `m` is the mean of `x`, the rows of `V` are its first principal components
    (scikit-learn's `PCA`), orthonormal, the largest variance first.

    Reference: Baldi and Hornik, 1989, "Neural networks and principal component
    analysis", https://doi.org/10.1016/0893-6080(89)90014-2.

    Args:
        x: Array `(num_examples, ...)`.
        latent_dim: Positive integer, components, at most the number of
            examples and of values of each.
        name: Name of the model.

    Returns:
        `dlunits.models.Autoencoder`.

    Raises:
        ValueError: If `latent_dim` is out of range.

    Example, points on a line through (1, 1) in the direction (3, 4):

    >>> x = np.array([[1.0, 1.0], [4.0, 5.0], [7.0, 9.0]])
    >>> model = pca_autoencoder(x, latent_dim=1)
    >>> np.abs(model.encode(x)).round(3)[:, 0].tolist()  # 5 steps apart
    [5.0, 0.0, 5.0]
    >>> model.reconstruct(x).round(3).tolist() == x.tolist()
    True
    """
    from sklearn.decomposition import PCA

    x = np.asarray(x, "float32")
    rows = x.reshape(len(x), -1)
    if not 1 <= latent_dim <= min(rows.shape):
        raise ValueError(
            f"`latent_dim` must be from 1 to {min(rows.shape)}, the smaller of "
            f"{len(x)} examples and {math.prod(x.shape[1:])} values of each. "
            f"Received: {latent_dim=}"
        )
    # The covariance's eigenvectors: exact, and quick where rows are many.
    pca = PCA(latent_dim, svd_solver="covariance_eigh")
    pca.fit(rows.astype("float64"))
    model = dense_autoencoder(x.shape[1:], latent_dim, name=name)
    model.encoder.set_weights(
        [pca.components_.T, -pca.mean_ @ pca.components_.T]
    )
    model.decoder.set_weights([pca.components_, pca.mean_])
    return model
