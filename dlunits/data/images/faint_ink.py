"""Detection of faint ink on a page with a low contrast."""

import numpy as np

from dlunits.typing import Array

# Contrasts, fractions of the brightness of the paper.
MIN_CONTRAST = 0.15  # below it, a page is blank unless its ink is clear
MIN_FAINT_CONTRAST = 0.05  # of clear ink
MIN_CONTRAST_TO_NOISE = 10.0
MIN_SHARPNESS = 0.6  # of the contrast, within `EDGE_WIDTH` pixels
MAX_UNEVENNESS = 0.5  # of the contrast
EDGE_WIDTH = 4
# E |x - mean of 4 neighbors| of normal x has the median sqrt(1.25) / 1.4826.
NOISE_FACTOR = 1.4826 / np.sqrt(1.25)


def is_clear(gray: Array, contrast: float) -> bool:
    """Whether faint ink stands out from the noise and shadows of a page.

    The grain of paper is equally strong everywhere; shadows are large, and most
    of them have soft edges. Ink is clear if its contrast is at least 0.05, and

        contrast >= 10 noise,   noise = 1.33 median |x - mean of 4 neighbors|
        edge >= 0.6 contrast,   edge  = max |s(i + 4) - s(i)|
        q(0.8) - q(0.2) <= 0.5 contrast

    where x is the brightness of a pixel as a fraction of that of the paper (on
    a dark board, of its distance from white), s the mean of x over 3x3 pixels,
    i the row or column of a pixel, and q(p) the p-quantile of x over the page.

    Args:
        gray: Brightness of the page, `(height, width)`, floats from 0 to 1.
        contrast: Contrast of the ink, a fraction of the brightness of the
            paper, see `dlunits.data.images.handwriting.ExtractedDigits`.

    Returns:
        Boolean.

    Example:

    A line, and a shadow over half of the page.

    >>> line, shadow = np.full((2, 60, 60), 0.9)
    >>> line[:, 10:15], shadow[:, 30:] = 0.8, 0.8
    >>> is_clear(line, 0.1), is_clear(shadow, 0.1)
    (True, False)
    """
    if contrast < MIN_FAINT_CONTRAST or min(gray.shape) <= EDGE_WIDTH + 2:
        return False
    paper = float(np.median(gray))
    gray = gray / max(paper, 1 - paper)  # light paper, or a dark board
    neighbors = gray[:-2, 1:-1] + gray[2:, 1:-1]
    neighbors = neighbors + gray[1:-1, :-2] + gray[1:-1, 2:]
    noise = NOISE_FACTOR * np.median(np.abs(gray[1:-1, 1:-1] - neighbors / 4))
    rows = gray[:-2] + gray[1:-1] + gray[2:]
    smooth = (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / 9
    edge = max(
        np.abs(smooth[EDGE_WIDTH:] - smooth[:-EDGE_WIDTH]).max(),
        np.abs(smooth[:, EDGE_WIDTH:] - smooth[:, :-EDGE_WIDTH]).max(),
    )
    low, high = np.quantile(gray, (0.2, 0.8))
    return bool(
        contrast >= MIN_CONTRAST_TO_NOISE * noise
        and edge >= MIN_SHARPNESS * contrast
        and high - low <= MAX_UNEVENNESS * contrast
    )
