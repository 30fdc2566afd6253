"""Rate-distortion curve of a quantized code."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from dlunits.diagnostics.code_statistics import flatten_code
from dlunits.typing import Array, ArrayLike

# Step sizes of the quantizer, in standard deviations of the code.
STEPS = tuple(2.0 ** (-exponent / 2) for exponent in range(-3, 7))

# Loss of PSNR by quantization that `coarsest_step` allows, in dB.
MAX_PSNR_LOSS = 0.1


def rate_distortion(
    decode: Callable[[Array], ArrayLike],
    table_code: ArrayLike,
    code: ArrayLike,
    images: ArrayLike,
    steps: Iterable[float] = STEPS,
) -> list[dict[str, Any]]:
    """Rate-distortion curve: bits per pixel and PSNR of quantized codes.

    Each unit h of the code is rounded to a multiple of the step size,

        q = round(h / step),    reconstruction = decode(step * q)

    and the bits that an ideal entropy coder needs for the integers `q` are
    counted, see `code_length`. Step sizes are given in standard deviations of
    the code, the square root of the mean variance of its units over
    `table_code`. The distortion is

        PSNR = 10 log10(1 / MSE),  MSE over all pixels of all images

    for images in [0, 1]. The sizes of the decoder and of the coding tables are
    not counted: sender and receiver both have them.

    Args:
        decode: Function that maps codes to images, such as that of an
            `Autoencoder`.
        table_code: Array `(training examples, ...)`, codes of training images,
            for the coding tables.
        code: Array `(images, ...)`, codes of the images.
        images: Array `(images, ...)`, values in [0, 1].
        steps: Iterable of positive floats, step sizes in standard deviations
            of the code.

    Returns:
        List of dicts, one for each step size and a last one without
        quantization: `step` (in standard deviations; 0 for the last),
        `bits_per_pixel` (`None` for the last) and `psnr` in dB.

    Raises:
        ValueError: If a step size is not positive, or if a code is not finite.

    Example, images of one pixel that are their own codes:

    >>> code = np.array([[0.0], [0.5]])  # standard deviation 0.25
    >>> quantized, exact = rate_distortion(
    ...     lambda code: code, code, code, code, steps=[1]
    ... )
    >>> round(quantized["bits_per_pixel"], 4)  # -log2(2 / 5): q is 0, 1 or 2
    1.3219
    >>> quantized["psnr"], exact["psnr"]
    (inf, inf)
    """
    std = math.sqrt(flatten_code(table_code).var(axis=0).mean()) or 1.0
    num_pixels = math.prod(np.shape(images)[1:])
    points = []
    for step in steps:
        quantized, bits = code_length(table_code, code, step * std)
        points.append(
            {
                "step": step,
                "bits_per_pixel": bits / num_pixels,
                "psnr": psnr(images, decode(quantized)),
            }
        )
    exact = psnr(images, decode(np.asarray(code, "float32")))
    return [*points, {"step": 0, "bits_per_pixel": None, "psnr": exact}]


def coarsest_step(
    points: Sequence[Mapping[str, Any]], max_psnr_loss: float = MAX_PSNR_LOSS
) -> float:
    """Coarsest quantization step within an allowed loss of PSNR.

    Choose the step size on validation images, and report the result at that
    step size on test images.

    Args:
        points: Result of `rate_distortion`.
        max_psnr_loss: Float, allowed loss of PSNR by quantization in dB.

    Returns:
        A step size of the points; the finest one if the loss of all is larger.

    Example:

    >>> points = [{"step": 1, "psnr": 18}, {"step": 0.5, "psnr": 19.95}]
    >>> coarsest_step([*points, {"step": 0, "psnr": 20}])
    0.5
    """
    *quantized, exact = points
    good = [p for p in quantized if exact["psnr"] - p["psnr"] <= max_psnr_loss]
    if not good:
        return min(p["step"] for p in quantized)
    return max(p["step"] for p in good)


def code_length(
    table_code: ArrayLike, code: ArrayLike, step: float
) -> tuple[Array, float]:
    """Quantizes codes and computes their length with an ideal entropy coder.

    The coding table of unit j holds smoothed frequencies of the integers in
    `table_code`,

        p_j(q) = (n_j(q) + 1) / sum of (n_j(k) + 1), k from smallest to largest

    with the counts n_j, and an ideal entropy coder with that table needs

        bits = sum over units j of -log2 p_j(q_j)

    Integers outside a table are replaced by its nearest end, in the count and
    in the quantized code.

    Args:
        table_code: Array `(training examples, ...)`, codes for the tables.
        code: Array `(examples, ...)`, codes to quantize.
        step: Positive float, step size in units of the code.

    Returns:
        `(quantized, bits)`: float32 array of the shape of `code`, and the mean
        number of bits per code.

    Raises:
        ValueError: If `step` is not positive, or if a code is not finite.

    Example:

    >>> quantized, bits = code_length([[0.0], [0.1], [0.9]], [[1.2]], step=1)
    >>> quantized.tolist(), round(bits, 4)  # p(1) = 2 / 5: -log2(0.4)
    ([[1.0]], 1.3219)
    """
    if not step > 0:
        raise ValueError(f"`step` must be positive. Received: {step=}")
    table_q = np.round(flatten_code(table_code) / step).astype("int64")
    q = np.round(flatten_code(code) / step).astype("int64")
    lowest, highest = table_q.min(axis=0), table_q.max(axis=0)
    q = q.clip(lowest, highest)
    bits = 0.0
    for unit in range(table_q.shape[1]):
        counts = 1 + np.bincount(table_q[:, unit] - lowest[unit])
        probabilities = counts / counts.sum()
        p = probabilities[q[:, unit] - lowest[unit]]
        bits -= np.log2(p).mean()
    quantized = (step * q).astype("float32").reshape(np.shape(code))
    return quantized, float(bits)


def psnr(images: ArrayLike, reference: ArrayLike) -> float:
    """Peak signal-to-noise ratio of all images together, in dB.

        PSNR = 10 log10(1 / mean of (image - reference)^2)

    Args:
        images: Array, values in [0, 1].
        reference: Array of the same shape.

    Returns:
        Float, infinite for equal images.

    >>> round(psnr(np.zeros((1, 4)), np.full((1, 4), 0.1)), 6)  # MSE 0.01
    20.0
    """
    difference = np.asarray(images, "float64") - np.asarray(
        reference, "float64"
    )
    error = float((difference**2).mean())
    return 10 * math.log10(1 / error) if error else math.inf
