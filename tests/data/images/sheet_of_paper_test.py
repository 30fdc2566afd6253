"""Sheets of paper on a table, and other pages."""

import numpy as np
import pytest

from dlunits.data.images.sheet_of_paper import crop_to_sheet


def page_on_table(angle=0.0, table=0.3, size=(60, 50), center=(100, 100)):
    """Photo of a blank sheet with half sides `size`, and where the sheet is."""
    y, x = np.indices((200, 200), "float32") - 0.0
    y, x = y - center[0], x - center[1]
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    sheet = (np.abs(cosine * y - sine * x) < size[0]) & (
        np.abs(sine * y + cosine * x) < size[1]
    )
    return np.where(sheet, 0.8, table).astype("float32"), sheet


def cropped(gray):
    return crop_to_sheet(gray[None])[0].numpy()


@pytest.mark.parametrize("angle", [0, 7, -12])
@pytest.mark.parametrize("center", [(100, 100), (70, 60)])
def test_the_table_becomes_paper_and_the_ink_stays(angle, center):
    gray, sheet = page_on_table(angle, center=center)
    row, column = center
    gray[row - 20 : row + 20, column - 3 : column + 3] = 0.1
    page = cropped(gray)
    # A few pixels at the border of the photo stay.
    assert np.mean(np.abs(page[~sheet] - 0.8) < 0.02) > 0.999
    np.testing.assert_allclose(page[row, column], 0.1, atol=1e-6)


def test_paper_that_is_lit_unevenly_continues_outside():
    gray, sheet = page_on_table()
    light = np.linspace(1.1, 0.9, 200, dtype="float32")
    page = cropped(np.where(sheet, gray * light, gray))
    assert page[100, 46] > 0.82
    assert page[100, 153] < 0.78


def no_sheets():
    """Photos on which the bright part is not a sheet."""
    half, _ = page_on_table(size=(200, 60), center=(100, 40))
    slope = np.broadcast_to(np.linspace(0.2, 0.9, 200), (200, 200))
    y, x = np.indices((200, 200)) - 100
    zero = np.where(np.abs(np.hypot(y, 1.4 * x) - 60) < 15, 0.9, 0.1)
    bar, _ = page_on_table(size=(80, 20))  # a 1 with chalk
    return {"half": half, "slope": slope, "0": zero, "1": bar}


@pytest.mark.parametrize("name", no_sheets())
def test_other_pages_are_not_changed(name):
    gray = no_sheets()[name].astype("float32")
    np.testing.assert_array_equal(cropped(gray), gray)
