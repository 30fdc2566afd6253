"""Segmentation of a page into lines of characters, and of touching characters.

The input is the ink of a page as an array in [0, 1]. TensorFlow is not loaded.
"""

import dataclasses

import numpy as np

from dlunits.typing import Array

# Lengths "in heights" are divided by the height of a character.
INK = 0.2  # level above which a pixel is ink
MAX_SLOPE = 0.1  # of ruled lines, rows per column
NUM_SLOPES = 81
MIN_COVERAGE = 0.8  # fraction of the width of a ruled line with crossings
MIN_THIN = 0.25  # the same without the ink that crosses the line
# Fraction of the height, for vertical lines. On a low page, a 1 is as long.
MIN_THIN_VERTICAL = 0.85
MAX_RULE = 0.015  # thickness of a ruled line, fraction of the longer side
MIN_RULE = 6  # thickness up to which a line may always be ruled, pixels
MIN_SPECK = 0.22  # minimum size of a part of a character, in heights
MIN_CHARACTER = 0.5  # minimum height of a character, in heights
MIN_STROKE = 0.35  # minimum height of a part without a character near it
EDGE = 0.04  # width of the edges, fraction of the longer side
MIN_NESTED = 0.3  # height of a character in a frame, fraction of the frame's
MAX_LINE_STEP = 0.6  # between centers of neighbors in a line, in heights
MIN_WIDTH = 0.12  # of a piece of touching characters, in heights
MAX_SEAMS = 16  # in one component
MAX_BYPASS = 0.15  # distance of a seam from its straight line, in heights
SLANTS = (-0.4, 0.0, 0.4)  # of those lines, columns per row
SEAM_STEP = 0.08  # distance between those lines, in heights
MIN_APART = 0.08  # mean distance between seams, in heights
STEP_COST = 0.01  # cost of each row of a seam, and of each step sideways


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """Ink of a character, or of a part of it.

    Args:
        level: `(height, width)`, floats in [0, 1]: the ink within the bounding
            box, without that of other characters.
        top, left: First row and column of the bounding box on the page.

    Example:

    >>> part = Part(np.ones((4, 2)), top=10, left=20)
    >>> part.bottom, part.right, part.mass, part.center
    (14, 22, 8.0, (12.0, 21.0))
    """

    level: Array
    top: int
    left: int

    @property
    def bottom(self) -> int:
        """Row after the last one."""
        return self.top + self.level.shape[0]

    @property
    def right(self) -> int:
        """Column after the last one."""
        return self.left + self.level.shape[1]

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.level.shape[0]

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.level.shape[1]

    @property
    def size(self) -> int:
        """Longer side of the bounding box."""
        return max(self.level.shape)

    @property
    def mass(self) -> float:
        """Sum of the ink."""
        return float(self.level.sum())

    @property
    def center(self) -> tuple[float, float]:
        """Row and column of the center of the bounding box."""
        return (self.top + self.bottom) / 2, (self.left + self.right) / 2


def segment_page(level: Array) -> list[list[Part]]:
    """Finds lines of characters on a page, in reading order.

    Ruled lines are removed, see `remove_ruled_lines`. Connected components are
    characters; specks, dark edges of a scan and frames are dropped, and small
    parts are merged with the character that they lie above, below or within.
    Two neighbors are in the same line if their centers differ vertically by
    less than 0.6 of the height of a character. Touching characters are one
    component, see `find_seams`.

    Args:
        level: `(height, width)`, floats in [0, 1]: the ink of the page.

    Returns:
        List of lines from top to bottom, each a list of `Part` from left to
        right.

    Example:

    Two bars above one, and a speck.

    >>> page = np.zeros((60, 40))
    >>> page[5:25, 5:9] = page[5:25, 20:24] = page[35:55, 10:14] = 1
    >>> page[30, 30] = 1
    >>> [[part.left for part in line] for line in segment_page(page)]
    [[5, 20], [10]]
    """
    parts = find_components(remove_ruled_lines(level))
    parts = without_edges(parts, level.shape)
    parts = without_frames(parts)
    if not parts:
        return []
    unit = character_height(parts)
    parts = [part for part in parts if part.size >= MIN_SPECK * unit]
    return find_lines(join_small_parts(parts, unit))


def find_components(level: Array) -> list[Part]:
    """8-connected components of the ink, with the faint edge of strokes."""
    from scipy import ndimage

    neighbors = np.ones((3, 3))
    labels, _ = ndimage.label(level > INK, neighbors)
    # Faint pixels beside ink belong to the component with the largest number.
    grown = ndimage.maximum_filter(labels, 3)
    labels = np.where((labels == 0) & (level > 0), grown, labels)
    return [
        Part(
            np.where(labels[place] == number, level[place], 0.0),
            place[0].start,
            place[1].start,
        )
        for number, place in enumerate(ndimage.find_objects(labels), 1)
        if place is not None
    ]


