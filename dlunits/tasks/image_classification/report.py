"""Report of an AlexNet run."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sklearn.metrics
import tensorflow as tf

from dlunits.data.images.crop_augmentation import (
    RandomCrop,
    center_crop,
    color_components,
)
from dlunits.data.images.image_datasets import ImageDataset
from dlunits.diagnostics import layer_table
from dlunits.models import AlexNet
from dlunits.reporting import figures
from dlunits.reporting.html_report import Section, write_report
from dlunits.reporting.layer_section import layer_section
from dlunits.tasks.image_classification.figures import (
    augmented_images,
    first_layer_filters,
)
from dlunits.tasks.image_classification.train import (
    resized_image_size,
    top_k_accuracy,
)
from dlunits.training.run_directory import write_history
from dlunits.typing import Array, Path

MAX_MATRIX = 50  # classes of a confusion matrix
MAX_PAIRS = 20  # rows of the table of confused classes
NUM_EXAMPLES, NUM_VARIANTS = 3, 7  # of the figure of augmented images


def write_alexnet_report(
    path: Path,
    *,
    model: AlexNet,
    history: Mapping[str, list[float]],
    data: ImageDataset,
    center_scores: Array,
    scores: Array,
    metrics: Mapping[str, float],
    flip: bool,
    command: str,
    seconds: float,
) -> pathlib.Path:
    """Writes the HTML report of an AlexNet run.

    It contains learning curves, the accuracy of one crop and of several, the
    confusion matrix, the most confident errors, the kernels of the first layer,
    augmented images, feature maps, and the layers with their output sizes,
    parameters and FLOPs.

    Args:
        path: HTML file to write, in a folder that exists.
        model: AlexNet.
        history: Dict from the name of a metric to its values, one per epoch.
        data: Data set.
        center_scores: Class probabilities of the central crops of the test
            images, `(num_test, num_classes)`.
        scores: The probabilities averaged over crops.
        metrics: Dict of name to value: `"top_1"`, and others.
        flip: Whether images are reflected in training and for `scores`.
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
    crop_size = model.input_shape[1]
    image_size = resized_image_size(crop_size)
    crops = 10 if flip else 5
    curves = figures.training_curves(history)
    errors = figures.confident_errors(images, labels, scores, names)
    augment = RandomCrop(
        crop_size, image_size, flip, color_components(data.train[0])
    )
    example = center_crop(tf.constant(images[:1]), crop_size, image_size)[0]
    maps = figures.feature_maps(model, example, ["conv1", "conv2", "conv5"])
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
                "Training images are cropped and shifted in color"
                + (" and reflected" if flip else "")
                + " at random. Validation images are cropped at the center.",
                figures=[(curves, "One point per epoch.")],
            ),
            Section(
                "Accuracy of one crop and of several",
                f"{crops} crops are the corners and the center of an image"
                + (", also reflected" if flip else "")
                + ". Their class probabilities are averaged. All other test "
                f"results are those of {crops} crops. Top-k accuracy is the "
                "fraction of images whose class is among the k most probable "
                "ones.",
                table=accuracy_rows(
                    labels,
                    {"central crop": center_scores, f"{crops} crops": scores},
                ),
            ),
            errors_section(labels, scores, names),
            Section(
                "Most confident errors",
                figures=[(errors, "True class, predicted class, probability.")],
            ),
            Section(
                "Augmentation",
                "Every training step uses new random crops. The shift of the "
                "colors is random along the principal components of the "
                "colors of the training images.",
                figures=[
                    (augmented_images(*variants(data.train[0], augment)), "")
                ],
            ),
            Section(
                "Feature maps",
                figures=[(maps, f"First test image: {names[labels[0]]}.")],
            ),
            Section(
                "Filters of the first layer",
                "Trained filters are smooth: edges of various orientations "
                "and frequencies, and blobs of color. Filters that look like "
                "noise are close to their initial values.",
                figures=[(filters, "Each kernel has its own scale.")],
            ),
            layer_section("Layers", model),
        ],
        command=command,
        dataset=data.source,
        seconds=seconds,
    )


def write_predictions(
    path: Path, data: ImageDataset, scores: Array
) -> pathlib.Path:
    """Writes the predictions of the test images as a CSV file.

    Args:
        path: CSV file to write, in a folder that exists.
        data: Data set.
        scores: Class probabilities of the test images, `(num_test,
            num_classes)`.

    Returns:
        Path of the file. Its columns are `image` (the path in the folder, or
        the number in the test split from 0), `class`, `predicted_class`,
        `correct` and the `probability` of the predicted and of the true class.

    Raises:
        OSError: If the file cannot be written.
    """
    path, names = pathlib.Path(path), data.class_names
    _, labels = data.test
    predictions = scores.argmax(axis=1)
    images = data.test_files or range(len(labels))
    write_history(
        path,
        [
            {
                "image": image,
                "class": names[label],
                "predicted_class": names[predicted],
                "correct": bool(label == predicted),
                "probability": float(row[predicted]),
                "probability_of_class": float(row[label]),
            }
            for image, label, predicted, row in zip(
                images, labels, predictions, scores, strict=True
            )
        ],
    )
    return path


def accuracy_rows(
    labels: Array, scores: Mapping[str, Array]
) -> list[dict[str, Any]]:
    """Rows of a table of top-1 and, of more than 5 classes, top-5 accuracy.

    >>> accuracy_rows(np.array([0, 1]), {"a": np.array([[0.9, 0.1]] * 2)})
    [{'crops': 'a', 'top-1 accuracy': '50.00%'}]
    """
    return [
        {"crops": name}
        | {
            f"top-{k} accuracy": f"{top_k_accuracy(values, labels, k):.2%}"
            for k in (1, 5)
            if k == 1 or values.shape[1] > k
        }
        for name, values in scores.items()
    ]


def errors_section(
    labels: Array, scores: Array, names: Sequence[str]
) -> Section:
    """Confusion matrix or, of more than 50 classes, the most confused pairs."""
    predictions = scores.argmax(axis=1)
    if len(names) <= MAX_MATRIX:
        figure = figures.confusion_matrix(labels, predictions, names)
        caption = "True and predicted classes."
        return Section("Test errors", figures=[(figure, caption)])
    counts = sklearn.metrics.confusion_matrix(
        labels, predictions, labels=range(len(names))
    )
    np.fill_diagonal(counts, 0)
    order = np.argsort(-counts, axis=None, kind="stable")[:MAX_PAIRS]
    pairs = zip(*np.unravel_index(order, counts.shape), strict=True)
    rows = [
        [names[true], names[predicted], int(counts[true, predicted])]
        for true, predicted in pairs
        if counts[true, predicted]
    ]
    return Section(
        "Test errors",
        "The pairs of classes that are confused most often.",
        table=(["Class", "Predicted class", "Images"], rows),
    )


def variants(images: Array, augment: RandomCrop) -> tuple[Array, Array]:
    """Some images, and augmented variants of each."""
    chosen = images[:: -(-len(images) // NUM_EXAMPLES)]
    repeated = tf.constant(np.repeat(chosen, NUM_VARIANTS, axis=0))
    crops = augment(repeated, tf.constant([0, 0])).numpy()
    return chosen, crops.reshape(len(chosen), NUM_VARIANTS, *crops.shape[1:])
