"""Linear least-squares denoising filter, a baseline for denoisers."""

import dataclasses
from collections.abc import Iterable

import numpy as np

from dlunits.typing import Array, ArrayLike


@dataclasses.dataclass(frozen=True)
class LinearFilter:
    """Linear filter that denoises images.

        x' = clip((y - noisy_mean) matrix + clean_mean, 0, 1)

    `y` is a noisy image, flattened to a row of pixels, and `x'` the estimate of
    the clean image. Call it with images `(batch, height, width, channels)` of
    the size that it was fitted on. It returns images of the same shape.

    Args:
        matrix: Array `(pixels, pixels)`.
        noisy_mean: Array `(pixels,)`, mean noisy image.
        clean_mean: Array `(pixels,)`, mean clean image.

    Example, images of one pixel:

    >>> linear = LinearFilter(np.array([[0.5]]), np.zeros(1), np.array([0.2]))
    >>> clean = linear(np.full((1, 1, 1, 1), 0.8))
    >>> round(float(clean[0, 0, 0, 0]), 3)  # 0.5 * (0.8 - 0) + 0.2
    0.6
    """

    matrix: Array
    noisy_mean: Array
    clean_mean: Array

    def __call__(self, noisy: ArrayLike) -> Array:
        y = flatten_images(noisy) - self.noisy_mean
        clean = np.clip(y @ self.matrix + self.clean_mean, 0, 1)
        return clean.reshape(np.shape(noisy)).astype("float32")


def fit_linear_filter(
    pairs: Iterable[tuple[ArrayLike, ArrayLike]], ridge: float = 1e-5
) -> LinearFilter:
    """Fits the linear filter with the least squared error (LMMSE estimator).

    Each pixel of the output depends on all pixels of the noisy image. It is a
    Wiener filter without the assumption that images are stationary. With the
    covariances over pairs of noisy images `y` and clean images `x`:

        matrix = (cov(y, y) + ridge I)^-1 cov(y, x)

    I is the identity matrix. If there are few images, repeat them with new
    noise.

    References: Wiener, 1949, "Extrapolation, interpolation, and smoothing of
    stationary time series"; Kay, 1993, "Fundamentals of statistical signal
    processing: estimation theory", section 12.5.

    Args:
        pairs: Iterable of batches (noisy, clean), each `(batch, height, width,
            channels)` with values in [0, 1]. It is iterated over once.
        ridge: Positive float, variance that is added to each pixel, so that
            constant pixels do not make the matrix singular.

    Returns:
        `LinearFilter`.

    Raises:
        ValueError: If there are no pairs, if a value is not finite, or if
            `ridge` is not positive.

    Example, a pixel of variance 1/4 with noise of variance 1/12, so that the
    factor is (1/4) / (1/4 + 1/12) = 3/4:

    >>> clean = np.array([0.0, 1.0] * 4).reshape(8, 1, 1, 1)
    >>> noise = np.repeat([-1, -1, 1, 1], 2).reshape(8, 1, 1, 1) / 12**0.5
    >>> linear = fit_linear_filter([(clean + noise, clean)])
    >>> round(float(linear.matrix[0, 0]), 3)
    0.75
    """
    if not ridge > 0:
        raise ValueError(f"`ridge` must be positive. Received: {ridge=}")
    count, sums = 0, None
    for noisy, clean in pairs:
        y, x = flatten_images(noisy), flatten_images(clean)
        batch_sums = [y.sum(axis=0), x.sum(axis=0), y.T @ y, y.T @ x]
        count += len(y)
        sums = (
            batch_sums if sums is None else list(map(np.add, sums, batch_sums))
        )
    if sums is None or not count:
        raise ValueError(
            "`pairs` must contain at least one pair of images. Received: none"
        )
    noisy_mean, clean_mean, mean_yy, mean_yx = (
        total.astype("float64") / count for total in sums
    )
    if not np.isfinite(mean_yy).all() or not np.isfinite(mean_yx).all():
        raise ValueError("All pixels must be finite. Received: NaN or infinity")
    cov_yy = mean_yy - np.outer(noisy_mean, noisy_mean)
    cov_yx = mean_yx - np.outer(noisy_mean, clean_mean)
    matrix = np.linalg.solve(cov_yy + ridge * np.eye(len(cov_yy)), cov_yx)
    return LinearFilter(matrix, noisy_mean, clean_mean)


def flatten_images(images: ArrayLike) -> Array:
    """`(batch, height, width, channels)` -> `(batch, pixels)`, float32."""
    array = np.asarray(images, "float32")
    return array.reshape(len(array), -1)
