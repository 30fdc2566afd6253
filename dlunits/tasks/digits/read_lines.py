"""Recognition of all digits on a page."""

import itertools
from typing import Any

import numpy as np

from dlunits.data.images.digit_lines import (
    Part,
    between,
    character_height,
    find_seams,
    join,
    segment_page,
)
from dlunits.typing import Array

MAX_WIDTH = 1.5  # of a digit, in heights of the line
MIN_HEIGHT = 0.4  # of a piece of a component, in heights of the line
# log(width / height) of the digits 0 to 9 of MNIST's training images.
MEAN_ASPECT = np.array(
    [-0.11, -0.93, -0.07, -0.23, -0.24, -0.07, -0.33, -0.26, -0.28, -0.40]
)
ASPECT_DEVIATION = np.array(
    [0.20, 0.46, 0.22, 0.21, 0.21, 0.26, 0.22, 0.22, 0.22, 0.20]
)
HEIGHT_DEVIATION = 0.2  # of log(height), in a line
SHAPE_WEIGHT = 0.5
CUT_COST = 0.5  # of each cut of a component
MIN_CUT_WIDTH = 0.6  # of a component that may be several digits, likewise
# Probability of a digit above which a component is cut only if it is wider
# than `MAX_WIDTH`.
MAX_CUT_SCORE = 0.9
# Slants over which scores are averaged, columns per row.
SHEARS = (-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3)
MIN_FOREGROUND = 0.25  # part of the maximum below which a pixel is background
BATCH_SIZE = 256


def read_lines(reader: Any, page: Array) -> list[dict[str, Any]]:
    """Reads the digits on a page in reading order.

    A connected component is cut wherever touching digits may be separated, and
    its pieces are joined to digits with the smallest sum of costs:

        cost = -log p + 1/4 ((log(width / height) - m) / s)^2
               + 1/4 (log(height / unit) / 0.2)^2 + c

    where p is the probability of the most probable digit, m and s are the mean
    and the standard deviation of log(width / height) of this digit in MNIST,
    unit is the height of a character in the line, and c is 1/2 for each digit
    of a component that may be cut, else 0. The minimum is a shortest path over
    the pieces (over-segmentation; Bozinovic and Srihari, 1989; LeCun et al.,
    1998, section VI).

    Args:
        reader: `dlunits.tasks.digits.onnx_reader.OnnxReader` or
            `TensorFlowReader`.
        page: uint8 `(height, width, channels)`.

    Returns:
        One dict per digit: `scores`, `(10,)`, means over slants of the digit;
        `p_value` if the model returns it; `box`, left, top, right and bottom as
        fractions of the page; and `line`, from 0.
    """
    level = reader.find_ink(page)["level"]
    lines = segment_page(level)
    classified = Classified(reader)
    digits = []
    for number, line in enumerate(lines):
        for part in split_line(line, classified):
            digits.append(
                {
                    **classified.outputs(part),
                    "scores": mean_scores(reader, part),
                    "box": box_of(part, level.shape),
                    "line": number,
                }
            )
    return digits


def mean_scores(reader: Any, part: Part) -> Array:
    """Mean of the probabilities over slants of a digit."""
    slanted = [shear(part, slant) for slant in SHEARS]
    digits = reader.normalize_digits(stack(slanted))["digits"]
    return reader.classify(digits)["scores"].mean(axis=0)


def shear(part: Part, slant: float) -> Part:
    """Shifts each row in proportion to its distance from the middle.

    >>> bar = Part(np.ones((3, 1)), 0, 0)
    >>> shear(bar, 1.0).level.astype(int).tolist()
    [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    """
    rows = np.arange(part.height) - (part.height - 1) / 2
    shift = slant * rows - (slant * rows).min()
    whole = np.floor(shift).astype(int)
    width = part.width + int(np.ceil(shift.max()))
    level = np.zeros((part.height, width + 1))
    columns = np.arange(part.width) + whole[:, None]
    fraction = (shift - whole)[:, None]
    index = np.arange(part.height)[:, None]
    level[index, columns] += (1 - fraction) * part.level
    level[index, columns + 1] += fraction * part.level
    return Part(level[:, :width], part.top, part.left)


def box_of(part: Part, shape: tuple[int, int]) -> list[float]:
    """Bounding box as fractions of the page: left, top, right, bottom."""
    height, width = shape
    return [
        part.left / width,
        part.top / height,
        part.right / width,
        part.bottom / height,
    ]


