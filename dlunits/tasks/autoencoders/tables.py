"""Autoencoders side by side, in numbers."""

from dlunits.reporting.html_report import cell

EXPLAINED = {
    "Reconstruction and compression": (
        "All figures are of the test images. An undercomplete code has "
        "fewer units than an image has pixels. An image as it is has 8 bits "
        "a pixel; for a code, each unit is rounded to a multiple of one step, "
        "the coarsest that costs the validation images at most 0.1 dB, and "
        "coded with the frequencies that it has on training images. PSNR "
        "is of the error over all pixels of all images."
    ),
    "The code": (
        "Mean activation is that of the absolute values. A unit is dead if "
        "its variance is below a hundredth of the units' mean variance, and "
        "saturated where it is within 5 % of an end of its range, if it has "
        "two. The Jacobian norm says how far the code moves when the image "
        "moves a little; sensitivity is the same for a code scaled to vary "
        "as much as the images do."
    ),
    "What the code is good for": (
        "The linear probe is a logistic regression on codes of at most 10,000 "
        "training images, and the clusters are k-means of these, as many as "
        "there are classes; both are judged on the test images."
    ),
    "Anomalies and noise": (
        "The AUC (area under the ROC curve) says how well the reconstruction "
        "error of an image tells the test images from the same ones turned "
        "by 90 degrees, which have the same ink and strokes but are not what "
        "was learnt: 1 is perfect, 0.5 is guessing. Noisy are the test "
        "images under Gaussian noise of standard deviation 0.5, clipped to "
        "0 and 1, denoised what the autoencoder makes of these. None was "
        "trained for that: the kind called denoising learnt to fill in the "
        "half of the pixels that were missing. PSNR is of the error over all "
        "pixels."
    ),
    "Few labels": (
        "Test error of encoder and classifier trained together on few "
        "labeled images: from the weights learnt without labels, and the "
        "same net from scratch."
    ),
}

STARTS = {"pretrained": "pre-trained", "scratch": "from scratch"}


def tables(results):
    """Side by side, what was measured of each.

    Args:
        results: Dict of name to dict with `measures`, as for
            `write_autoencoder_report`.

    Returns:
        Dict of heading to `(header, rows)`; the first cell names the row, the
        others are texts or numbers, `None` where nothing can be said.
    """
    measures = {name: result["measures"] for name, result in results.items()}
    few = [row["labels"] for row in next(iter(measures.values()))["few_labels"]]
    columns_of = {
        "Reconstruction and compression": {
            "Latent dimensions": lambda m: m["latent_dim"],
            "Code": completeness,
            "MSE a pixel": lambda m: m["error"],
            "PSNR (dB)": lambda m: m["rate_distortion"][-1]["psnr"],
            "Bits a pixel": lambda m: m["bits_per_pixel"],
            "PSNR at these (dB)": lambda m: m["psnr"],
        },
        "The code": {
            "Mean activation": lambda m: m["mean_activation"],
            "Dead units (%)": lambda m: percent(m["dead_units"]),
            "Saturated (%)": lambda m: percent(m["saturation"]),
            "Jacobian norm": lambda m: m["jacobian_norm"],
            "Sensitivity": lambda m: m["sensitivity"],
        },
        "What the code is good for": {
            "Linear probe (%)": lambda m: percent(m["linear_probe"]),
            "Cluster purity": lambda m: m["purity"],
            "NMI": lambda m: m["nmi"],
        },
        "Anomalies and noise": {
            "AUC, turned": lambda m: m["anomaly_auc"],
            "PSNR noisy (dB)": lambda m: m["noisy_psnr"],
            "PSNR denoised (dB)": lambda m: m["denoised_psnr"],
        },
        "Few labels": {
            f"{number:,} labels, {words} (%)": (
                lambda m, place=place, start=start: percent(
                    m["few_labels"][place][start]
                )
            )
            for place, number in enumerate(few)
            for start, words in STARTS.items()
        },
    }
    return {
        heading: (
            ["Autoencoder", *columns],
            [
                [name, *(read(m) for read in columns.values())]
                for name, m in measures.items()
            ],
        )
        for heading, columns in columns_of.items()
        if columns
    }


def completeness(measures):
    """Whether the code has fewer numbers than the image has pixels."""
    fewer = measures["latent_dim"] < measures["pixels"]
    return "undercomplete" if fewer else "overcomplete"


def percent(share):
    """0.1234 -> 12.3"""
    return None if share is None else round(100 * share, 1)


def as_text(header, rows):
    """Lines of a table for a terminal: names left, figures right.

    >>> print(as_text(["name", "units"], [["PCA", 32], ["sparse", 1000]]))
    name    units
    PCA        32
    sparse  1,000
    """
    lines = [[cell(value) for value in line] for line in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            text.rjust(width) if column else text.ljust(width)
            for column, (text, width) in enumerate(
                zip(line, widths, strict=True)
            )
        ).rstrip()
        for line in lines
    )
