"""Several digits on one page, read by the shipped model."""

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from benchmarks.paper_photos import enlarge, place
from dlunits.tasks.digits.recognize_files import (
    load_digit_reader,
    recognize_files,
)

WELL_WRITTEN = (0, 11, 22, 13, 4, 15, 16, 7, 8, 9)


@pytest.fixture(scope="module")
def reader(project):
    return load_digit_reader(project / "saved_models/lenet_mnist/1")


@pytest.fixture
def read(reader, tmp_path):
    """Reads lines of digits that are drawn with certain gaps, in pixels."""

    def read_lines(*texts, gap=20, change=lambda page: page, **options):
        page = np.zeros((40 + 80 * len(texts), 420), "float32")
        for number, text in enumerate(texts):
            left = 40
            for digit in text:
                image = load_digits().images[WELL_WRITTEN[int(digit)]] / 16
                drawn = enlarge(image, 50)
                top = 30 + 80 * number
                page = np.maximum(page, place(drawn, page.shape, top, left))
                left += drawn.shape[1] + gap
        photo = np.uint8(255 * change(0.9 - 0.75 * page))
        Image.fromarray(photo).save(tmp_path / "page.png")
        [result] = recognize_files(reader, [tmp_path / "page.png"], **options)
        return result

    return read_lines


def test_digits_are_read_in_reading_order_with_their_boxes(read):
    result = read("30462", "8306")
    assert result["text"] == "30462\n8306"
    digits = result["digits"]
    assert [each["line"] for each in digits] == [1] * 5 + [2] * 4
    assert [each["digit"] for each in digits] == [3, 0, 4, 6, 2, 8, 3, 0, 6]
    left, top, right, bottom = digits[0]["box"]
    assert abs(420 * left - 40) <= 2 and abs(200 * top - 30) <= 2
    assert 0 < left < right < 0.3 and abs(200 * bottom - 82) <= 5
    for each in digits:
        assert each["confidence"] == max(each["scores"])


def test_digits_that_touch_are_separated(read):
    result = read("36", gap=-2)
    assert result["text"] == "36"


def test_ruled_lines_and_specks_are_not_read(read):
    def clutter(page):
        page[25:27], page[86:88], page[60, 200:203] = 0.5, 0.5, 0.2
        return page

    assert read("2603", change=clutter)["text"] == "2603"


def scribble(page, left):
    """Draws a shape that is not a digit: a comb of bars between two posts."""
    for i in range(0, 50, 8):
        page[30 + i : 33 + i, left : left + 40] = 0.1
    page[30:80, left : left + 3] = page[30:80, left + 37 : left + 40] = 0.1
    return page


def test_shapes_that_are_not_digits_are_rejected_and_digits_are_read(read):
    def draw(page):
        return scribble(page, 300)

    result = read("302", change=draw)
    assert result["text"] == "302?"
    assert "probably not a digit" in result["digits"][3]["error"]
    assert "digit" not in result["digits"][3]
    # A reject rate of 0 rejects nothing.
    assert "?" not in read("302", change=draw, reject_rate=0)["text"]


def test_a_page_without_any_digit_is_refused(read):
    def draw(page):
        return scribble(scribble(page, 50), 250)

    assert "shows no digits" in read("", change=draw)["error"]