class Classified:
    """Outputs of the classifier for parts of a page, computed once each."""

    def __init__(self, reader: Any) -> None:
        self.reader = reader
        self.known: dict[int, dict[str, Any]] = {}
        self.parts: list[Part] = []  # kept, so that their ids are not reused

    def add(self, parts: list[Part]) -> None:
        """Classifies parts in one batch."""
        new = [part for part in parts if id(part) not in self.known]
        for start in range(0, len(new), BATCH_SIZE):
            batch = new[start : start + BATCH_SIZE]
            digits = self.reader.normalize_digits(stack(batch))["digits"]
            outputs = self.reader.classify(digits)
            for index, part in enumerate(batch):
                self.known[id(part)] = {
                    name: outputs[name][index]
                    for name in ("scores", "p_value")
                    if name in outputs
                }
            self.parts += batch

    def outputs(self, part: Part) -> dict[str, Any]:
        """Scores and p-value of a part that was added."""
        return self.known[id(part)]

    def cost(self, part: Part, unit: float) -> float:
        """Cost of a part as one digit without c, see `read_lines`."""
        scores = self.outputs(part)["scores"]
        digit = int(np.argmax(scores))
        aspect = np.log(part.width / part.height) - MEAN_ASPECT[digit]
        shape = (aspect / ASPECT_DEVIATION[digit]) ** 2
        shape += (np.log(part.height / unit) / HEIGHT_DEVIATION) ** 2
        unlikely = -np.log(max(float(scores[digit]), 1e-6))
        return float(unlikely + SHAPE_WEIGHT * shape / 2)


def stack(parts: list[Part]) -> Array:
    """Levels of parts in one array, in which the background is 0."""
    height = max(part.height for part in parts)
    width = max(part.width for part in parts)
    levels = np.zeros((len(parts), height, width), "float32")
    for level, part in zip(levels, parts, strict=True):
        level[: part.height, : part.width] = part.level
    return np.maximum(levels - MIN_FOREGROUND, 0) / (1 - MIN_FOREGROUND)


def split_line(line: list[Part], classified: Classified) -> list[Part]:
    """Cuts and joins the components of a line to digits."""
    unit = character_height(line)
    classified.add(line)
    digits: list[Part] = []
    for part in line:
        whole = classified.cost(part, unit)
        score = float(classified.outputs(part)["scores"].max())
        if part.width > MIN_CUT_WIDTH * unit and (
            score < MAX_CUT_SCORE or part.width > MAX_WIDTH * unit
        ):
            digits += split_component(part, whole, unit, classified)
        else:
            digits.append(part)
    return join_broken(digits, unit, classified)


def split_component(
    part: Part, whole: float, unit: float, classified: Classified
) -> list[Part]:
    """Splits a component into the digits with the smallest sum of costs."""
    edge = np.zeros(part.height, int)
    bounds = [edge, *find_seams(part, unit), edge + part.width]
    last = len(bounds) - 1
    pieces: dict[tuple[int, int], Part] = {}
    for left, right in itertools.combinations(range(last + 1), 2):
        if (bounds[left] > bounds[right]).any():  # they cross
            continue
        piece = between(part, bounds[left], bounds[right])
        if (
            piece
            and MIN_HEIGHT * unit <= piece.height
            and piece.width <= MAX_WIDTH * unit
        ):
            pieces[left, right] = piece
    pieces.pop((0, last), None)
    classified.add(list(pieces.values()))
    costs = {
        pair: classified.cost(piece, unit) + CUT_COST
        for pair, piece in pieces.items()
    }
    pieces[0, last], costs[0, last] = part, whole + CUT_COST
    # Shortest path from the left edge to each seam, and the seam before it.
    best: list[tuple[float, int]] = [(0.0, 0)]
    for right in range(1, last + 1):
        best.append(
            min(
                (
                    (best[left][0] + costs[left, right], left)
                    for left in range(right)
                    if (left, right) in costs
                ),
                default=(np.inf, 0),
            )
        )
    digits, right = [], last
    while right:
        left = best[right][1]
        digits.append(pieces[left, right])
        right = left
    return digits[::-1]


def join_broken(
    parts: list[Part], unit: float, classified: Classified
) -> list[Part]:
    """Joins neighboring parts if their cost is lower as one digit."""
    pairs = [
        join(list(pair))
        for pair in itertools.pairwise(parts)
        if min(pair[0].right, pair[1].right) > pair[1].left - 0.1 * unit
    ]
    pairs = [pair for pair in pairs if pair.width <= MAX_WIDTH * unit]
    classified.add(pairs)
    by_place = {(pair.left, pair.right): pair for pair in pairs}
    joined = parts[:1]
    for part in parts[1:]:
        last = joined[-1]
        pair = by_place.get(
            (min(last.left, part.left), max(last.right, part.right))
        )
        apart = classified.cost(last, unit) + classified.cost(part, unit)
        if pair and classified.cost(pair, unit) < apart:
            joined[-1] = pair
        else:
            joined.append(part)
    return joined
