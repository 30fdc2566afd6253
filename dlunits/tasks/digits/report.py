"""Report of an image classifier."""

import pathlib
from collections.abc import Mapping, Sequence

import keras

from dlunits.data.images.image_datasets import ImageDataset
from dlunits.reporting import figures
from dlunits.reporting.html_report import Section, write_report
from dlunits.reporting.layer_section import layer_section
from dlunits.typing import Array, Path


def write_classifier_report(
    path: Path,
    *,
    model: keras.Model,
    history: Mapping[str, list[float]],
    data: ImageDataset,
    scores: Array,
    example: Array,
    feature_layers: Sequence[str],
    command: str,
    seconds: float,
) -> pathlib.Path:
    """Writes the HTML report of an image classifier.

    It contains learning curves, the confusion matrix, the most confident
    errors, feature maps of one image, and the layers with the arithmetic of
    their output sizes.

    Args:
        path: HTML file to write, in a folder that exists.
        model: Built Keras model.
        history: Dict from the name of a metric to its values, one per epoch.
        data: Data set.
        scores: Class probabilities of the test images, `(num_test,
            num_classes)`.
        example: First test image as input of the model, `(height, width,
            channels)`.
        feature_layers: Names of the layers whose feature maps are shown.
        command: Command line of the run.
        seconds: Duration of the training.

    Returns:
        Path of the report.

    Raises:
        OSError: If the file cannot be written.
    """
    images, labels = data.test
    names = data.class_names
    predictions = scores.argmax(axis=1)
    curves = figures.training_curves(history)
    confusion = figures.confusion_matrix(labels, predictions, names)
    errors = figures.confident_errors(images, labels, scores, names)
    maps = figures.feature_maps(model, example, feature_layers)
    return write_report(
        path,
        title=f"{type(model).__name__} on {data.name}",
        summary={
            "Test error": f"{(predictions != labels).mean():.2%}",
            "Training images": len(data.train[1]),
            "Validation images": len(data.validation[1]),
            "Test images": len(labels),
            "Epochs": len(history["loss"]),
            "Parameters": model.count_params(),
        },
        sections=[
            Section(
                "Training",
                "The validation images are neither augmented nor used for "
                "training.",
                figures=[(curves, "One point per epoch.")],
            ),
            Section(
                "Test errors",
                figures=[
                    (
                        confusion,
                        "True and predicted classes.",
                    ),
                    (errors, "Most confident errors."),
                ],
            ),
            Section(
                "Feature maps",
                figures=[(maps, f"First test image: {names[labels[0]]}.")],
            ),
            layer_section("Layers", model),
        ],
        command=command,
        dataset=data.source,
        seconds=seconds,
    )
