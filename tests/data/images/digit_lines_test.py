"""Lines of characters on a page, and seams between touching ones."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from benchmarks.paper_photos import enlarge
from dlunits.data.images.digit_lines import (
    Part,
    between,
    find_seams,
    remove_ruled_lines,
    segment_page,
)

WELL_WRITTEN = (0, 11, 22, 13, 4, 15, 16, 7, 8, 9)


def draw(page, top, left, label=8, height=40):
    """Draws a digit, and returns the column after it."""
    digit = enlarge(load_digits().images[WELL_WRITTEN[label]] / 16, height)
    rows, columns = digit.shape
    place = page[top : top + rows, left : left + columns]
    np.maximum(place, digit, out=place)
    return left + columns


def boxes(page):
    return [
        [(part.top, part.left) for part in line] for line in segment_page(page)
    ]


def test_rising_lines_are_read_from_left_to_right_and_top_to_bottom():
    page = np.zeros((220, 400))
    starts = [[(60 - 8 * i, 20 + 75 * i) for i in range(5)]]
    starts += [[(top + 90, left) for top, left in starts[0]]]
    for line in starts:
        for top, left in line:
            draw(page, top, left)
    found = boxes(page)
    assert np.abs(np.array(found) - starts).max() <= 2


def test_specks_edges_and_frames_are_not_characters():
    page = np.zeros((120, 200))
    draw(page, 40, 60)
    draw(page, 40, 120)
    expected = boxes(page)
    page[10:13, 20:23] = page[:4, :] = page[100:, 195:] = 1
    page[30:92, 108:110] = page[30:92, 160:162] = 1
    page[30:32, 108:162] = page[90:92, 108:162] = 1
    assert boxes(page) == expected


def test_the_bar_of_a_5_belongs_to_it():
    page = np.zeros((100, 140))
    draw(page, 30, 20)
    draw(page, 30, 80)
    page[22:26, 95:115] = 1
    [line] = segment_page(page)
    assert [part.top for part in line] == [30, 22]


@pytest.mark.parametrize("slope", [0.0, 0.05])
def test_ruled_lines_are_removed_and_strokes_across_them_are_not(slope):
    page = np.zeros((150, 400))
    for left in (30, 150, 300):
        draw(page, 50, left, height=60)
    ruled = page.copy()
    columns = np.arange(400)
    for start in (30, 75, 120):
        rows = np.round(start + slope * (columns - 200)).astype(int)
        ruled[rows, columns] = ruled[rows + 1, columns] = 0.7
    cleaned = remove_ruled_lines(ruled)
    assert (
        np.abs(cleaned - page).mean()
        < 0.02 * np.abs(ruled - page).mean() + 0.004
    )
    assert len(segment_page(ruled)[0]) == 3
    np.testing.assert_array_equal(remove_ruled_lines(page), page)


def test_a_seam_parts_characters_that_touch():
    page = np.zeros((80, 200))
    middle = draw(page, 20, 20, label=3)
    end = draw(page, 20, middle - 1, label=8)
    [[part]] = segment_page(page)
    seams = find_seams(part, 40.0)
    edge = np.zeros(part.height, int)
    pairs = [
        (between(part, edge, seam), between(part, seam, edge + part.width))
        for seam in seams
    ]
    pairs = [pair for pair in pairs if None not in pair]
    assert any(
        abs(left.right - middle) <= 3
        and abs(right.left - middle) <= 3
        and abs(right.right - end) <= 2
        for left, right in pairs
    )
    # The ink is divided: nothing is lost but faint pixels.
    for left, right in pairs:
        assert 0.95 * part.mass <= left.mass + right.mass <= part.mass + 1e-6


def test_a_narrow_character_has_no_seams():
    assert find_seams(Part(np.ones((40, 6)), 0, 0), 40.0) == []


def test_an_empty_page_has_no_lines():
    assert segment_page(np.zeros((30, 40))) == []
