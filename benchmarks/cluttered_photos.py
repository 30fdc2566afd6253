"""Synthetic photos with clutter around a digit, several digits, or none.

Each function of `KINDS` draws one photo, gray, uint8.
"""

import functools
import pathlib

import numpy as np
from paper_photos import crop, enlarge, photograph, place
from scipy import ndimage

# Letters that are written like a digit, in at least one of their forms.
LOOK_ALIKES = "OoQDIliZzSsBbGgqJ"
LETTERS = "".join(
    letter
    for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    if letter not in LOOK_ALIKES
)
# Fonts of Matplotlib. STIX and Computer Modern are reserved for development.
FONTS = ("DejaVuSans", "DejaVuSans-Oblique", "DejaVuSerif", "DejaVuSansMono")


def on_paper(digit, rng, **properties):
    """Photo of a digit on even paper, of 150 to 600 pixels."""
    rows, columns = (int(side) for side in rng.integers(150, 600, size=2))
    return photograph(
        digit,
        rng,
        **{
            "page": (rows, columns),
            "height": int(rng.uniform(0.3, 0.6) * min(rows, columns)),
            "pen": None,
            "center": rng.uniform(0.42, 0.58, size=2),
            "paper": rng.uniform(0.75, 0.97),
            "ink": rng.uniform(0.05, 0.35),
            "gradient": rng.uniform(0, 0.3),
            "texture": rng.uniform(0, 0.02),
            "blur": rng.uniform(0, 1),
        }
        | properties,
    )


def darken(photo, covered, ink):
    """Covers a photo with ink where `covered` is 1."""
    photo = photo + covered * (255 * ink - photo.astype("float32"))
    return np.round(np.clip(photo, 0, 255)).astype("uint8")


def edge_strips(digit, rng):
    """Dark strips of 1 to 3 % of the width at one or two edges."""
    photo = on_paper(digit, rng)
    covered = np.zeros(photo.shape, "float32")
    for edge in rng.choice(4, size=rng.integers(1, 3), replace=False):
        width = max(1, round(rng.uniform(0.01, 0.03) * photo.shape[1]))
        np.rot90(covered, edge)[:width] = 1  # a view
    covered = ndimage.gaussian_filter(covered, rng.uniform(0, 1))
    return darken(photo, covered, rng.uniform(0, 0.2))


def line_mask(shape, point, angle, width):
    """Coverage by a straight line through (row, column)."""
    y, x = np.indices(shape, "float32")
    away = (y - point[0]) * np.cos(angle) - (x - point[1]) * np.sin(angle)
    return np.clip(width / 2 - np.abs(away) + 0.5, 0, 1)


def table_cell(digit, rng):
    """Crop of a table cell, with two to four of its lines."""
    rows, columns = int(rng.integers(60, 220)), int(rng.integers(60, 220))
    photo = on_paper(
        digit,
        rng,
        page=(rows, columns),
        height=int(rng.uniform(0.45, 0.75) * min(rows, columns)),
        center=rng.uniform(0.45, 0.55, size=2),
        ink=rng.uniform(0.1, 0.5),
    )
    width = max(1, rng.uniform(0.01, 0.03) * columns)
    tilt = rng.uniform(-0.02, 0.02)
    covered = np.zeros((rows, columns), "float32")
    for side in rng.choice(4, size=rng.integers(2, 5), replace=False):
        margin = rng.uniform(0.02, 0.08)
        part = margin if side < 2 else 1 - margin
        angle = tilt + np.pi / 2 * (side % 2)
        point = (part * rows, part * columns)
        mask = line_mask((rows, columns), point, angle, width)
        covered = np.maximum(covered, mask)
    return darken(photo, covered, rng.uniform(0.02, 0.4))


def from_center(shape):
    """Rows and columns of the pixels, counted from the center."""
    y, x = np.indices(shape, "float32")
    return y - shape[0] / 2, x - shape[1] / 2


def centered_on_paper(digit, rng, height):
    """Photo of a digit in the center of a page, and `from_center` of it."""
    rows, columns = int(rng.integers(300, 600)), int(rng.integers(300, 600))
    photo = on_paper(
        digit, rng, page=(rows, columns), height=height, center=(0.5, 0.5)
    )
    return photo, *from_center(photo.shape)


def form_box(digit, rng):
    """Printed box of a form around the digit."""
    height = int(rng.integers(60, 150))
    photo, y, x = centered_on_paper(digit, rng, height)
    half = height * rng.uniform(0.65, 1.0, size=2)
    width = rng.uniform(1, 4)
    outside = np.maximum(np.abs(y) - half[0], np.abs(x) - half[1])
    covered = np.clip(width / 2 - np.abs(outside) + 0.5, 0, 1)
    return darken(photo, covered, rng.uniform(0.05, 0.5))


