"""The report of recurrent networks that read images row by row."""

from dlunits.reporting import figures
from dlunits.reporting.html_report import Section, duration, write_report


def accuracy_table(results, data):
    """What each network got right, beside what it cost.

    Validation accuracy is that of the epoch whose weights were kept, the one
    of the smallest validation loss.

    Args:
        results: Dict of name to a dict of `model`, `history`, `seconds` of
            training, and `scores` `(num_test, num_classes)`, probabilities.
        data: `dlunits.data.images.image_datasets.ImageDataset`, or what has its
            attributes.

    Returns:
        `(header, rows)`, a row a network.

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


def validation_accuracy(history):
    """Of the epoch with the smallest validation loss."""
    best = figures.best_epoch(history, "val_loss")
    return history["val_accuracy"][best - 1]


def write_sequence_report(path, *, results, data, command):
    """Writes how well each cell reads, how it learnt, and what it mistakes.

    The confusion matrix and the mistakes are those of the network that is
    best on the validation images.

    Args:
        path: HTML file to write, in a folder that exists.
        results: As `accuracy_table` takes it.
        data: `dlunits.data.images.image_datasets.ImageDataset`, or what has its
            attributes.
        command: Text, the command that made the run.

    Returns:
        `pathlib.Path` of the report.

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
    of_best = (
        f"Of {best}, the best on the validation images."
        if len(results) > 1
        else ""
    )
    return write_report(
        path,
        title=f"Row by row: {', '.join(results)} on {data.name}",
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
                "An image is read as a sequence of its rows, from the top; "
                "the class is told after the last one. Weights are those of "
                "the epoch with the smallest validation loss.",
                table=accuracy_table(results, data),
            ),
            Section(
                "Training",
                "The validation images are not distorted and never trained on.",
                figures=[
                    (
                        figures.training_curves(result["history"]),
                        f"{name}: one point an epoch.",
                    )
                    for name, result in results.items()
                ],
            ),
            Section(
                "Mistakes on the test images",
                of_best,
                figures=[
                    (
                        figures.confusion_matrix(labels, predictions, names),
                        "What an image is, and what it was taken for.",
                    ),
                    (
                        figures.confident_errors(images, labels, scores, names),
                        "Wrong and sure of it, the surest first.",
                    ),
                ],
            ),
        ],
        command=command,
        dataset=data.source,
        seconds=sum(result["seconds"] for result in results.values()),
    )
