"""Two-dimensional t-SNE map of codes."""

import numpy as np

from dlunits.diagnostics.code_statistics import flatten_code
from dlunits.typing import Array, ArrayLike


def latent_map(code: ArrayLike) -> Array:
    """Two-dimensional t-SNE embedding of codes.

    Codes of two units are returned unchanged. Others are embedded by the t-SNE
    of scikit-learn, with a perplexity of 30 and an initialization by the first
    two principal components. Points that are close together have similar codes.
    Sizes of clusters, and distances between them, have no meaning. The result
    is deterministic.

    Reference: van der Maaten and Hinton, 2008, "Visualizing data using t-SNE",
    https://www.jmlr.org/papers/v9/vandermaaten08a.html.

    Args:
        code: Array `(examples, ...)`. A thousand codes take about 4 seconds.

    Returns:
        Array `(examples, 2)`.

    Raises:
        ValueError: If there are no codes, or if a code is not finite.

    Example:

    >>> latent_map([[1.0, 2.0], [3.0, 4.0]]).tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    h = flatten_code(code)
    if h.shape[1] == 2:
        return h
    h = h.astype("float32")
    if h.shape[1] == 1 or len(h) < 4:  # too few units or examples for t-SNE
        return np.pad(h, ((0, 0), (0, 1)))[:, :2]
    if np.ptp(h, axis=0).max() == 0:  # t-SNE fails on equal points
        return np.zeros((len(h), 2))
    tsne = TSNE(
        perplexity=min(30, (len(h) - 1) / 3), init="pca", random_state=0
    )
    # On busy cores, several threads wait for each other.
    with threadpool_limits(1):
        return tsne.fit_transform(h)
