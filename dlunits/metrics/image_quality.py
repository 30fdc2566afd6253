"""How close images come to others, in decibels and in structure."""

import numpy as np

# The most that is told apart, dB: a tenth of a gray level of 8 bits is 68.
MOST = 100.0


def image_quality(images, clean, batch_size=1000):
    """Measures each image against the one that it should be.

        PSNR = 10 log10(1 / mean (x' - x)^2)

    SSIM compares mean, variance and correlation in windows of 11x11 under a
    Gaussian of 1.5 pixels; it is 1 for equal images.

    Reference: Wang et al., 2004, "Image quality assessment: from error
    visibility to structural similarity",
    https://doi.org/10.1109/TIP.2003.819861.

    Args:
        images: Array `(num_images, height, width, channels)` in [0, 1], at
            least 11 pixels high and wide.
        clean: Array of the same shape.
        batch_size: Integer, images at a time.

    Returns:
        Dict of arrays `(num_images,)`: `psnr` in dB, at most 100, which
        equal images get instead of infinity, and `ssim`.

    Raises:
        ValueError: If the shapes differ.

    Example, everywhere a tenth beside it, and 10 log10(100) = 20:

    >>> clean = np.full((1, 16, 16, 1), 0.5, "float32")
    >>> quality = image_quality(clean + 0.1, clean)
    >>> round(float(quality["psnr"][0]), 3)
    20.0
    """
    import tensorflow as tf

    if np.shape(images) != np.shape(clean):
        raise ValueError(
            "Images and clean images must have the same shape. Received: "
            f"{np.shape(images)} and {np.shape(clean)}"
        )
    measures = {"psnr": tf.image.psnr, "ssim": tf.image.ssim}
    values = {name: [] for name in measures}
    for start in range(0, len(clean), batch_size):
        pair = [
            tf.constant(x[start : start + batch_size], tf.float32)
            for x in (images, clean)
        ]
        for name, measure in measures.items():
            values[name].append(measure(*pair, max_val=1.0).numpy())
    values = {name: np.concatenate(parts) for name, parts in values.items()}
    return {**values, "psnr": np.minimum(values["psnr"], MOST)}


def mean_image_quality(results, clean):
    """Means of `image_quality` over the images of each result.

    Args:
        results: Dict of name to images, as `image_quality` takes them.
        clean: The images that each of them should be.

    Returns:
        Dict of name to a dict of `psnr` and `ssim`, rounded to four digits.

    Example:

    >>> clean = np.full((3, 16, 16, 1), 0.5, "float32")
    >>> results = {"same": clean, "lighter": clean + 0.1}
    >>> mean_image_quality(results, clean)["same"]
    {'psnr': 100.0, 'ssim': 1.0}
    """
    return {
        name: {
            measure: round(float(values.mean()), 4)
            for measure, values in image_quality(images, clean).items()
        }
        for name, images in results.items()
    }
