"""What the figures of autoencoders show, read back from what was drawn."""

import numpy as np
import pytest

from dlunits.reporting.autoencoder_figures import (
    filters,
    latent_maps,
    picture_rows,
    rate_distortion_curves,
)


def shown(figure):
    """The only picture of a figure, as an array."""
    [axes] = figure.axes
    [image] = axes.images
    return np.asarray(image.get_array().filled(np.nan))


def pictures(seed, count=4, height=5, width=6):
    rng = np.random.default_rng(seed)
    return rng.uniform(size=(count, height, width, 1)).astype("float32")


def test_rows_of_pictures_stand_where_their_names_do():
    rows = {"original": pictures(0), "linear": pictures(1), "$pca": pictures(2)}
    figure = picture_rows(rows)
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
    figure.draw_without_rendering()  # "$" is no formula


def test_rows_are_drawn_on_one_scale_whatever_is_in_them():
    figure = picture_rows({"beyond": 3 * pictures(0) - 1})
    [image] = figure.axes[0].images
    assert image.get_clim() == (0, 1)


@pytest.mark.parametrize(
    "rows",
    [
        {"a": pictures(0), "b": pictures(0, count=3)},
        {"a": pictures(0, count=0)},
        {},
    ],
)
def test_rows_must_be_of_equally_many_pictures(rows):
    with pytest.raises(ValueError, match=r"equally many.*Received: shapes"):
        picture_rows(rows)


def test_filters_are_the_weights_the_largest_first():
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(30, 13)) * np.arange(1, 14)
    kernel[:, 12] = 0  # the smallest, and not divided by
    image = shown(filters(kernel, (5, 6), most=12))
    assert image.shape == (2 * 5 + 3 * 2, 10 * 6 + 11 * 2)
    order = sorted(range(13), key=lambda unit: -np.linalg.norm(kernel[:, unit]))
    for place, unit in enumerate(order[:12]):
        line, column = divmod(place, 10)
        top, left = 2 + line * 7, 2 + column * 8
        weights = kernel[:, unit].reshape(5, 6)
        np.testing.assert_allclose(
            image[top : top + 5, left : left + 6],
            weights / np.abs(weights).max(),
            rtol=1e-6,
        )
    assert np.isnan(image[9:14, 18:]).all()  # two units stand in the last line


def test_filters_of_units_without_weights_are_blank():
    image = shown(filters(np.zeros((4, 1)), (2, 2)))
    assert not image[2:4, 2:4].any()


def test_filters_must_have_a_weight_for_each_pixel():
    with pytest.raises(ValueError, match=r"pixel of \(5, 6\).*\(29, 2\)"):
        filters(np.zeros((29, 2)), (5, 6))


def test_maps_draw_every_code_at_its_place_in_the_colour_of_its_class():
    rng = np.random.default_rng(0)
    maps = {name: rng.normal(size=(40, 2)) for name in ("PCA", "VAE")}
    labels = rng.integers(0, 3, 40)
    figure = latent_maps(maps, labels, ["cat", "$dog", "fox", "none"])
    for axes, (name, points) in zip(figure.axes, maps.items(), strict=True):
        assert axes.get_title() == name
        colors = set()
        for label, marks in enumerate(axes.collections):
            np.testing.assert_array_equal(
                marks.get_offsets(), points[labels == label]
            )
            colors.add(tuple(marks.get_facecolor()[0]))
        assert len(colors) == 3
        assert [text.get_text() for text in axes.texts] == [
            "cat",
            "$dog",
            "fox",
        ]
    figure.draw_without_rendering()


def test_maps_tell_many_classes_apart():
    labels = np.arange(26)
    figure = latent_maps(
        {"a": np.eye(26, 2)}, labels, [chr(97 + i) for i in labels]
    )
    marks = figure.axes[0].collections
    assert len({tuple(mark.get_facecolor()[0]) for mark in marks}) == 26


def test_curves_join_the_points_that_have_a_rate():
    points = [
        {"step": 2, "bits_per_pixel": 0.1, "psnr": 15.0},
        {"step": 1, "bits_per_pixel": 0.4, "psnr": 18.0},
        {"step": 0, "bits_per_pixel": None, "psnr": 20.0},
    ]
    curves = {f"kind {number}": points for number in range(10)}
    figure = rate_distortion_curves(curves)
    [axes] = figure.axes
    for line, name in zip(axes.lines, curves, strict=True):
        assert line.get_label() == name
        assert line.get_xydata().tolist() == [[0.1, 15], [0.4, 18]]
    looks = {(line.get_color(), line.get_linestyle()) for line in axes.lines}
    assert len(looks) == 10
    figure.draw_without_rendering()
    assert axes.get_xlabel() == "Bits per pixel"


def test_curves_leave_out_a_rate_of_zero_that_no_logarithm_has():
    points = [
        {"step": 2, "bits_per_pixel": 0.0, "psnr": 12.0},
        {"step": 1, "bits_per_pixel": 0.4, "psnr": 18.0},
    ]
    figure = rate_distortion_curves({"dead": points})
    figure.draw_without_rendering()
    assert figure.axes[0].lines[0].get_xydata().tolist() == [[0.4, 18]]
