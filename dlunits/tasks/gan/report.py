"""Report of a GAN: samples, metrics, learning curves."""

import math
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from dlunits.data.images.image_datasets import ImageDataset
from dlunits.models import GAN
from dlunits.reporting.html_report import Section, write_report
from dlunits.reporting.image_grid import image_rows
from dlunits.reporting.layer_section import layer_section
from dlunits.reporting.style import (
    CURVE_COLORS,
    CURVE_DASHES,
    WIDTH,
    style_axes,
)
from dlunits.typing import Path

NUM_COLUMNS = 10  # images per row, without classes

METRICS = {
    "frechet": "Frechet distance",
    "kernel": "Kernel distance",
    "kernel_error": "Kernel distance, standard error",
    "score": "Classifier score",
    "covered": "Classes covered",
    "smallest_share": "Smallest class fraction",
    "divergence": "Class divergence (nats)",
    "agreement": "Label agreement",
    "nearer_to_train": "Nearer to training than to held-out images",
    "p_value": "p-value of memorization",
}

# Panel -> metrics of the history.
PANELS = {
    "Loss": ("discriminator_loss", "generator_loss", "val_discriminator_loss"),
    "Accuracy": ("real_accuracy", "fake_accuracy", "val_real_accuracy"),
    "Gradient norm": (
        "discriminator_gradient_norm",
        "generator_gradient_norm",
    ),
    "Diversity": ("diversity",),
}


def write_gan_report(
    path: Path,
    *,
    model: GAN,
    history: dict[str, list[float]],
    data: ImageDataset,
    metrics: dict[str, dict[str, float]],
    few_labels: list[dict[str, Any]] | None = None,
    command: str,
    seconds: float,
) -> pathlib.Path:
    """Writes the HTML report of a GAN.

    Args:
        path: HTML file to write, in a folder that exists.
        model: Trained GAN.
        history: Dict from the name of a metric to its values, one per epoch.
        data: Data set.
        metrics: Results of `dlunits.tasks.gan.evaluate.RealImages.evaluate`
            of `"generated"` and of `"real"` images.
        few_labels: Rows of
            `dlunits.tasks.gan.augment_classifier.few_label_table`, or `None`.
        command: Command line of the run.
        seconds: Duration of the training.

    Returns:
        Path of the report.

    Raises:
        OSError: If the file cannot be written.
    """
    generated = metrics["generated"]
    num_classes = len(data.class_names)
    sections = [
        Section(
            "Samples",
            "Generated with the moving average of the weights."
            + ("" if model.num_classes is None else " Columns are classes."),
            figures=[(samples(model), "Random samples, not selected.")],
        ),
        Section(
            "Quality",
            "Metrics are computed with the features and class probabilities "
            "of a LeNet-5, trained on the training images, and compare with "
            "the test images. Real: the same metrics of training images, as "
            "the baseline. Values based on other networks, such as the FID, "
            "are not comparable.\n\nFrechet distance and kernel distance "
            "compare the distributions of features; 0 is best. The classifier "
            "score is high if images are classified with confidence and "
            "classes are equally frequent; at most, it is the number of "
            "classes. A class is covered if at least 5 % of the images are of "
            "it. Class divergence is the Jensen-Shannon divergence of the "
            "class frequencies and those of the test images, 0 if equal. "
            "Label agreement is the fraction of images that are classified as "
            "the requested class. The fraction nearer to training than to "
            "held-out images is about 0.5 without memorization; the p-value "
            "is small if it differs from that.",
            table=metric_table(metrics),
        ),
        Section(
            "Training",
            "Accuracy: fractions of real and of generated images that the "
            "discriminator classifies correctly; it cannot distinguish them at "
            "0.5. Diversity: mean squared distance of two generated images, "
            "relative to real images; near 0 the generator has collapsed.",
            figures=[(curves(history), "One point per epoch.")],
        ),
    ]
    if few_labels:
        sections.append(
            Section(
                "Classifier with few labels",
                "Test error of LeNet-5, trained on few labeled images, alone "
                "and with images of the conditional generator. The generator "
                "is trained with the labels of all training images, so this "
                "is not a way to save labels.",
                table=few_labels,
            )
        )
    sections += [
        layer_section("Generator", model.generator),
        layer_section("Discriminator", model.discriminator),
    ]
    return write_report(
        path,
        title=f"GAN on {data.name}",
        summary={
            "Frechet distance": round(generated["frechet"], 2),
            "Classes covered": f"{generated['covered']:.0f} of {num_classes}",
            "Loss": model.adversarial_loss,
            "Training images": len(data.train[1]),
            "Epochs": len(history["generator_loss"]),
            "Parameters of the generator": model.generator.count_params(),
        },
        sections=sections,
        command=command,
        dataset=data.source,
        seconds=seconds,
    )


