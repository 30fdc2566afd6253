"""Tables that compare autoencoders."""

from collections.abc import Callable
from typing import Any, TypeAlias

# Header and rows.
Table: TypeAlias = tuple[list[str], list[list[Any]]]

DESCRIPTIONS = {
    "Reconstruction and compression": (
        "All values are those of the test images, with pixels in [0, 1]. An "
        "undercomplete code has fewer units than an image has pixels. An "
        "uncompressed image has 8 bits per pixel. A code is compressed as "
        "follows: each unit is rounded to a multiple of the largest step that "
        "reduces the PSNR of the validation images by at most 0.1 dB, and "
        "entropy-coded with its frequencies on training images. PSNR, the "
        "peak signal-to-noise ratio, is that of the mean squared error (MSE) "
        "over all images."
    ),
    "Code": (
        "Mean activation is the mean absolute value. A unit is dead if its "
        "variance is below 1 % of the mean variance of the units, and "
        "saturated where it is within 5 % of a limit of a bounded range. The "
        "Jacobian norm is the change of the code per change of the image; "
        "sensitivity is the same for a code scaled to the variance of the "
        "images."
    ),
    "Classification and clustering": (
        "The linear probe is a logistic regression on the codes of at most "
        "10,000 training images; its accuracy is given. The clusters are "
        "those of k-means on the same codes, one per class. Purity is the "
        "fraction of images whose class is the most frequent one of their "
        "cluster. NMI is the normalized mutual information of clusters and "
        "classes, in [0, 1]. All are evaluated on the test images."
    ),
    "Anomaly detection and denoising": (
        "The AUC (area under the ROC curve) is that of the reconstruction "
        "error as an anomaly score, with the test images as normal and the "
        "same images rotated by 90 degrees as anomalies: 1 is perfect, 0.5 is "
        "chance. Noisy images are the test images with Gaussian noise of "
        "standard deviation 0.5, clipped to 0 and 1; denoised images are "
        "their reconstructions. No autoencoder is trained with that noise: "
        "the denoising one is trained with half of the pixels masked. The "
        "PSNR is that of the mean squared error over all images."
    ),
    "Few labels": (
        "Test error of a classifier on top of the encoder, fine-tuned with "
        "few labeled images: with the pre-trained encoder, and of the same "
        "network trained from scratch."
    ),
}

INITIALIZATIONS = {"pretrained": "pre-trained", "scratch": "from scratch"}


def tables(results: dict[str, dict[str, Any]]) -> dict[str, Table]:
    """Tables of the metrics of several autoencoders.

    Args:
        results: Dict from name to a dict with `metrics`, as in
            `dlunits.tasks.autoencoders.report.write_autoencoder_report`.

    Returns:
        Dict from heading to `(header, rows)`. The first cell of a row is the
        name; a cell is `None` where a metric is not defined.
    """
    metrics = {name: result["metrics"] for name, result in results.items()}
    few = [row["labels"] for row in next(iter(metrics.values()))["few_labels"]]
    columns_of: dict[str, dict[str, Callable[[dict[str, Any]], Any]]] = {
        "Reconstruction and compression": {
            "Latent dimensions": lambda m: m["latent_dim"],
            "Code": completeness,
            "MSE per pixel": lambda m: m["mse"],
            "PSNR (dB)": lambda m: m["rate_distortion"][-1]["psnr"],
            "Bits per pixel": lambda m: m["bits_per_pixel"],
            "PSNR at this rate (dB)": lambda m: m["psnr"],
        },
        "Code": {
            "Mean activation": lambda m: m["mean_activation"],
            "Dead units (%)": lambda m: percent(m["dead_units"]),
            "Saturated (%)": lambda m: percent(m["saturation"]),
            "Jacobian norm": lambda m: m["jacobian_norm"],
            "Sensitivity": lambda m: m["sensitivity"],
        },
        "Classification and clustering": {
            "Linear probe (%)": lambda m: percent(m["linear_probe"]),
            "Cluster purity": lambda m: m["purity"],
            "NMI": lambda m: m["nmi"],
        },
        "Anomaly detection and denoising": {
            "AUC (rotated)": lambda m: m["anomaly_auc"],
            "PSNR, noisy (dB)": lambda m: m["noisy_psnr"],
            "PSNR, denoised (dB)": lambda m: m["denoised_psnr"],
        },
        "Few labels": {
            f"{number:,} labels, {words} (%)": few_label_error(index, start)
            for index, number in enumerate(few)
            for start, words in INITIALIZATIONS.items()
        },
    }
    return {
        heading: (
            ["Autoencoder", *columns],
            [
                [name, *(read(m) for read in columns.values())]
                for name, m in metrics.items()
            ],
        )
        for heading, columns in columns_of.items()
        if columns
    }


def few_label_error(
    index: int, start: str
) -> Callable[[dict[str, Any]], float | None]:
    """Function that reads a test error, in %, from the metrics."""
    return lambda metrics: percent(metrics["few_labels"][index][start])


def completeness(metrics: dict[str, Any]) -> str:
    """Whether the code has fewer values than the image has pixels."""
    fewer = metrics["latent_dim"] < metrics["pixels"]
    return "undercomplete" if fewer else "overcomplete"


def percent(fraction: float | None) -> float | None:
    """0.1234 -> 12.3"""
    return None if fraction is None else round(100 * fraction, 1)
