"""Digits extracted from synthetic photos, against a slow NumPy loop."""

import io

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from sklearn.datasets import load_digits

from benchmarks.paper_photos import photograph, random_photo
from dlunits.data.images import handwriting, image_datasets
from dlunits.data.images.faint_ink import MIN_CONTRAST
from dlunits.data.images.handwriting import (
    decode_digits,
    extract_digits,
)

# One of each of scikit-learn's digits, legible with any pen.
WELL_WRITTEN = (0, 11, 22, 13, 4, 15, 16, 7, 8, 9)


def page_with(number=0, **drawing):
    """Photo of one of scikit-learn's digits, uint8."""
    digit = load_digits().images[WELL_WRITTEN[number]] / 16
    return photograph(digit, np.random.default_rng(number), **drawing)


# Traced once for all sizes of pages.
extract_traced = tf.function(
    extract_digits,
    input_signature=[tf.TensorSpec([None] * 4, tf.uint8)],
    autograph=False,
)


def extract(pages):
    pages = pages if np.ndim(pages) == 4 else pages[..., None]
    if pages.dtype == "uint8":
        return extract_traced(pages)
    return extract_digits(pages[..., 0])


def found_on(page):
    return extract(page[None]).digits[0, ..., 0].numpy()


def draw_np(level):
    """The normalization of MNIST per pixel: box of 20, mass at (14, 14)."""
    rows, columns = np.nonzero(level > 0.15)
    step = (
        max(rows.max() - rows.min() + 1, columns.max() - columns.min() + 1) / 20
    )
    y, x = np.indices(level.shape)
    middle = (y * level).sum() / level.sum(), (x * level).sum() / level.sum()
    half = max(1.4 * step, 1)
    digit = np.zeros((28, 28))
    for i in range(28):
        for j in range(28):
            row = middle[0] + (i - 14) * step
            column = middle[1] + (j - 14) * step
            tent = np.maximum(1 - abs(y - row) / half, 0) * np.maximum(
                1 - abs(x - column) / half, 0
            )
            digit[i, j] = (tent * level).sum() / max(tent.sum(), 1)
    return digit / digit.max()


def test_normalization_matches_a_loop_over_pixels():
    level = (255 - page_with(2).astype("float32")) / 255
    level = np.where(level > 0.2, level, 0)

    np.testing.assert_allclose(
        handwriting.normalize_size(level[None])[0, ..., 0],
        draw_np(level),
        atol=1e-4,
    )


# Photos and scans of different quality.
PHOTOS = {
    "fine pen": {"pen": 0.04, "height": 150},
    "thick pen": {"pen": 0.2},
    "off the center": {"center": (0.3, 0.7), "height": 80},
    "small on a large page": {"page": (600, 800), "height": 60},
    "fills the frame": {"page": (100, 80), "height": 100, "pen": 0.15},
    "tiny": {"page": (16, 16), "height": 14, "pen": 0.15},
    "grainy paper": {"texture": 0.04},
    "slope of light": {"gradient": 0.6, "texture": 0.02},
    "edge of a shadow": {"shadow": 0.5, "texture": 0.02},
    "faint pencil": {"ink": 0.6, "texture": 0.01},
    "specks of dirt": {"specks": 8},
    "out of focus": {"blur": 2.0},
}


@pytest.mark.parametrize("drawing", PHOTOS.values(), ids=PHOTOS)
@pytest.mark.parametrize("inverted", [False, True], ids=["dark", "light"])
def test_a_photo_gives_the_digit_of_a_clean_page(drawing, inverted):
    clean = found_on(page_with(0, **{"pen": 0.1} | pen_of(drawing)))
    page = page_with(0, **drawing)
    found = found_on(255 - page if inverted else page)

    # The same shape: correlation of the two images. Other digits' are
    # below 0.6 (next test).
    assert np.corrcoef(clean.ravel(), found.ravel())[0, 1] > 0.9


def pen_of(drawing):
    return {key: drawing[key] for key in ("pen",) if key in drawing}