def circle(digit, rng):
    """Circle or ellipse around the digit, drawn with a pen."""
    height = int(rng.integers(60, 120))
    photo, y, x = centered_on_paper(digit, rng, height)
    half = height * rng.uniform(0.8, 1.15, size=2)
    width = rng.uniform(0.03, 0.1) * height
    y, x = y / half[0], x / half[1]
    # Not exactly round, like a circle drawn by hand.
    angle = np.arctan2(y, x)
    radius = 1 + rng.uniform(0, 0.06) * np.sin(
        2 * angle + rng.uniform(0, 2 * np.pi)
    )
    away = np.abs(np.hypot(y, x) - radius) * half.mean()
    covered = np.clip(width / 2 - away + 0.5, 0, 1)
    return darken(photo, covered, rng.uniform(0.05, 0.35))


def paper_on_table(digit, rng):
    """Sheet of paper on a dark or wooden table."""
    rows, columns = int(rng.integers(250, 600)), int(rng.integers(250, 600))
    sheet = np.array([rows, columns]) * rng.uniform(0.5, 0.85, size=2)
    photo = on_paper(
        digit,
        rng,
        page=(rows, columns),
        height=int(rng.uniform(0.3, 0.55) * sheet.min()),
        center=(0.5, 0.5),
        gradient=rng.uniform(0, 0.2),
    )
    y, x = from_center(photo.shape)
    angle = np.radians(rng.uniform(-12, 12))
    y, x = (
        np.cos(angle) * y - np.sin(angle) * x,
        np.sin(angle) * y + np.cos(angle) * x,
    )
    outside = np.maximum(np.abs(y) - sheet[0] / 2, np.abs(x) - sheet[1] / 2)
    grain = ndimage.gaussian_filter(
        rng.normal(size=photo.shape), (rng.uniform(0.5, 2), 30)
    )
    wood = rng.uniform(0.05, 0.5) + rng.uniform(0, 0.05) * grain / grain.std()
    return darken(photo, np.clip(outside + 0.5, 0, 1), wood)


def several_digits(digits, rng):
    """Page with 2 to 100 digits of about the same size."""
    rows, columns = rng.integers(1, 11, size=2)
    columns += rows == columns == 1
    cell = int(rng.integers(20, 80))
    page = np.zeros((rows * cell, columns * cell), "float32")
    for number in range(rows * columns):
        drawn = enlarge(
            digits[rng.integers(len(digits))],
            round(rng.uniform(0.55, 0.75) * cell),
        )
        row, column = divmod(number, columns)
        top = row * cell + (cell - drawn.shape[0]) // 2
        left = column * cell + (cell - drawn.shape[1]) // 2
        page = np.maximum(page, place(drawn, page.shape, top, left))
    paper = np.full(page.shape, 255 * rng.uniform(0.75, 1), "float32")
    return darken(paper, page, rng.uniform(0.05, 0.3))


@functools.cache
def glyph(letter, font):
    """Letter of a font of matplotlib, `(rows, columns)`, ink 1."""
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    folder = pathlib.Path(matplotlib.get_data_path(), "fonts/ttf")
    face = ImageFont.truetype(str(folder / f"{font}.ttf"), 100)
    image = Image.new("L", (200, 200))
    ImageDraw.Draw(image).text((50, 30), letter, fill=255, font=face)
    return crop(np.asarray(image, "float32") / 255, 0.1)


def letter(rng, letters=LETTERS, fonts=FONTS):
    """Letter of a font on paper: printed, or with strokes of a pen."""
    printed = glyph(rng.choice(list(letters)), rng.choice(fonts))
    if rng.random() < 0.5:
        return on_paper(small(printed), rng, pen=rng.uniform(0.05, 0.14))
    page = place(printed, (220, 220), 60, 60)
    paper = np.full(page.shape, 255 * rng.uniform(0.75, 1), "float32")
    return darken(paper, page, rng.uniform(0.05, 0.3))


def small(image, height=20):
    """Image reduced to the size of an MNIST digit."""
    return ndimage.zoom(image, height / image.shape[0], order=1)


# Kind -> function of a digit and a random generator.
KINDS = {
    "edges": edge_strips,
    "tables": table_cell,
    "boxes": form_box,
    "circles": circle,
    "paper on a table": paper_on_table,
}
