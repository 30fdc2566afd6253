"""Figures of autoencoders, read back from the artists."""

import numpy as np
import pytest

from dlunits.tasks.autoencoders.figures import (
    filters,
    latent_maps,
    rate_distortion_curves,
)


def shown(figure):
    """The image of a figure, as an array."""
    [axes] = figure.axes
    [image] = axes.images
    return np.asarray(image.get_array().filled(np.nan))


def images(seed, count=4, height=5, width=6):
    rng = np.random.default_rng(seed)
    return rng.uniform(size=(count, height, width, 1)).astype("float32")


def test_filters_are_sorted_by_their_norm():
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(30, 13)) * np.arange(1, 14)
    kernel[:, 12] = 0  # the smallest norm; no division by 0
    image = shown(filters(kernel, (5, 6), max_units=12))
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
    assert np.isnan(image[9:14, 18:]).all()  # the last row has two units


def test_filters_of_units_without_weights_are_blank():
    image = shown(filters(np.zeros((4, 1)), (2, 2)))
    assert not image[2:4, 2:4].any()


def test_filters_must_have_one_weight_per_pixel():
    with pytest.raises(ValueError, match=r"pixel of \(5, 6\).*\(29, 2\)"):
        filters(np.zeros((29, 2)), (5, 6))


def test_maps_show_all_codes_in_the_colors_of_their_classes():
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


def test_maps_distinguish_many_classes():
    labels = np.arange(26)
    figure = latent_maps(
        {"a": np.eye(26, 2)}, labels, [chr(97 + i) for i in labels]
    )
    marks = figure.axes[0].collections
    assert len({tuple(mark.get_facecolor()[0]) for mark in marks}) == 26


def test_curves_connect_the_points_with_a_rate():
    points = [
        {"step": 2, "bits_per_pixel": 0.1, "psnr": 15.0},
        {"step": 1, "bits_per_pixel": 0.4, "psnr": 18.0},
        {"step": 0, "bits_per_pixel": None, "psnr": 20.0},
    ]
    curves = {f"type {number}": points for number in range(10)}
    figure = rate_distortion_curves(curves)
    [axes] = figure.axes
    for line, name in zip(axes.lines, curves, strict=True):
        assert line.get_label() == name
        assert line.get_xydata().tolist() == [[0.1, 15], [0.4, 18]]
    looks = {(line.get_color(), line.get_linestyle()) for line in axes.lines}
    assert len(looks) == 10
    figure.draw_without_rendering()
    assert axes.get_xlabel() == "Bits per pixel"


def test_curves_leave_out_a_rate_of_zero():
    points = [
        {"step": 2, "bits_per_pixel": 0.0, "psnr": 12.0},
        {"step": 1, "bits_per_pixel": 0.4, "psnr": 18.0},
    ]
    figure = rate_distortion_curves({"dead": points})
    figure.draw_without_rendering()
    assert figure.axes[0].lines[0].get_xydata().tolist() == [[0.4, 18]]
