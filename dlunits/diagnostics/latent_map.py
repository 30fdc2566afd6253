"""Codes as points of a plane."""

import numpy as np

from dlunits.diagnostics.code_statistics import flat


def latent_map(code):
    """Places codes in a plane so that neighbors stay neighbors.

    Codes of two units are their own map. Others are laid out by t-SNE
    (scikit-learn's, perplexity 30, started from the first two principal
    components): what lies close together there has similar codes, but the
    distances between clusters and their sizes mean nothing. The same codes give
    the same map.

    Reference: van der Maaten and Hinton, 2008, "Visualizing Data using t-SNE",
    https://www.jmlr.org/papers/v9/vandermaaten08a.html.

    Args:
        code: Array `(examples, ...)`; a thousand take about
            4 seconds.

    Returns:
        Array `(examples, 2)`.

    Raises:
        ValueError: If there are no codes, or one is not finite.

    Example:

    >>> latent_map([[1.0, 2.0], [3.0, 4.0]]).tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    code = flat(code)
    if code.shape[1] == 2:
        return code
    code = code.astype("float32")
    if code.shape[1] == 1 or len(code) < 4:  # too little to lay out
        return np.pad(code, ((0, 0), (0, 1)))[:, :2]
    if np.ptp(code, axis=0).max() == 0:  # one point: t-SNE fails hard on it
        return np.zeros((len(code), 2))
    layout = TSNE(
        perplexity=min(30, (len(code) - 1) / 3), init="pca", random_state=0
    )
    # On cores that others use too, several threads wait for each other.
    with threadpool_limits(1):
        return layout.fit_transform(code)
