"""Report of a denoiser with results that can be checked by hand."""

import re

import numpy as np
import pytest

from dlunits.data.images import image_datasets
from dlunits.models import denoising_autoencoder
from dlunits.tasks.denoising.report import write_denoising_report


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Report on a denoiser with an error of 0.1 in every pixel."""
    data = image_datasets.load("digits")
    clean = data.test[0] / np.float32(255)
    errors = {"noisy": 0.5, "linear filter": 0.2, "denoiser": 0.1}
    results = {
        name: np.where(clean > 0.5, clean - error, clean + error)
        for name, error in errors.items()
    }
    path = tmp_path_factory.mktemp("run") / "report.html"
    written = write_denoising_report(
        path,
        model=denoising_autoencoder((28, 28, 1), 4, 1),
        history={"loss": [0.4, 0.3], "val_loss": [0.4, 0.35]},
        data=data,
        noise="gaussian, level 0.5",
        results=results,
        command="python apps/denoising_mnist.py --dataset=<digits>",
        seconds=312.4,
    )
    assert written == path
    return path.read_text(encoding="utf-8")


def test_the_summary_has_the_key_figures(report):
    summary = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", report))
    ssim = float(summary.pop("SSIM"))
    assert 0 < ssim < 1
    windows, near, everywhere = 64 * 4, 2 * 36 * 4, 196 + 196 + 196
    normal = 4 * (2 * (4 + 4 + 4 + 1) + 4)  # 4 numbers for a map or unit
    parameters = windows + 4 + 2 * (near + everywhere) + windows + 1 + normal
    # 20 log10(1 / 0.1) = 20 dB
    assert summary == {
        "PSNR (dB)": "20",
        "Training images": "1,372",
        "Test images": "300",
        "Epochs": "2",
        "Parameters": f"{parameters:,}",
    }


def test_the_table_has_one_row_per_result(report):
    header = re.findall(r'<th scope="col"[^>]*>(.*?)</th>', report)[:4]
    assert header[:2] == ["Images", "PSNR (dB)"] and header[3] == "SSIM"
    table = report.partition("</table>")[0]
    rows = re.findall(
        r'<th scope="row">(.*?)</th><td class="number">([\d.]+)<', table
    )
    # 20 log10(1 / 0.5), 20 log10(1 / 0.2), 20 log10(1 / 0.1)
    assert rows == [
        ("noisy", "6.02"),
        ("linear filter", "13.98"),
        ("denoiser", "20"),
    ]


def test_images_are_shown_before_and_after_denoising(report):
    alternatives = re.findall(r'alt="([^"]*)"', report)
    rows = "Rows of 10 images: clean, noisy, linear filter, denoiser."
    assert alternatives[:2] == [rows, rows]
    assert alternatives[2].startswith("Training curves, 2 epoch(s)")


def test_the_sections_are_in_order(report):
    assert re.findall(r"<h2.*?>(.*?)</h2>", report) == [
        "Quality",
        "Examples",
        "Training",
        "Encoder",
        "Decoder",
        "Run details",
    ]


def test_the_report_states_noise_command_and_duration(report):
    assert "<h1>Denoising digits</h1>" in report
    assert "Noise: gaussian, level 0.5, for pixels from 0 to 1." in report
    assert "--dataset=&lt;digits&gt;" in report
    assert "5 min 12 s" in report
