"""Long straight lines, and other strokes."""

import numpy as np
import pytest
from scipy import ndimage

from dlunits.data.images.straight_lines import find_straight_lines


def found(page):
    return find_straight_lines(page[None])[0].numpy()


@pytest.mark.parametrize("slope", [0, 0.02, -0.05, 0.09])
@pytest.mark.parametrize("upright", [False, True])
def test_a_line_across_the_page_is_found_at_small_slopes(slope, upright):
    page = np.zeros((100, 128), bool)
    columns = np.arange(128)
    rows = np.round(50 + slope * (columns - 64)).astype(int)
    page[rows, columns] = page[rows + 1, columns] = True
    page = page.T if upright else page
    assert found(page).sum() > 0.95 * page.sum()


def test_shorter_lines_and_diagonals_are_kept():
    page = np.zeros((128, 128), bool)
    page[60, 20:110] = True  # 0.7 of the width
    page[90, 10:] = True  # 0.92 of it, the base of a 2 that is cut
    page[np.arange(128), np.arange(128)] = True
    assert not found(page).any()


def test_thick_strokes_are_kept_and_lines_beside_them_found():
    page = np.zeros((128, 128), bool)
    page[60:70] = True  # 10 cells thick
    page[100:103] = True
    lines = found(page)
    assert lines[100:103].all()
    assert not lines[:99].any()


def test_a_digit_that_crosses_a_line_is_kept():
    page = np.zeros((128, 128), bool)
    page[30] = True
    page[10:110, 60:70] = True
    lines = found(page)
    assert lines[30, :55].all()
    assert not lines[40:, 60:70].any()


def test_random_blobs_contain_no_lines():
    rng = np.random.default_rng(0)
    noise = ndimage.gaussian_filter(rng.normal(size=(128, 128)), 3)
    assert not found(noise > noise.std()).any()
