"""Report of a denoiser, compared with a linear filter."""

import pathlib
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from matplotlib.figure import Figure

from dlunits.data.images.image_datasets import ImageDataset
from dlunits.metrics import image_quality
from dlunits.reporting.figures import training_curves
from dlunits.reporting.html_report import Section, write_report
from dlunits.reporting.image_grid import (
    MAX_COLUMNS,
    first_index_per_class,
    image_rows,
)
from dlunits.reporting.layer_section import layer_section
from dlunits.typing import Array, Path


def write_denoising_report(
    path: Path,
    *,
    model: keras.Model,
    history: dict[str, list[float]],
    data: ImageDataset,
    noise: str,
    results: dict[str, Array],
    command: str,
    seconds: float,
) -> pathlib.Path:
    """Writes the HTML report of a denoiser.

    It contains PSNR and SSIM on the test images, example images, the images
    with the lowest PSNR, learning curves, and the layers.

    Args:
        path: HTML file to write, in a folder that exists.
        model: Trained `dlunits.models.Autoencoder`.
        history: Dict from the name of a metric to its values, one per epoch.
        data: Data set.
        noise: Type and level of the noise.
        results: Dict from name to test images `(num_test, height, width, 1)`
            in [0, 1]: `"noisy"` first, then denoised ones, those of `model`
            last.
        command: Command line of the run.
        seconds: Duration of the training.

    Returns:
        Path of the report.

    Raises:
        OSError: If the file cannot be written.
        ValueError: If a result has another shape than the test images.
    """
    images, labels = data.test
    clean = images.astype("float32") / 255
    qualities = {
        name: image_quality(images, clean) for name, images in results.items()
    }
    *_, denoiser = qualities.values()
    rows = {"clean": clean, **results}
    worst = np.argsort(denoiser["psnr"], kind="stable")[:MAX_COLUMNS]
    return write_report(
        path,
        title=f"Denoising {data.name}",
        summary={
            "PSNR (dB)": round(float(denoiser["psnr"].mean()), 2),
            "SSIM": round(float(denoiser["ssim"].mean()), 3),
            "Training images": len(data.train[1]),
            "Test images": len(labels),
            "Epochs": len(history["loss"]),
            "Parameters": model.count_params(),
        },
        sections=[
            Section(
                "Quality",
                f"Noise: {noise}, for pixels from 0 to 1. Means over the test "
                "images of PSNR, the peak signal-to-noise ratio, and SSIM, the "
                "structural similarity, at most 1; higher is better. Of the "
                "PSNR also the 1st percentile, which 99 % of the images "
                "exceed. The linear filter is the optimal one for the training "
                "images: each output pixel is a weighted sum of all noisy "
                "pixels.",
                table=quality_table(qualities),
            ),
            Section(
                "Examples",
                figures=[
                    (
                        plot_images(rows, first_index_per_class(labels)),
                        "First test image of each class.",
                    ),
                    (
                        plot_images(rows, worst),
                        "Test images with the lowest PSNR of the denoiser.",
                    ),
                ],
            ),
            Section(
                "Training",
                "Each epoch has new noise; the validation images have the "
                "same noise in every epoch.",
                figures=[
                    (
                        training_curves(history),
                        "One point per epoch; the loss is the binary "
                        "cross-entropy of clean and denoised pixels.",
                    )
                ],
            ),
            layer_section("Encoder", model.encoder),
            layer_section("Decoder", model.decoder),
        ],
        command=command,
        dataset=data.source,
        seconds=seconds,
    )


def quality_table(
    qualities: Mapping[str, Mapping[str, Array]],
) -> list[dict[str, Any]]:
    """Table of mean PSNR and SSIM, and the 1st percentile of the PSNR.

    Args:
        qualities: Dict from name to the result of
            `dlunits.metrics.image_quality`.

    Returns:
        One dict per name.

    Example:

    >>> quality = {"psnr": np.arange(101.0), "ssim": np.full(101, 0.5)}
    >>> quality_table({"noisy": quality})[0]["PSNR (dB)"]  # mean of 0 ... 100
    50.0
    """
    return [
        {
            "images": name,
            "PSNR (dB)": round(float(quality["psnr"].mean()), 2),
            "PSNR, 1st percentile (dB)": round(
                float(np.quantile(quality["psnr"], 0.01)), 2
            ),
            "SSIM": round(float(quality["ssim"].mean()), 3),
        }
        for name, quality in qualities.items()
    ]


def plot_images(rows: Mapping[str, Array], indices: Array) -> Figure:
    """Plots the images with some indices, one row per name."""
    return image_rows({name: row[indices] for name, row in rows.items()})
