"""Image quality: PSNR and SSIM against reference images."""

from collections.abc import Mapping

import numpy as np

from dlunits.typing import Array, ArrayLike

# Limit in dB. A difference of 0.1 of 255 gray levels in all pixels is 68 dB.
MAX_PSNR = 100.0


def image_quality(
    images: ArrayLike, reference: ArrayLike, batch_size: int = 1000
) -> dict[str, Array]:
    """Peak signal-to-noise ratio (PSNR) and SSIM of each image.

        PSNR = min(100, 10 log10(1 / mean of (image - reference)^2))  in dB

    SSIM, the structural similarity, compares mean, variance and correlation in
    Gaussian windows of 11x11 pixels with a standard deviation of 1.5 pixels.
    It is 1 for equal images.

    Reference: Wang et al., 2004, "Image quality assessment: from error
    visibility to structural similarity",
    https://doi.org/10.1109/TIP.2003.819861.

    Args:
        images: Array `(images, height, width, channels)`, values in [0, 1],
            height and width of at least 11 pixels.
        reference: Array of the same shape.
        batch_size: Integer, number of images to process at a time.

    Returns:
        Dict of arrays `(images,)`: `psnr` in dB, at most 100, and `ssim`.

    Raises:
        ValueError: If the shapes differ.

    Example, where all pixels differ by 0.1, 10 log10(100) = 20:

    >>> reference = np.full((1, 16, 16, 1), 0.5, "float32")
    >>> quality = image_quality(reference + 0.1, reference)
    >>> round(float(quality["psnr"][0]), 3)
    20.0
    """
    import tensorflow as tf

    images, reference = np.asarray(images), np.asarray(reference)
    if images.shape != reference.shape:
        raise ValueError(
            "Images and reference images must have the same shape. Received: "
            f"{images.shape} and {reference.shape}"
        )
    metrics = {"psnr": tf.image.psnr, "ssim": tf.image.ssim}
    values: dict[str, list[Array]] = {name: [] for name in metrics}
    for start in range(0, len(reference), batch_size):
        batch = [
            tf.constant(x[start : start + batch_size], tf.float32)
            for x in (images, reference)
        ]
        for name, metric in metrics.items():
            values[name].append(metric(*batch, max_val=1.0).numpy())
    quality = {name: np.concatenate(parts) for name, parts in values.items()}
    return {**quality, "psnr": np.minimum(quality["psnr"], MAX_PSNR)}


def mean_image_quality(
    results: Mapping[str, ArrayLike], reference: ArrayLike
) -> dict[str, dict[str, float]]:
    """Mean PSNR and SSIM of several results.

    Args:
        results: Dict of name to images, as in `image_quality`.
        reference: Reference images of each of them.

    Returns:
        Dict of name to a dict of `psnr` and `ssim`, rounded to four decimals.

    Example:

    >>> reference = np.full((3, 16, 16, 1), 0.5, "float32")
    >>> results = {"same": reference, "brighter": reference + 0.1}
    >>> mean_image_quality(results, reference)["same"]
    {'psnr': 100.0, 'ssim': 1.0}
    """
    return {
        name: {
            metric: round(float(values.mean()), 4)
            for metric, values in image_quality(images, reference).items()
        }
        for name, images in results.items()
    }
