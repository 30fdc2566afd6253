"""Principal component analysis as an autoencoder."""

import math

import numpy as np

from dlunits.models.autoencoders.autoencoder import Autoencoder
from dlunits.models.autoencoders.dense_autoencoder import dense_autoencoder
from dlunits.typing import ArrayLike


def pca_autoencoder(
    x: ArrayLike, latent_dim: int, name: str = "pca"
) -> Autoencoder:
    """Builds a PCA autoencoder, the linear one with the least squared error.

    Use it as the baseline for other autoencoders: no linear code of the same
    size has a smaller squared error on `x`. It needs no training.

        z = V (x - m)        encoder
        r = V^T z + m        decoder

    z is the code, r the reconstruction and m the mean of `x`. The rows of V are
    the first principal components of `x` (`sklearn.decomposition.PCA`),
    orthonormal, by decreasing variance.

    Reference: Baldi and Hornik, 1989, "Neural networks and principal component
    analysis", https://doi.org/10.1016/0893-6080(89)90014-2.

    Args:
        x: Array `(num_examples, ...)`.
        latent_dim: Positive integer, number of components, at most the
            number of examples and of values per example.
        name: Name of the model.

    Returns:
        `dlunits.models.Autoencoder`.

    Raises:
        ValueError: If `latent_dim` is out of range.

    Example, points on a line through (1, 1) in the direction (3, 4):

    >>> x = np.array([[1.0, 1.0], [4.0, 5.0], [7.0, 9.0]])
    >>> model = pca_autoencoder(x, latent_dim=1)
    >>> np.abs(model.encode(x)).round(3)[:, 0].tolist()  # sqrt(3^2 + 4^2) = 5
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
            f"{len(x)} examples and {math.prod(x.shape[1:])} values each. "
            f"Received: {latent_dim=}"
        )
    # Eigenvectors of the covariance: exact, and fast for many rows.
    pca = PCA(latent_dim, svd_solver="covariance_eigh")
    pca.fit(rows.astype("float64"))
    model = dense_autoencoder(x.shape[1:], latent_dim, name=name)
    model.encoder.set_weights(
        [pca.components_.T, -pca.mean_ @ pca.components_.T]
    )
    model.decoder.set_weights([pca.components_, pca.mean_])
    return model