def remove_ruled_lines(level: Array) -> Array:
    """Removes ruled lines from a page: thin straight lines across the page.

    Each pixel of ink that is at most 0.015 of the longer side of the page thick
    votes for all lines through it with a slope of at most 0.1 (Hough
    transform). A line is removed if it covers at least 0.8 of the width
    including the ink that crosses it, and 0.25 without that ink; all removed
    lines have the same slope. A vertical line must cover 0.85 of the height
    without the ink that crosses it. Where the ink is thicker than the line, a
    character crosses the line, and the ink is kept.

    Args:
        level: `(height, width)`, floats in [0, 1].

    Returns:
        Array of the same shape.

    Example:

    A line that is crossed by a stroke of four pixels.

    >>> page = np.zeros((40, 40))
    >>> page[20, :] = page[10:30, 18:22] = 1
    >>> cleaned = remove_ruled_lines(page)
    >>> int(cleaned[20].sum()), int(cleaned[10:30].sum())
    (4, 80)
    """
    cleaned = remove_horizontal_lines(level, MIN_THIN)
    return remove_horizontal_lines(cleaned.T, MIN_THIN_VERTICAL).T


def remove_horizontal_lines(level: Array, min_thin: float) -> Array:
    """Removes lines that are nearly horizontal, see `remove_ruled_lines`."""
    height, width = level.shape
    ink = level > INK
    lengths = vertical_runs(ink)
    limit = max(MIN_RULE, round(MAX_RULE * max(level.shape)))
    thin = ink & (lengths <= limit)
    if thin.sum() < min_thin * width:
        return level
    margin = int(np.ceil(MAX_SLOPE * width)) + 1
    best, line_rows, slope = 0, np.zeros(0, int), 0.0
    for candidate in np.linspace(-MAX_SLOPE, MAX_SLOPE, NUM_SLOPES):
        votes = line_votes(thin, candidate, margin)
        found = votes >= min_thin * width
        if not found.any():
            continue
        found &= line_votes(ink, candidate, margin) >= MIN_COVERAGE * width
        total = int(votes[found].sum())
        if total > best:
            best, slope = total, candidate
            line_rows = np.flatnonzero(found) - margin
    if not best:
        return level
    rows, columns = np.nonzero(thin)
    crossing = np.round(rows - slope * (columns - width / 2)).astype(int)
    on_line = np.zeros(height + 2 * margin + 4, bool)
    for shift in (-1, 0, 1):  # lines are not quite straight
        on_line[np.clip(line_rows + margin + shift, 0, len(on_line) - 1)] = True
    on_line = on_line[np.clip(crossing + margin, 0, len(on_line) - 1)]
    thickness = np.median(lengths[rows[on_line], columns[on_line]])
    on_line &= lengths[rows, columns] <= 1.5 * thickness + 1
    rows, columns = rows[on_line], columns[on_line]
    cleaned = level.copy()
    for shift in (-1, 0, 1):  # with the faint edge of the line
        beside = np.clip(rows + shift, 0, height - 1)
        faint = ~ink[beside, columns] | (shift == 0)
        cleaned[beside[faint], columns[faint]] = 0
    return cleaned


def line_votes(ink: Array, slope: float, margin: int) -> Array:
    """Number of columns in which each parallel line has ink (Hough transform).

    Args:
        ink: `(height, width)`, bool.
        slope: Rows per column.
        margin: Index of the line that crosses the middle column in row 0.

    Returns:
        `(height + 2 margin,)`.

    Example:

    Ink in row 1 of three columns votes for the lines in rows 1 and 2.

    >>> line_votes(np.array([[0, 0, 0], [1, 1, 1], [0, 0, 0]], bool), 0, 1)
    array([0, 0, 3, 3, 0])
    """
    # A line between two rows of pixels votes for one of them.
    thick = ink.copy()
    thick[1:] |= ink[:-1]
    rows, columns = np.nonzero(thick)
    crossing = np.round(rows - slope * (columns - ink.shape[1] / 2)).astype(int)
    return np.bincount(crossing + margin, minlength=len(ink) + 2 * margin)


