"""Synthetic photos of handwritten digits on paper, for tests and benchmarks.

The center line of the strokes is extracted from a small image of a digit and
drawn with another pen width, size and position, on paper with uneven light.
"""

import numpy as np
from scipy import ndimage


def photograph(
    digit,
    rng,
    *,
    page=(240, 240),
    height=120,
    pen=0.1,
    center=(0.5, 0.5),
    paper=0.85,
    ink=0.15,
    gradient=0.0,
    shadow=0.0,
    texture=0.0,
    specks=0,
    blur=0.0,
):
    """Renders a gray photo `(rows, columns)`, uint8, of a digit.

    Args:
        digit: Small image of the digit, `(rows, columns)`, foreground 1.
        rng: `np.random.Generator` of all random properties.
        page: Rows and columns of the photo, pixels.
        height: Height of the digit, pixels.
        pen: Width of the stroke, as a fraction of the height of the digit, or
            `None` to enlarge the digit with its own strokes.
        center: Center of the digit, as fractions of the sides of the page.
        paper: Brightness of the paper in [0, 1].
        ink: Brightness of the ink; above `paper` for chalk on a board.
        gradient: Fraction of the light lost from one side of the page to the
            other, in a random direction.
        shadow: Fraction of the light lost in a shadow.
        texture: Standard deviation of the grain of the paper, in brightness.
        specks: Number of specks of dirt, as dark as ink.
        blur: Standard deviation of the Gaussian blur, pixels.
    """
    rows, columns = page
    y, x = np.mgrid[0:rows, 0:columns].astype("float32")
    angle = rng.uniform(0, 2 * np.pi)
    along = (np.cos(angle) * y + np.sin(angle) * x) / max(page)
    along -= along.min()
    light = 1 - gradient * along / along.max()
    edge = np.median(along) + rng.uniform(-0.2, 0.2)
    light *= 1 - shadow / (1 + np.exp((edge - along) * max(page) / 4))

    covered = stroke(digit, height, pen) if pen else enlarge(digit, height)
    top, left = (
        round(part * side - size / 2)
        for part, side, size in zip(center, page, covered.shape, strict=True)
    )
    layer = place(covered, page, top, left)
    for _ in range(specks):
        row, column = rng.uniform(0, rows), rng.uniform(0, columns)
        radius = rng.uniform(0.5, max(1.0, 0.25 * (pen or 0.1) * height))
        away = np.hypot(y - row, x - column)
        layer = np.maximum(layer, np.clip(radius - away + 0.5, 0, 1))

    photo = light * (paper + (ink - paper) * layer)
    grain = rng.normal(size=page)
    grain += 2 * ndimage.gaussian_filter(rng.normal(size=page), 1.5)
    photo += texture / 1.3 * grain
    if blur:
        photo = ndimage.gaussian_filter(photo, blur)
    return np.round(255 * np.clip(photo, 0, 1)).astype("uint8")


def random_photo(digit, rng):
    """Photo of a digit with random properties; half of them light on dark."""
    photo = photograph(
        digit,
        rng,
        page=(int(rng.integers(120, 400)), int(rng.integers(120, 400))),
        height=int(rng.integers(40, 100)),
        pen=rng.uniform(0.04, 0.2),
        center=rng.uniform(0.35, 0.65, size=2),
        paper=rng.uniform(0.6, 0.95),
        ink=rng.uniform(0.05, 0.35),
        gradient=rng.uniform(0, 0.6),
        shadow=rng.uniform(0, 0.3),
        texture=rng.uniform(0, 0.04),
        specks=int(rng.integers(0, 4)),
        blur=rng.uniform(0, 1.5),
    )
    return 255 - photo if rng.random() < 0.5 else photo


def stroke(digit, height, pen):
    """Redraws a digit `height` pixels high, as coverage by ink in [0, 1].

    The image is enlarged, the center line is the ridge of the distance
    transform, and all pixels within half a pen width of it are covered.
    """
    digit = crop(np.asarray(digit, "float32"), 0.3)
    fine = max(1, round(120 / height))  # small digits are drawn larger first
    width = pen * height * fine
    margin = 3
    scale = (height * fine - width) / (digit.shape[0] - 1)
    large = ndimage.zoom(np.pad(digit, margin), scale, order=3)
    large = ndimage.gaussian_filter(large, 0.3 * scale)
    inside = ndimage.distance_transform_edt(large > 0.35)
    ridge = (inside >= ndimage.maximum_filter(inside, 3) - 0.3) & (
        inside > 0.1 * scale
    )
    ridge = ndimage.binary_closing(ridge, iterations=max(1, round(scale)))
    away = ndimage.distance_transform_edt(~ridge)
    covered = crop(np.clip(width / 2 - away + 0.5, 0, 1), 0)
    covered = np.pad(covered, [(0, -side % fine) for side in covered.shape])
    rows, columns = (side // fine for side in covered.shape)
    return covered.reshape(rows, fine, columns, fine).mean(axis=(1, 3))


def enlarge(digit, height):
    """Enlarges a digit to `height` pixels, with sharp edges, as coverage."""
    digit = crop(np.asarray(digit, "float32"), 0.3)
    margin = 3
    scale = height / digit.shape[0]
    large = ndimage.zoom(np.pad(digit, margin), scale, order=3)
    large = ndimage.gaussian_filter(large, 0.3 * scale)
    return crop(np.clip(scale * (large - 0.4) + 0.5, 0, 1), 0.1)


def crop(image, threshold):
    """Crops outer rows and columns without values above a threshold."""
    rows = np.flatnonzero(image.max(axis=1) > threshold)
    columns = np.flatnonzero(image.max(axis=0) > threshold)
    return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def place(image, page, top, left):
    """Places an image on an empty page, cropped at its edges."""
    layer = np.zeros(page, "float32")
    rows = slice(max(top, 0), min(top + image.shape[0], page[0]))
    columns = slice(max(left, 0), min(left + image.shape[1], page[1]))
    layer[rows, columns] = image[
        rows.start - top : rows.stop - top,
        columns.start - left : columns.stop - left,
    ]
    return layer