def metric_table(
    metrics: Mapping[str, Mapping[str, float]],
) -> list[dict[str, Any]]:
    """Table of metrics with one column per set of images.

    Args:
        metrics: Dict from the name of the column to its metrics.

    Returns:
        One dict per metric; values that are not known are `None`.

    Example:

    >>> metric_table({"real": {"frechet": 1.234, "covered": 10.0}})[0]
    {'metric': 'Frechet distance', 'real': 1.234}
    """
    return [
        {
            "metric": text,
            **{
                images: rounded(values.get(name, math.nan))
                for images, values in metrics.items()
            },
        }
        for name, text in METRICS.items()
        if any(name in values for values in metrics.values())
    ]


def rounded(value: float) -> float | None:
    """Rounds to four decimals; integers stay, NaN becomes `None`.

    >>> rounded(10.0), rounded(0.123456), rounded(float("nan"))
    (10, 0.1235, None)
    """
    if math.isnan(value):
        return None
    return int(value) if value == int(value) else round(value, 4)


def samples(model: GAN) -> Figure:
    """Plots eight rows of samples; columns of a conditional GAN are classes."""
    columns = model.num_classes or NUM_COLUMNS
    images = np.clip(model.generate(8 * columns, seed=0), 0, 1)
    rows = np.split(images.mean(axis=-1, keepdims=True), 8)
    return image_rows({f"{number + 1}": row for number, row in enumerate(rows)})


def curves(history: Mapping[str, list[float]]) -> Figure:
    """Plots losses, accuracies, gradient norms and diversity over the epochs.

    Args:
        history: Dict from the name of a metric to its values, one per epoch.

    Returns:
        Figure with one panel per group of metrics.

    Example:

    >>> curves({"generator_loss": [1.0], "diversity": [0.9]}).get_label()
    'Curves over 1 epochs: generator_loss, diversity.'
    """
    panels = {
        title: [name for name in names if name in history]
        for title, names in PANELS.items()
    }
    panels = {title: names for title, names in panels.items() if names}
    figure = Figure(figsize=(WIDTH, 2.2 * len(panels)), layout="constrained")
    all_axes = figure.subplots(len(panels), squeeze=False)[:, 0]
    for axes, (title, names) in zip(all_axes, panels.items(), strict=True):
        for index, name in enumerate(names):
            epochs = np.arange(1, len(history[name]) + 1)
            axes.plot(
                epochs,
                history[name],
                color=CURVE_COLORS[index],
                linestyle=CURVE_DASHES[index % len(CURVE_DASHES)],
                marker="o" if len(epochs) == 1 else None,
                label=name.replace("_", " "),
            )
        axes.set_ylabel(title)
        axes.legend(frameon=False, fontsize="small")
        style_axes(axes)
    all_axes[-1].set_xlabel("Epoch")
    plotted = [name for names in panels.values() for name in names]
    count = len(history[plotted[0]])
    figure.set_label(f"Curves over {count} epochs: {', '.join(plotted)}.")
    return figure
