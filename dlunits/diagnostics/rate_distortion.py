"""How many bits the code of an image needs, and what it then looks like."""

import math

import numpy as np

from dlunits.diagnostics.code_statistics import flat

# Steps of the quantizer, as parts of the code's standard deviation.
STEPS = tuple(2.0 ** (-exponent / 2) for exponent in range(-3, 7))

# How much worse than without quantization an image may become: 0.1 dB.
TOLERATED = 0.1


def rate_distortion(decode, table_code, code, images, steps=STEPS):
    """Quantises codes finely and coarsely; counts bits and errors.

    Every unit of the code is rounded to a multiple of one step,

        q = round(h / step),    reconstruction = decode(step * q)

    and what an ideal entropy coder needs for the integers `q` is counted, see
    `code_length`. The steps are parts of the code's spread, the root of the
    mean variance of its units over the table's codes. The distortion is

        PSNR = 10 log10(1 / MSE),  MSE over all pixels of all images

    so for images in [0, 1]. No figure here contains the decoder's weights,
    which sender and receiver both have, nor the table.

    Args:
        decode: Function from codes to images, such as that of an
            `Autoencoder`.
        table_code: Array `(examples, ...)`, codes of training images, from
            which the coder's table of probabilities is made.
        code: Array `(images, ...)`, codes of the images.
        images: Array `(images, ...)`, values in [0, 1].
        steps: Positive numbers, parts of the code's spread.

    Returns:
        A list of dicts, one a step, and a last one for the code as it is:
        `step` (a part of the spread; 0 for the last), `bits_per_pixel`
        (`None` for the last) and `psnr` in dB.

    Raises:
        ValueError: If a step is not positive, or a code is not finite.

    Example, an image of one pixel that is its own code, spread 0.25:

    >>> code = np.array([[0.0], [0.5]])
    >>> coarse, exact = rate_distortion(
    ...     lambda code: code, code, code, code, steps=[1])
    >>> round(coarse["bits_per_pixel"], 4)  # -log2(2 / 5): q is 0, 1 or 2
    1.3219
    >>> coarse["psnr"], exact["psnr"]
    (inf, inf)
    """
    spread = math.sqrt(flat(table_code).var(axis=0).mean()) or 1.0
    pixels = math.prod(np.shape(images)[1:])
    points = []
    for step in steps:
        quantized, bits = code_length(table_code, code, step * spread)
        points.append(
            {
                "step": step,
                "bits_per_pixel": bits / pixels,
                "psnr": psnr(images, decode(quantized)),
            }
        )
    exact = psnr(images, decode(np.asarray(code, "float32")))
    return [*points, {"step": 0, "bits_per_pixel": None, "psnr": exact}]


def coarsest_step(points, tolerated=TOLERATED):
    """Chooses the coarsest step whose images are nearly as good.

    Choose on validation images, and read the figures off at that step on
    test images.

    Args:
        points: What `rate_distortion` returned.
        tolerated: Number, the PSNR in dB that quantization may cost.

    Returns:
        A step of the points, the finest if all cost more.

    Example:

    >>> points = [{"step": 1, "psnr": 18}, {"step": 0.5, "psnr": 19.95}]
    >>> coarsest_step([*points, {"step": 0, "psnr": 20}])
    0.5
    """
    *quantized, exact = points
    good = [p for p in quantized if exact["psnr"] - p["psnr"] <= tolerated]
    if not good:
        return min(p["step"] for p in quantized)
    return max(p["step"] for p in good)


def code_length(table_code, code, step):
    """Rounds codes to multiples of a step and counts the bits they need.

    Each unit j has a table of the integers that it takes in the table's codes,

        p_j(q) = (n_j(q) + 1) / sum of (n_j(k) + 1), k from smallest to largest

    and an entropy coder with that table needs

        bits = sum over units j of -log2 p_j(q_j)

    Integers beyond the ends of the table are moved to its ends, in the count
    and in what is decoded, so nothing is coded that could not be sent.

    Args:
        table_code: Array `(examples, ...)`, codes that make the table.
        code: Array `(examples, ...)`, codes to quantize.
        step: Positive number.

    Returns:
        `(quantized, bits)`: float32 array shaped as `code`, and the mean
        number of bits a code.

    Raises:
        ValueError: If `step` is not positive, or a code is not finite.

    Example:

    >>> quantized, bits = code_length([[0.0], [0.1], [0.9]], [[1.2]], step=1)
    >>> quantized.tolist(), round(bits, 4)  # p(1) = 2 / 5: -log2(0.4)
    ([[1.0]], 1.3219)
    """
    if not step > 0:
        raise ValueError(f"`step` must be positive. Received: {step=}")
    seen = np.round(flat(table_code) / step).astype("int64")
    levels = np.round(flat(code) / step).astype("int64")
    lowest, highest = seen.min(axis=0), seen.max(axis=0)
    levels = levels.clip(lowest, highest)
    bits = 0.0
    for unit in range(seen.shape[1]):
        counts = 1 + np.bincount(seen[:, unit] - lowest[unit])
        probabilities = counts / counts.sum()
        used = probabilities[levels[:, unit] - lowest[unit]]
        bits -= np.log2(used).mean()
    quantized = (step * levels).astype("float32").reshape(np.shape(code))
    return quantized, float(bits)


def psnr(images, others):
    """Peak signal-to-noise ratio in dB of images in [0, 1].

    >>> round(psnr(np.zeros((1, 4)), np.full((1, 4), 0.1)), 6)  # MSE 0.01
    20.0
    """
    difference = np.asarray(images, "float64") - np.asarray(others, "float64")
    error = float((difference**2).mean())
    return 10 * math.log10(1 / error) if error else math.inf
