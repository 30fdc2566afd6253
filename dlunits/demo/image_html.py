"""HTML of rows of small images with captions."""

import base64
import html
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from dlunits.typing import Array

# Colors of the smallest, the middle and the largest value.
DIVERGING = np.array([[33, 102, 172], [247, 247, 247], [178, 24, 43]])


def image_row(
    images: Array | Sequence[Array], captions: Sequence[str], size: int = 56
) -> str:
    """HTML of a row of images, which wraps on narrow pages.

    Args:
        images: Images `(height, width)` or `(height, width, 1)` in [0, 1], or
            `(height, width, 3)`, uint8.
        captions: Caption of each image, which is also its alternative text.
        size: Width of an image on the page, in pixels.

    Returns:
        HTML, with escaped captions.

    Example:

    >>> row = image_row([np.zeros((2, 2))], ["<input>"])
    >>> "&lt;input&gt;" in row, "data:image/png;base64," in row
    (True, True)
    """
    figures = "".join(
        f'<figure><img src="{data_address(image)}" alt="{caption}" '
        f'width="{size}"><figcaption>{caption}</figcaption></figure>'
        for image, caption in zip(
            images, map(html.escape, captions), strict=True
        )
    )
    return f'<div class="image-row">{figures}</div>'


def data_address(image: Array) -> str:
    """Data URL of an image as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(as_bytes(image)).save(file, "png")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def as_bytes(image: Array) -> Array:
    """Converts a gray image to uint8.

    Args:
        image: `(height, width)` or `(height, width, 1)`, floats in [0, 1]; or
            uint8, which is not changed.

    Returns:
        uint8 `(height, width)`.

    Example:

    >>> as_bytes(np.array([[[0.0], [1.0]]])).tolist()
    [[0, 255]]
    """
    image = np.asarray(image)
    if image.dtype == np.uint8:
        return image
    if image.ndim == 3:
        image = image[..., 0]
    return np.rint(255 * np.clip(image, 0, 1)).astype("uint8")


def signed_colors(values: Array) -> Array:
    """Diverging colors of signed values: blue below 0, white at 0, red above.

    Args:
        values: Array `(height, width)`.

    Returns:
        Array `(height, width, 3)`, uint8. The strongest color is that of the
        largest absolute value.

    Example:

    >>> signed_colors(np.array([[-2.0, 0.0, 2.0]])).tolist()
    [[[33, 102, 172], [247, 247, 247], [178, 24, 43]]]
    """
    limit = np.abs(values).max() or 1.0
    position = values / limit + 1  # 0 ... 2
    lower = np.clip(np.floor(position).astype(int), 0, 1)
    weight = (position - lower)[..., None]
    colors = (1 - weight) * DIVERGING[lower] + weight * DIVERGING[lower + 1]
    return np.rint(colors).astype("uint8")