def vertical_runs(ink: Array) -> Array:
    """Length of the vertical run of ink through each pixel; 0 without ink.

    >>> vertical_runs(np.array([[1, 0], [1, 1], [0, 1], [1, 1]])).T.tolist()
    [[2, 2, 0, 1], [0, 3, 3, 3]]
    """
    above = np.zeros(ink.shape, int)
    below = np.zeros(ink.shape, int)
    count_above = count_below = np.zeros(ink.shape[1], int)
    for row in range(len(ink)):
        count_above = (count_above + 1) * (ink[row] != 0)
        above[row] = count_above
        count_below = (count_below + 1) * (ink[-1 - row] != 0)
        below[-1 - row] = count_below
    return np.maximum(above + below - 1, 0)


def without_edges(parts: list[Part], shape: tuple[int, int]) -> list[Part]:
    """Drops parts at the edges of the page, such as dark strips and corners."""
    margin = EDGE * max(shape)
    return [
        part
        for part in parts
        if part.bottom > margin
        and part.right > margin
        and part.top < shape[0] - margin
        and part.left < shape[1] - margin
    ]


def without_frames(parts: list[Part]) -> list[Part]:
    """Drops parts that enclose a character, such as boxes and circles."""

    def encloses(outer: Part, inner: Part) -> bool:
        return (
            inner.height >= MIN_NESTED * outer.height
            and outer.top < inner.top
            and outer.left < inner.left
            and outer.bottom > inner.bottom
            and outer.right > inner.right
        )

    return [
        part
        for part in parts
        if not any(encloses(part, other) for other in parts)
    ]


def character_height(parts: list[Part]) -> float:
    """Median height of the components that have enough ink for a character.

    Args:
        parts: Components.

    Returns:
        Height in pixels.
    """
    masses = np.array([part.mass for part in parts])
    large = masses >= 0.1 * np.quantile(masses, 0.95)
    sizes = np.array([part.size for part in parts])[large]
    tall = sizes >= 0.4 * sizes.max()
    heights = np.array([part.height for part in parts])[large][tall]
    return float(np.median(heights))


def join_small_parts(parts: list[Part], unit: float) -> list[Part]:
    """Merges small parts with the character they lie above, below or within.

    Small parts without a character near them, such as dashes and remains of
    ruled lines, are dropped; from 0.35 of the height of a character, they are
    kept as characters.

    Args:
        parts: Components.
        unit: Height of a character, in pixels.

    Returns:
        List of characters.
    """
    tall = [part for part in parts if part.height >= MIN_CHARACTER * unit]
    for low in parts:
        if low.height >= MIN_CHARACTER * unit:
            continue
        near = [part for part in tall if is_near(low, part, unit)]
        if near:
            nearest = min(near, key=lambda part: gap(low, part))
            tall[tall.index(nearest)] = join([low, nearest])
        elif low.height >= MIN_STROKE * unit:
            tall.append(low)
    return tall


def is_near(low: Part, tall: Part, unit: float) -> bool:
    """Whether a part may belong to a character."""
    shared = min(low.right, tall.right) - max(low.left, tall.left)
    above = max(tall.top - low.bottom, low.top - tall.bottom)
    return (
        above < 0.3 * unit
        and shared > -0.15 * unit
        and max(low.right, tall.right) - min(low.left, tall.left) < 1.2 * unit
    )


def gap(left: Part, right: Part) -> float:
    """Distance between the centers of two parts, in pixels."""
    return float(np.hypot(*np.subtract(left.center, right.center)))


def join(parts: list[Part]) -> Part:
    """Merges parts into one.

    Args:
        parts: List of `Part`.

    Returns:
        `Part` with the ink of all of them.

    Example:

    >>> dot, stem = Part(np.ones((1, 1)), 0, 3), Part(np.ones((4, 1)), 2, 3)
    >>> merged = join([dot, stem])
    >>> merged.top, merged.bottom, merged.mass
    (0, 6, 5.0)
    """
    top, left = min(p.top for p in parts), min(p.left for p in parts)
    bottom, right = max(p.bottom for p in parts), max(p.right for p in parts)
    level = np.zeros((bottom - top, right - left))
    for part in parts:
        rows = slice(part.top - top, part.bottom - top)
        columns = slice(part.left - left, part.right - left)
        level[rows, columns] = np.maximum(level[rows, columns], part.level)
    return Part(level, top, left)


def find_lines(parts: list[Part]) -> list[list[Part]]:
    """Groups characters in lines of text, which may be slanted."""
    lines: list[list[Part]] = []
    for part in sorted(parts, key=lambda part: part.center[1]):
        steps = [
            abs(part.center[0] - line[-1].center[0])
            / max(part.height, line[-1].height)
            for line in lines
        ]
        if steps and min(steps) < MAX_LINE_STEP:
            lines[int(np.argmin(steps))].append(part)
        else:
            lines.append([part])
    return sorted(lines, key=lambda line: np.mean([p.center[0] for p in line]))


