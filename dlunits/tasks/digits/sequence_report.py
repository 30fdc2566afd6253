"""Report of recurrent classifiers of sequences of image rows."""

import pathlib
from collections.abc import Mapping
from typing import Any

from dlunits.data.images.image_datasets import ImageDataset
from dlunits.reporting import figures
from dlunits.reporting.html_report import Section, duration, write_report
from dlunits.typing import Path


def accuracy_table(
    results: Mapping[str, Mapping[str, Any]], data: ImageDataset
) -> tuple[list[str], list[list[Any]]]:
    """Table of accuracies, sizes and training times.

    The validation accuracy is that of the epoch with the smallest validation
    loss, whose weights are kept.

    Args:
        results: Dict from name to a dict of `model`, `history`, `seconds`
            (duration of the training), and `scores`, class probabilities of
            the test images `(num_test, num_classes)`.
        data: Data set.

    Returns:
        `(header, rows)`, with one row per network.

    Example:

    >>> import keras, numpy as np, types
    >>> data = types.SimpleNamespace(test=(None, np.array([0, 1, 1, 1])))
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    >>> history = {"val_loss": [0.2, 0.3], "val_accuracy": [0.9, 0.95]}
    >>> _, [row] = accuracy_table({"lstm": {
    ...     "model": model, "history": history, "seconds": 61.0,
    ...     "scores": np.array([[1, 0], [1, 0], [0, 1], [0, 1]])}}, data)
    >>> row  # 2 * 2 + 2 parameters; one of four is wrong
    ['lstm', 6, '90.00 %', '75.00 %', 1, 2, '1 min 1 s']
    """
    header = [
        *("Cell", "Parameters", "Validation accuracy", "Test accuracy"),
        *("Test errors", "Epochs", "Training time"),
    ]
    rows = []
    for name, result in results.items():
        wrong = result["scores"].argmax(axis=1) != data.test[1]
        rows.append(
            [
                name,
                result["model"].count_params(),
                f"{validation_accuracy(result['history']):.2%}".replace(
                    "%", " %"
                ),
                f"{1 - wrong.mean():.2%}".replace("%", " %"),
                int(wrong.sum()),
                len(result["history"]["val_loss"]),
                duration(result["seconds"]),
            ]
        )
    return header, rows


def validation_accuracy(history: Mapping[str, list[float]]) -> float:
    """Validation accuracy of the epoch with the smallest validation loss."""
    best = figures.best_epoch(history, "val_loss")
    if best is None:
        raise ValueError("No validation loss of the history is finite.")
    return history["val_accuracy"][best - 1]


def write_sequence_report(
    path: Path,
    *,
    results: Mapping[str, Mapping[str, Any]],
    data: ImageDataset,
    command: str,
) -> pathlib.Path:
    """Writes the HTML report of one or several recurrent classifiers.

    The confusion matrix and the errors are those of the network with the best
    validation accuracy.

    Args:
        path: HTML file to write, in a folder that exists.
        results: As in `accuracy_table`.
        data: Data set.
        command: Command line of the run.

    Returns:
        Path of the report.

    Raises:
        OSError: If the file cannot be written.
    """
    images, labels = data.test
    names = data.class_names
    best = max(
        results, key=lambda name: validation_accuracy(results[name]["history"])
    )
    scores = results[best]["scores"]
    predictions = scores.argmax(axis=1)
    note = (
        f"Network with the best validation accuracy: {best}."
        if len(results) > 1
        else ""
    )
    return write_report(
        path,
        title=f"Sequences of rows: {', '.join(results)} on {data.name}",
        summary={
            "Test error": f"{(predictions != labels).mean():.2%}",
            "Network": best,
            "Training images": len(data.train[1]),
            "Validation images": len(data.validation[1]),
            "Test images": len(labels),
            "Parameters": results[best]["model"].count_params(),
        },
        sections=[
            Section(
                "Accuracy",
                "The input is the sequence of the rows of an image, from top "
                "to bottom; the class is predicted after the last row. Weights "
                "are those of the epoch with the smallest validation loss.",
                table=accuracy_table(results, data),
            ),
            Section(
                "Training",
                "The validation images are neither augmented nor used for "
                "training.",
                figures=[
                    (
                        figures.training_curves(result["history"]),
                        f"{name}: one point per epoch.",
                    )
                    for name, result in results.items()
                ],
            ),
            Section(
                "Test errors",
                note,
                figures=[
                    (
                        figures.confusion_matrix(labels, predictions, names),
                        "True and predicted classes.",
                    ),
                    (
                        figures.confident_errors(images, labels, scores, names),
                        "Most confident errors.",
                    ),
                ],
            ),
        ],
        command=command,
        dataset=data.source,
        seconds=sum(result["seconds"] for result in results.values()),
    )
