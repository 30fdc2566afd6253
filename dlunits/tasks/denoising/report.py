"""The report of a denoiser: how much cleaner, beside a linear filter."""

import numpy as np

from dlunits.diagnostics import layer_table
from dlunits.metrics import image_quality
from dlunits.reporting.figures import training_curves
from dlunits.reporting.html_report import Section, write_report
from dlunits.reporting.image_grid import (
    SHOWN,
    first_of_each,
    image_rows,
)


def write_denoising_report(
    path, *, model, history, data, noise, results, command, seconds
):
    """Writes what was taken away, what was not, and by what.

    Learning curves, PSNR and SSIM of every result over the test images, some
    images before and after, those that came out worst, and the layers.

    Args:
        path: HTML file to write, in a folder that exists.
        model: `dlunits.models.Autoencoder` that was trained.
        history: Dict of metric name to its values, one an epoch.
        data: `dlunits.data.images.image_datasets.ImageDataset`, or what has its
            attributes.
        noise: Text, which noise and how much.
        results: Dict of name to test images `(num_test, height, width, 1)`
            in [0, 1]: `"noisy"` first, then those that were cleaned, of which
            the last by `model`.
        command: Text, the command that made the run.
        seconds: Number, how long training took.

    Returns:
        `pathlib.Path` of the report.

    Raises:
        OSError: If the file cannot be written.
        ValueError: If a result is not as many images of that size.
    """
    images, labels = data.test
    clean = images.astype("float32") / 255
    qualities = {
        name: image_quality(images, clean) for name, images in results.items()
    }
    *_, ours = qualities.values()
    rows = {"clean": clean, **results}
    worst = np.argsort(ours["psnr"], kind="stable")[:SHOWN]
    return write_report(
        path,
        title=f"Denoising {data.name}",
        summary={
            "PSNR, dB": round(float(ours["psnr"].mean()), 2),
            "SSIM": round(float(ours["ssim"].mean()), 3),
            "Training images": len(data.train[1]),
            "Test images": len(labels),
            "Epochs": len(history["loss"]),
            "Parameters": model.count_params(),
        },
        sections=[
            Section(
                "How much cleaner",
                f"Noise: {noise}. Means over the test images. The linear "
                "filter is the best there is, fitted to the training "
                "images: every pixel a weighted sum of all noisy pixels.",
                table=quality_table(qualities),
            ),
            Section(
                "Before and after",
                figures=[
                    (
                        of_images(rows, first_of_each(labels)),
                        "The first test image of each class.",
                    ),
                    (
                        of_images(rows, worst),
                        "The test images that came out worst.",
                    ),
                ],
            ),
            Section(
                "Training",
                "Every epoch has new noise; the noise of the validation "
                "images stays the same.",
                figures=[
                    (
                        training_curves(history),
                        "One point an epoch; the loss is the binary "
                        "cross-entropy of clean and cleaned pixels.",
                    )
                ],
            ),
            Section("Encoder", table=layer_table(model.encoder)),
            Section("Decoder", table=layer_table(model.decoder)),
        ],
        command=command,
        dataset=data.source,
        seconds=seconds,
    )


def quality_table(qualities):
    """One row a result, with its means and its hundredth worst image.

    >>> ninety_and = {"psnr": np.arange(101.0), "ssim": np.full(101, 0.5)}
    >>> quality_table({"noisy": ninety_and})[0]["PSNR, dB"]  # 0 + ... + 100
    50.0
    """
    return [
        {
            "images": name,
            "PSNR, dB": round(float(quality["psnr"].mean()), 2),
            "of the worst 1 %": round(
                float(np.quantile(quality["psnr"], 0.01)), 2
            ),
            "SSIM": round(float(quality["ssim"].mean()), 3),
        }
        for name, quality in qualities.items()
    ]


def of_images(rows, chosen):
    return image_rows({name: row[chosen] for name, row in rows.items()})
