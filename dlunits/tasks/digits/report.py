"""The report of a convolutional classifier of images."""

from dlunits.diagnostics import layer_table
from dlunits.reporting import figures
from dlunits.reporting.html_report import Section, write_report


def write_classifier_report(
    path,
    *,
    model,
    history,
    data,
    scores,
    example,
    feature_layers,
    command,
    seconds,
):
    """Writes what a classifier learnt, what it mistakes and what it sees.

    Learning curves, confusion matrix, the mistakes it was surest of, the
    feature maps of one image, and the table of layers with the arithmetic
    of their output sizes.

    Args:
        path: HTML file to write, in a folder that exists.
        model: Built Keras model.
        history: Dict of metric name to its values, one an epoch.
        data: `dlunits.data.images.image_datasets.ImageDataset`, or what has its
            attributes.
        scores: `(num_test, num_classes)`, the model's probabilities for the
            test images, in their order.
        example: The first test image as the model takes it,
            `(height, width, channels)`.
        feature_layers: Names of the layers whose maps are drawn.
        command: Text, the command that made the run.
        seconds: Number, how long training took.

    Returns:
        `pathlib.Path` of the report.

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
                "The validation images are not distorted and never trained on.",
                figures=[(curves, "One point an epoch.")],
            ),
            Section(
                "Mistakes on the test images",
                figures=[
                    (
                        confusion,
                        "What an image is, and what it was taken for.",
                    ),
                    (errors, "Wrong and sure of it, the surest first."),
                ],
            ),
            Section(
                "What it sees",
                figures=[(maps, f"The first test image: {names[labels[0]]}.")],
            ),
            Section("Layers", table=layer_table(model)),
        ],
        command=command,
        dataset=data.source,
        seconds=seconds,
    )