def test_different_digits_differ():
    zero, *others = (found_on(page_with(number)) for number in (0, 1, 4, 7))
    for other in others:
        assert np.corrcoef(zero.ravel(), other.ravel())[0, 1] < 0.6


@pytest.mark.parametrize("number", range(10))
def test_digits_fit_a_box_of_20_with_centered_mass(number):
    digit = found_on(page_with(number))
    row, column = (
        (np.indices(digit.shape)[axis] * digit).sum() / digit.sum()
        for axis in (0, 1)
    )
    assert abs(row - 14) < 0.5
    assert abs(column - 14) < 0.5
    rows, columns = np.nonzero(digit > 0.3)
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == pytest.approx(20, abs=1)


def test_mnist_digits_hardly_change(shared_data):
    import tensorflow_datasets as tfds

    mnist = tfds.load(
        "mnist",
        data_dir=shared_data / "tfds",
        split="test[:100]",
        batch_size=-1,
    )["image"]
    found = extract(mnist)
    together = [
        np.corrcoef(np.ravel(page), np.ravel(digit))[0, 1]
        for page, digit in zip(mnist, found.digits, strict=True)
    ]
    # Softened by the pen and moved by up to half a pixel, no more.
    assert np.median(together) > 0.93
    assert min(together) > 0.75
    assert not np.any(found.several)


def test_position_size_and_polarity_do_not_matter():
    page = page_with(3, page=(200, 200), height=100)
    digit = found_on(page)

    def assert_same(other, tolerance):
        assert np.abs(found_on(other) - digit).mean() < tolerance

    assert_same(255 - page, 1e-3)
    assert_same(np.roll(page, (17, -23), axis=(0, 1)), 0.005)
    assert_same(page.repeat(2, axis=0).repeat(2, axis=1), 0.01)
    assert_same(np.stack([page] * 3, axis=-1), 1e-6)
    assert_same(page.astype("float32") / 255, 1e-6)


def test_a_batch_gives_the_same_as_single_pages():
    pages = np.stack([page_with(number) for number in range(3)])
    for page, digit in zip(pages, extract(pages).digits, strict=True):
        np.testing.assert_allclose(found_on(page), digit[..., 0], atol=1e-5)


@pytest.mark.parametrize("ink", [0, 255], ids=["black", "white"])
@pytest.mark.parametrize("hidden", [0, 255])
def test_transparent_pixels_are_background_whatever_their_color(ink, hidden):
    page = page_with(6, paper=1.0, ink=0.0)
    alpha = 255 - page
    color = np.where(alpha > 0, ink, hidden).astype("uint8")
    rgba = np.stack([color, color, color, alpha], axis=-1)

    assert np.abs(found_on(rgba) - found_on(page)).mean() < 0.01


def test_blank_paper_has_no_contrast_but_pencil_has():
    def contrast(**drawing):
        return extract(page_with(0, **drawing)[None]).contrast[0]

    assert contrast(ink=0.85) < MIN_CONTRAST
    assert contrast(ink=0.85, texture=0.01, gradient=0.4) < MIN_CONTRAST
    assert contrast(ink=0.6, texture=0.01, gradient=0.4) > MIN_CONTRAST


@pytest.mark.parametrize("numbers", [(1, 2), (0, 0), (7, 4)])
@pytest.mark.parametrize("axis", [0, 1], ids=["below", "beside"])
def test_two_digits_are_several(numbers, axis):
    pages = [page_with(n, page=(160, 120), height=100) for n in numbers]
    assert extract(np.concatenate(pages, axis)[None]).several[0]


