"""The best that a linear filter can do: what a denoiser must beat."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class LinearFilter:
    """A matrix and a shift that turn noisy images into cleaner ones.

        x' = clip((y - noisy_mean) matrix + clean_mean, 0, 1)

    `y` is a noisy image as a row of all its pixels. It is called with
    images `(batch, height, width, channels)` of the size that it was fitted
    on, and returns the same shape.

    Args:
        matrix: Array `(pixels, pixels)`.
        noisy_mean: Array `(pixels,)`.
        clean_mean: Array `(pixels,)`.
    """

    matrix: np.ndarray
    noisy_mean: np.ndarray
    clean_mean: np.ndarray

    def __call__(self, noisy):
        rows = as_rows(noisy) - self.noisy_mean
        clean = np.clip(rows @ self.matrix + self.clean_mean, 0, 1)
        return clean.reshape(np.shape(noisy)).astype("float32")


def fit_linear_filter(pairs, ridge=1e-5):
    """Fits the linear filter of the least squared error.

    Every pixel of the result may look at every pixel of the noisy image,
    which makes it the Wiener filter without its assumption that images look
    alike everywhere. With covariances over the pairs of noisy `y` and clean
    `x`:

        matrix = (cov(y, y) + ridge I)^-1 cov(y, x)

    Where images are few, pass over them with fresh noise several times.

    Reference: Wiener, 1949, "Extrapolation, interpolation, and smoothing of
    stationary time series"; Kay, 1993, "Fundamentals of statistical signal
    processing: estimation theory", section 12.5.

    Args:
        pairs: Iterable of mini-batches (noisy, clean), each `(batch, height,
            width, channels)` in [0, 1]. It is passed over once.
        ridge: Positive number, the variance that is added to each pixel, which
            keeps pixels that never change from being divided by 0.

    Returns:
        `LinearFilter`.

    Raises:
        ValueError: If there are no pairs, a value is not finite, or `ridge`
            is not positive.

    Example, a pixel of variance 1/4 in noise of variance 1/12, so 3/4 of
    the noisy pixel's difference from its mean is signal:

    >>> clean = np.array([0.0, 1.0] * 4).reshape(8, 1, 1, 1)
    >>> noise = np.repeat([-1, -1, 1, 1], 2).reshape(8, 1, 1, 1) / 12**0.5
    >>> fitted = fit_linear_filter([(clean + noise, clean)])
    >>> round(float(fitted.matrix[0, 0]), 3)
    0.75
    """
    if not ridge > 0:
        raise ValueError(f"`ridge` must be positive. Received: {ridge=}")
    count, moments = 0, None
    for noisy, clean in pairs:
        noisy, clean = as_rows(noisy), as_rows(clean)
        sums = [
            noisy.sum(axis=0),
            clean.sum(axis=0),
            noisy.T @ noisy,
            noisy.T @ clean,
        ]
        count += len(noisy)
        moments = sums if moments is None else list(map(np.add, moments, sums))
    if not count:
        raise ValueError("At least one pair of images is needed.")
    noisy_mean, clean_mean, noisy_square, product = (
        moment.astype("float64") / count for moment in moments
    )
    if not np.isfinite(noisy_square).all() or not np.isfinite(product).all():
        raise ValueError("Every pixel must be a finite number.")
    of_noisy = noisy_square - np.outer(noisy_mean, noisy_mean)
    with_clean = product - np.outer(noisy_mean, clean_mean)
    matrix = np.linalg.solve(
        of_noisy + ridge * np.eye(len(of_noisy)), with_clean
    )
    return LinearFilter(matrix, noisy_mean, clean_mean)


def as_rows(images):
    """(batch, height, width, channels) -> (batch, pixels), float32"""
    images = np.asarray(images, "float32")
    return images.reshape(len(images), -1)
