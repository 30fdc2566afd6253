"""The report of a GAN: what it draws, how it learnt, how good it is."""

import math

import numpy as np
from matplotlib.figure import Figure

from dlunits.diagnostics import layer_table
from dlunits.reporting.html_report import Section, write_report
from dlunits.reporting.image_grid import image_rows
from dlunits.reporting.style import CURVE_COLORS, CURVE_DASHES, WIDTH, plain

SHOWN = 10  # images in a row

QUALITIES = {
    "frechet": "Frechet distance",
    "kernel": "Kernel distance",
    "kernel_error": "its standard error",
    "score": "Classifier score",
    "covered": "Classes covered",
    "smallest_share": "Smallest share of a class",
    "divergence": "Divergence of classes, nats",
    "agreement": "Agreement with the label",
    "nearer_to_train": "Share nearer to training than to unseen images",
    "p_value": "p-value of that share",
}

# Panel -> metrics of the history drawn in it.
PANELS = {
    "Loss": ("discriminator_loss", "generator_loss", "val_discriminator_loss"),
    "Rightly judged": ("real_accuracy", "fake_accuracy", "val_real_accuracy"),
    "Norm of the gradient": (
        "discriminator_gradient_norm",
        "generator_gradient_norm",
    ),
    "Diversity": ("diversity",),
}


def write_gan_report(
    path,
    *,
    model,
    history,
    data,
    qualities,
    few_labels=None,
    command,
    seconds,
):
    """Writes what a GAN draws, how it learnt, and what a classifier says.

    Args:
        path: HTML file to write, in a folder that exists.
        model: `dlunits.models.GAN`.
        history: Dict of metric name to its values, one an epoch.
        data: `dlunits.data.images.image_datasets.ImageDataset`, or what has its
            attributes.
        qualities: Dict of name to what `RealImages.quality` gives: of
            `"generated"` images, and of `"real"` ones beside them.
        few_labels: Rows of the classifier's table, or `None`.
        command: Text, the command that made the run.
        seconds: Number, how long training took.

    Returns:
        `pathlib.Path` of the report.

    Raises:
        OSError: If the file cannot be written.
    """
    of_generated = qualities["generated"]
    classes = len(data.class_names)
    sections = [
        Section(
            "Images",
            "Drawn with the running average of the weights."
            + ("" if model.num_classes is None else " A column is a class."),
            figures=[(samples(model), "From random numbers, none left out.")],
        ),
        Section(
            "Quality",
            "By the features and answers of a LeNet-5 trained on the training "
            "images, beside the test images. Real: as many training "
            "images, which is the best that a generator can be asked for. "
            "Numbers of other networks, FIDs for one, do not compare.",
            table=quality_table(qualities),
        ),
        Section(
            "Training",
            "Judged rightly: of real and of generated images; 0.5 of both "
            "is a discriminator that is deceived. Diversity: how far two "
            "generated images are apart, by real ones; near 0 the generator "
            "has collapsed.",
            figures=[(curves(history), "One point an epoch.")],
        ),
    ]
    if few_labels:
        sections.append(
            Section(
                "A classifier with few labels",
                "LeNet-5, trained on so many labeled images, alone and "
                "with images that the conditional generator drew. The "
                "generator has seen the labels of all training images, "
                "which is why this is no way to save labels.",
                table=few_labels,
            )
        )
    sections += [
        Section("Generator", table=layer_table(model.generator)),
        Section("Discriminator", table=layer_table(model.discriminator)),
    ]
    return write_report(
        path,
        title=f"GAN on {data.name}",
        summary={
            "Frechet distance": round(of_generated["frechet"], 2),
            "Classes covered": f"{of_generated['covered']:.0f} of {classes}",
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


def quality_table(qualities):
    """One row a set of images, a column each number.

    >>> table = quality_table({"real": {"frechet": 1.234, "covered": 10.0}})
    >>> table[0]["Frechet distance"], table[0]["Classes covered"]
    (1.234, 10)
    """
    names = [
        name
        for name in QUALITIES
        if any(name in quality for quality in qualities.values())
    ]
    return [
        {
            "images": images,
            **{
                QUALITIES[name]: rounded(quality.get(name, math.nan))
                for name in names
            },
        }
        for images, quality in qualities.items()
    ]


def rounded(value):
    """Four digits behind the point, whole numbers as they are.

    >>> rounded(10.0), rounded(0.123456), rounded(float("nan"))
    (10, 0.1235, '')
    """
    if math.isnan(value):
        return ""
    return int(value) if value == int(value) else round(value, 4)


def samples(model):
    """Eight rows of images; of a conditional GAN with a class a column."""
    images = np.clip(model.generate(8 * columns(model), seed=0), 0, 1)
    rows = np.split(images.mean(axis=-1, keepdims=True), 8)
    return image_rows({f"{number + 1}": row for number, row in enumerate(rows)})


def columns(model):
    return model.num_classes or SHOWN


def curves(history):
    """Draws losses, accuracies, gradient norms and diversity over epochs.

    Example:

    >>> curves({"generator_loss": [1.0], "diversity": [0.9]}).get_label()
    'Over 1 epochs: generator_loss, diversity.'
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
        plain(axes)
    all_axes[-1].set_xlabel("Epoch")
    drawn = [name for names in panels.values() for name in names]
    count = len(history[drawn[0]])
    figure.set_label(f"Over {count} epochs: {', '.join(drawn)}.")
    return figure