def test_one_digit_in_pieces_or_with_specks_is_not_several():
    page = page_with(0, page=(240, 240), height=160)
    broken = page.copy()
    broken[110:120] = page[0, 0]  # a zero cut into two arcs
    assert not extract(broken[None]).several[0]
    assert not extract(page_with(3, specks=8)[None]).several[0]

    # A 5 whose bar was set apart: bar and bowl are both kept.
    five = np.full((200, 200), 220, "uint8")
    five[40:50, 90:140] = 20
    five[60:100, 80:90] = 20
    five[90:100, 80:130] = 20
    five[90:150, 125:135] = 20
    five[140:150, 80:130] = 20
    assert not extract(five[None]).several[0]
    digit = found_on(five)
    rows = np.flatnonzero(digit.max(axis=1) > 0.3)
    assert digit[rows[0]].sum() > 5  # the bar, 50 of 110 pixels: 9 of 20


def test_image_files_give_the_same_as_their_pixels():
    pages = [page_with(1), page_with(2, page=(90, 60), height=50)]
    files = []
    for page, kind in zip(pages, ("png", "bmp"), strict=True):
        file = io.BytesIO()
        Image.fromarray(page).save(file, kind)
        files.append(file.getvalue())
    read = decode_digits(tf.constant(files))

    for page, digit in zip(pages, read.digits, strict=True):
        np.testing.assert_allclose(digit[..., 0], found_on(page), atol=1e-4)


def test_files_that_are_not_images_are_refused():
    with pytest.raises(tf.errors.InvalidArgumentError, match="image"):
        decode_digits(tf.constant([b"hello"]))
    huge = bytearray(tf.io.encode_png(np.zeros((2, 2, 1), "uint8")).numpy())
    huge[16:24] = np.array([12_000, 12_000], ">u4").tobytes()
    with pytest.raises(tf.errors.InvalidArgumentError, match="40 megapixels"):
        decode_digits(tf.constant([bytes(huge)]))


@settings(max_examples=40, deadline=None)
@given(
    arrays.arrays(
        "uint8",
        st.tuples(
            st.integers(1, 2),
            st.integers(1, 70),
            st.integers(1, 70),
            st.integers(1, 4),
        ),
    )
)
def test_all_pixels_give_images_between_0_and_1(pages):
    found = extract(pages)

    assert found.digits.shape == (len(pages), 28, 28, 1)
    assert np.isfinite(found.digits).all()
    assert np.min(found.digits) >= 0
    assert np.max(found.digits) <= 1
    assert np.isfinite(found.contrast).all()


def strokes(*boxes):
    """A black page of 100x100 with white boxes (top, bottom, left, right)."""
    page = np.zeros((1, 100, 100), "uint8")
    for top, bottom, left, right in boxes:
        page[0, top:bottom, left:right] = 255
    return page


def test_adjacent_digits_are_several_but_a_bar_above_is_not():
    """The gap of 8 pixels is less than a quarter of the height of 40."""
    beside = extract(strokes((30, 70, 30, 36), (30, 70, 44, 50)))
    above = extract(strokes((30, 70, 30, 36), (18, 22, 28, 54)))
    assert beside.several.numpy().tolist() == [True]
    assert above.several.numpy().tolist() == [False]


def test_a_speck_near_a_stroke_is_removed():
    """6 of 240 pixels are 2.5 % of the ink; a stroke's part has 4 % or more."""
    clean = extract(strokes((30, 70, 30, 36))).digits
    speck = extract(strokes((30, 70, 30, 36), (50, 52, 42, 45))).digits
    np.testing.assert_allclose(speck, clean, atol=1e-3)


@pytest.mark.parametrize("seed", [39, 174, 401])
def test_a_shadow_does_not_hide_the_polarity_of_the_ink(seed, monkeypatch):
    """Light or dark ink, where most of the minority is a corner of a shadow."""
    images, _ = image_datasets.load("digits").test
    digit = images[seed % len(images), ..., 0] / 255
    page = random_photo(digit, np.random.default_rng(seed))[None]
    found = extract_digits(page)
    assert found.contrast > 0.35
    monkeypatch.setattr(handwriting, "MAX_OTHER_STRENGTH", np.inf)
    wrong = extract_digits(page)
    assert wrong.contrast < 0.25
    assert np.abs(found.digits - wrong.digits).max() > 0.5
