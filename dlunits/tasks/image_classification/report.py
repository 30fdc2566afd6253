"""Report of an AlexNet run."""

import pathlib
from collections.abc import Mapping
from typing import Any

from dlunits.data.images.image_datasets import ImageDataset
from dlunits.diagnostics import layer_table
from dlunits.models import AlexNet
from dlunits.reporting import figures
from dlunits.reporting.html_report import Section, write_report
from dlunits.tasks.image_classification.figures import first_layer_filters
from dlunits.typing import Array, Path


def write_alexnet_report(
    path: Path,
    *,
    model: AlexNet,
    history: Mapping[str, list[float]],
    data: ImageDataset,
    scores: Array,
    metrics: Mapping[str, float],
    crops: int,
    command: str,
    seconds: float,
) -> pathlib.Path:
    """Writes the HTML report of an AlexNet run.

    It contains learning curves, the confusion matrix, the most confident
    errors, the kernels of the first layer, and the layers with their output
    sizes, parameters and FLOPs.

    Args:
        path: HTML file to write, in a folder that exists.
        model: AlexNet.
        history: Dict from the name of a metric to its values, one per epoch.
        data: Data set.
        scores: Class probabilities of the test images, `(num_test,
            num_classes)`.
        metrics: Dict of name to value: `"top_1"`, and others.
        crops: Number of crops that the scores are averaged over.
        command: Command line of the run.
        seconds: Duration of the training.

    Returns:
        Path of the report.

    Raises:
        OSError: If the file cannot be written.
    """
    images, labels = data.test
    names = data.class_names
    layers = layer_table(model)
    flops = sum(row["flops"] or 0 for row in layers)
    summary: dict[str, Any] = {
        f"Top-{name.removeprefix('top_')} accuracy": f"{value:.2%}"
        for name, value in metrics.items()
    }
    curves = figures.training_curves(history)
    confusion = figures.confusion_matrix(labels, scores.argmax(axis=1), names)
    errors = figures.confident_errors(images, labels, scores, names)
    filters = first_layer_filters(model.get_layer("conv1"))
    return write_report(
        path,
        title=f"AlexNet on {data.name}",
        summary={
            **summary,
            "Training images": len(data.train[1]),
            "Validation images": len(data.validation[1]),
            "Test images": len(labels),
            "Epochs": len(history["loss"]),
            "Parameters": model.count_params(),
            "GFLOPs per image": f"{flops / 1e9:.3g}",
        },
        sections=[
            Section(
                "Training",
                "Training images are cropped, shifted in color and, unless "
                "they are digits, reflected at random. Validation images are "
                "cropped at the center.",
                figures=[(curves, "One point per epoch.")],
            ),
            Section(
                "Test errors",
                "The probabilities of a test image are the mean over "
                f"{crops} crops.",
                figures=[
                    (confusion, "True and predicted classes."),
                    (errors, "Most confident errors."),
                ],
            ),
            Section(
                "Filters of the first layer",
                "Filters that have learned are smooth: edges of some "
                "orientation and frequency, and blobs of color. Noise is what "
                "they start with.",
                figures=[(filters, "Each kernel has its own scale.")],
            ),
            Section("Layers", table=layers),
        ],
        command=command,
        dataset=data.source,
        seconds=seconds,
    )
