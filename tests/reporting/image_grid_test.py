"""Positions of the images of a grid."""

import numpy as np
import pytest

from dlunits.reporting.image_grid import image_rows


def shown(figure):
    """The only image of a figure, as an array."""
    [axes] = figure.axes
    [image] = axes.images
    return np.asarray(image.get_array().filled(np.nan))


def images(seed, count=4, height=5, width=6):
    rng = np.random.default_rng(seed)
    return rng.uniform(size=(count, height, width, 1)).astype("float32")


def test_rows_are_aligned_with_their_names():
    rows = {"original": images(0), "linear": images(1), "$pca": images(2)}
    figure = image_rows(rows)
    image = shown(figure)
    # 3 rows of 5 and 4 columns of 6 pixels, with 2 between and around them
    assert image.shape == (3 * 5 + 4 * 2, 4 * 6 + 5 * 2)
    for line, name in enumerate(rows):
        for column in range(4):
            top, left = 2 + line * 7, 2 + column * 8
            np.testing.assert_array_equal(
                image[top : top + 5, left : left + 6],
                rows[name][column, ..., 0],
            )
    [axes] = figure.axes
    assert [text.get_text() for text in axes.get_yticklabels()] == list(rows)
    for line, place in enumerate(axes.get_yticks()):
        assert 2 + line * 7 <= place <= 7 + line * 7
    figure.draw_without_rendering()  # "$" is not parsed as a formula


def test_the_color_scale_does_not_depend_on_the_values():
    figure = image_rows({"beyond": 3 * images(0) - 1})
    [image] = figure.axes[0].images
    assert image.get_clim() == (0, 1)
    assert image.cmap.name == "gray"  # 0 is black


@pytest.mark.parametrize(
    "rows",
    [
        {"a": images(0), "b": images(0, count=3)},
        {"a": images(0, count=0)},
        {},
    ],
)
def test_rows_must_have_equally_many_images(rows):
    with pytest.raises(ValueError, match=r"equally many.*Received: shapes"):
        image_rows(rows)
