"""PSNR and SSIM against their equations."""

import numpy as np
import pytest

from dlunits.metrics import image_quality, mean_image_quality


def images(count=3):
    rng = np.random.default_rng(0)
    return rng.uniform(size=(count, 16, 14, 1)).astype("float32")


def ssim_np(a, b):
    """Wang et al., 2004, equation 13, in a loop over windows."""
    bell = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    window = np.outer(bell, bell) / bell.sum() ** 2
    values = []
    for row in range(a.shape[0] - 10):
        for column in range(a.shape[1] - 10):
            x, y = (
                p[row : row + 11, column : column + 11].astype("float64")
                for p in (a, b)
            )
            mean_x, mean_y = (window * x).sum(), (window * y).sum()
            variances = (window * (x - mean_x) ** 2).sum() + (
                window * (y - mean_y) ** 2
            ).sum()
            covariance = (window * (x - mean_x) * (y - mean_y)).sum()
            values.append(
                (2 * mean_x * mean_y + 0.01**2)
                / (mean_x**2 + mean_y**2 + 0.01**2)
                * (2 * covariance + 0.03**2)
                / (variances + 0.03**2)
            )
    return np.mean(values)


def test_psnr_is_computed_per_image():
    reference = images()
    noisy = np.clip(reference + 0.1 * (images()[::-1] - 0.5), 0, 1)
    quality = image_quality(noisy, reference)
    errors = ((noisy - reference).astype("float64") ** 2).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(
        quality["psnr"], 10 * np.log10(1 / errors), rtol=1e-5
    )


def test_ssim_matches_a_loop_from_the_paper():
    reference = images()
    noisy = np.clip(reference + 0.5 * (images()[::-1] - 0.5), 0, 1)
    expected = [
        ssim_np(a[..., 0], b[..., 0])
        for a, b in zip(noisy, reference, strict=True)
    ]
    assert min(expected) < 0.9
    np.testing.assert_allclose(
        image_quality(noisy, reference)["ssim"], expected, atol=1e-4
    )


def test_equal_images_have_the_maximum_quality():
    quality = image_quality(images(), images())
    assert quality["psnr"].tolist() == [100, 100, 100]
    np.testing.assert_allclose(quality["ssim"], 1, rtol=1e-6)


def test_results_do_not_depend_on_the_batch_size():
    reference, other = images(5), images(5)[::-1]
    whole, parts = (
        image_quality(other, reference, batch_size=size) for size in (5, 2)
    )
    for name in whole:
        np.testing.assert_allclose(parts[name], whole[name], rtol=1e-6)


def test_rejects_images_of_different_shapes():
    with pytest.raises(ValueError, match=r"Received: \(3, 16, 14, 1\) and"):
        image_quality(images(3), images(2))


def test_means_are_over_the_images_of_each_result():
    """Differences of 0.1 and 0.01 are 20 dB and 40 dB: mean 30 dB."""
    reference = np.full((2, 16, 14, 1), 0.5, "float32")
    steps = np.reshape([0.1, 0.01], (2, 1, 1, 1)).astype("float32")
    means = mean_image_quality(
        {"different": reference + steps, "same": reference}, reference
    )
    assert means["different"]["psnr"] == pytest.approx(30, abs=1e-3)
    assert means["different"]["ssim"] < means["same"]["ssim"] == 1