def find_seams(part: Part, unit: float) -> list[Array]:
    """Candidate cuts between touching characters, by seam carving.

    Seams run from top to bottom through as little ink as possible, at a
    distance of at most 0.15 of the height of a character from straight lines
    that are upright or slanted. Most of them cut a character; a classifier
    decides which pieces are characters.

    Reference: Avidan and Shamir, 2007, "Seam carving for content-aware image
    resizing".

    Args:
        part: Component.
        unit: Height of a character, in pixels.

    Returns:
        List of integer arrays `(part.height,)` from left to right: the column
        of the seam in each row. Seams may cross.

    Example:

    Two blocks with a thin bridge.

    >>> level = np.zeros((20, 30))
    >>> level[:, :12] = level[:, 18:] = level[10, :] = 1
    >>> seams = find_seams(Part(level, 0, 0), 20)
    >>> any(12 <= seam.min() and seam.max() <= 18 for seam in seams)
    True
    """
    smallest = MIN_WIDTH * unit
    reach = max(1, round(MAX_BYPASS * unit))
    centers = np.arange(smallest, part.width - smallest + 1, SEAM_STEP * unit)
    if not len(centers):
        return []
    found: list[tuple[float, Array]] = []
    for slant in SLANTS:
        rows = np.arange(part.height) - part.height // 2
        shift = np.round(slant * rows).astype(int)
        found += carve(part.level, centers.round().astype(int), shift, reach)
    chosen: list[Array] = []
    for _, seam in sorted(found, key=lambda pair: pair[0]):
        apart = [np.abs(seam - other).mean() for other in chosen]
        if not apart or min(apart) >= MIN_APART * unit:
            chosen.append(np.clip(seam, 0, part.width))
        if len(chosen) == MAX_SEAMS:
            break
    return sorted(chosen, key=lambda seam: float(seam.mean()))


def carve(
    level: Array, centers: Array, shift: Array, reach: int
) -> list[tuple[float, Array]]:
    """Seams of least cost from top to bottom, one near each of parallel lines.

    Args:
        level: `(height, width)`.
        centers: Columns of the lines in the middle row.
        shift: `(height,)`, columns by which the lines are shifted in each row.
        reach: Columns to both sides that a path may leave its line.

    Returns:
        List of `(cost, seam)`: the ink on the path, and its column in each row.
    """
    height, width = level.shape
    offsets = np.arange(-reach, reach + 1)
    columns = centers[:, None] + offsets  # (lines, offsets)
    cost = np.zeros((height, *columns.shape))
    for row in range(height):
        place = columns + shift[row]
        inside = (place >= 0) & (place < width)
        ink = np.where(inside, level[row, np.clip(place, 0, width - 1)], 0.0)
        cost[row] = ink + STEP_COST
        if row:
            padded = np.pad(cost[row - 1], ((0, 0), (1, 1)), "edge")
            aside = np.minimum(padded[:, :-2], padded[:, 2:]) + STEP_COST
            cost[row] += np.minimum(aside, padded[:, 1:-1])
    found = []
    for line, center in enumerate(centers):
        index = int(np.argmin(cost[-1, line]))
        total, seam = float(cost[-1, line, index]), np.zeros(height, int)
        for row in range(height - 1, -1, -1):
            seam[row] = center + offsets[index] + shift[row]
            if row:
                low = max(index - 1, 0)
                near = cost[row - 1, line, low : index + 2]
                index = low + int(np.argmin(near))
        found.append((total, seam))
    return found


def between(part: Part, left: Array, right: Array) -> Part | None:
    """Piece of a component between two seams.

    Args:
        part: Component.
        left, right: Columns `(part.height,)` of the seams. Those of the left
            seam belong to the piece, those of the right seam do not.

    Returns:
        `Part`, or `None` if there is no ink.

    Example:

    >>> part = Part(np.ones((4, 9)), top=0, left=10)
    >>> piece = between(part, np.full(4, 2), np.full(4, 5))
    >>> piece.left, piece.right
    (12, 15)
    """
    columns = np.arange(part.width)
    inside = (columns >= left[:, None]) & (columns < right[:, None])
    return trim(np.where(inside, part.level, 0.0), part.top, part.left)


def trim(level: Array, top: int, left: int) -> Part | None:
    """Crops empty rows and columns around the ink; `None` without ink."""
    ink = level > INK
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    if not len(rows):
        return None
    return Part(
        level[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1],
        top + int(rows[0]),
        left + int(columns[0]),
    )
