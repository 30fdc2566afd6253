"""Report of one autoencoder, or of several for comparison."""

import math
import pathlib
from typing import Any

import keras
import numpy as np

from dlunits.data.images.image_datasets import ImageDataset
from dlunits.models import Autoencoder
from dlunits.reporting.figure_text import shorten_names
from dlunits.reporting.figures import training_curves
from dlunits.reporting.html_report import Section, write_report
from dlunits.reporting.image_grid import (
    MAX_COLUMNS,
    first_index_per_class,
    image_rows,
)
from dlunits.reporting.layer_section import layer_section
from dlunits.tasks.autoencoders.evaluate import (
    latent_map_labels,
    sample_images,
)
from dlunits.tasks.autoencoders.figures import (
    filters,
    latent_maps,
    rate_distortion_curves,
)
from dlunits.tasks.autoencoders.tables import (
    DESCRIPTIONS,
    completeness,
    tables,
)
from dlunits.typing import Array, Path

MAX_NAME_LENGTH = 7  # characters of a class beside an interpolation


def write_autoencoder_report(
    path: Path,
    *,
    results: dict[str, dict[str, Any]],
    data: ImageDataset,
    command: str,
    seconds: float,
    seed: int,
) -> pathlib.Path:
    """Writes the HTML report of one or several autoencoders.

    Args:
        path: HTML file to write, in a folder that exists.
        results: Dict from name to a dict of `model`
            (`dlunits.models.Autoencoder`), `metrics` (of
            `evaluate_autoencoder`, with `few_labels` of
            `dlunits.tasks.autoencoders.few_labels.few_label_errors`), and
            `history` (from the name of a metric to its values, one per epoch;
            empty for a model without epochs, such as PCA). If exactly one has
            a history, the report contains its details.
        data: Data set.
        command: Command line of the run.
        seconds: Duration of the training.
        seed: Seed of the evaluation.

    Returns:
        Path of the report.

    Raises:
        OSError: If the file cannot be written.
    """
    trained = [name for name, result in results.items() if result["history"]]
    sections = comparison(results, data, seed)
    summary = {
        "Training images": len(data.train[1]),
        "Test images": len(data.test[1]),
    }
    title = "Autoencoders"
    if len(trained) == 1:
        [name] = trained
        title = f"{name} autoencoder".capitalize()
        summary = summary_metrics(**results[name]) | summary
        sections = [
            *details(results[name], data),
            *sections,
            *layers(results[name]["model"]),
        ]
    return write_report(
        path,
        title=f"{title} on {data.name}",
        summary=summary,
        sections=sections,
        command=command,
        dataset=data.source,
        seconds=seconds,
    )


def summary_metrics(
    model: Autoencoder, metrics: dict[str, Any], history: dict[str, list]
) -> dict[str, Any]:
    """Key figures of one autoencoder, by name."""
    return {
        "Code": completeness(metrics),
        "Latent dimensions": f"{metrics['latent_dim']:,} for "
        f"{metrics['pixels']:,} pixels",
        "Mean squared error per pixel": metrics["mse"],
        "Bits per pixel": metrics["bits_per_pixel"],
        "Accuracy of a linear probe": f"{metrics['linear_probe']:.1%}",
        "Parameters": model.count_params(),
        "Epochs": len(history["loss"]),
    }


def comparison(
    results: dict[str, dict[str, Any]], data: ImageDataset, seed: int
) -> list[Section]:
    """Sections for any number of autoencoders."""
    metrics = {name: result["metrics"] for name, result in results.items()}
    models = {name: result["model"] for name, result in results.items()}
    images = np.stack(list(first_images(data).values()))
    rows = {"original": images}
    for name, model in models.items():
        rows[name] = model.reconstruct(images)
    figures: dict[str, list] = {
        "Reconstruction and compression": [
            (image_rows(rows), "Test images and their reconstructions."),
            (
                rate_distortion_curves(
                    {n: m["rate_distortion"] for n, m in metrics.items()}
                ),
                "One point per quantizer step.",
            ),
        ],
        "Code": [
            (
                latent_maps(
                    {n: m["latent_map"] for n, m in metrics.items()},
                    latent_map_labels(data, seed),
                    data.class_names,
                ),
                "t-SNE of the codes of test images, computed without labels; "
                "two-dimensional codes are shown directly. Neighbors have "
                "similar codes; distances between clusters have no meaning.",
            )
        ],
        "Classification and clustering": [
            (
                image_rows(
                    {
                        name: samples(model, data, seed)
                        for name, model in models.items()
                    }
                ),
                "Generated images, decoded from random codes: from the prior "
                "of a variational autoencoder, otherwise from a normal "
                "distribution with the mean and the covariance of the "
                "training codes.",
            )
        ],
    }
    return [
        Section(heading, DESCRIPTIONS[heading], table, figures.get(heading, ()))
        for heading, table in tables(results).items()
    ]


def details(result: dict[str, Any], data: ImageDataset) -> list[Section]:
    """Sections about a single autoencoder."""
    model = result["model"]
    return [
        Section(
            "Training",
            "The validation images are not used for training. If training "
            "images are corrupted, validation images are too, with the same "
            "noise in every epoch.",
            figures=[
                (training_curves(result["history"]), "One point per epoch.")
            ],
        ),
        Section(
            "Features and interpolation",
            figures=[
                (
                    filters(first_kernel(model), model.input_shape[1:3]),
                    "Weights of the units of the first layer with the largest "
                    "norms; red is positive, blue is negative, with one scale "
                    "per unit.",
                ),
                (
                    image_rows(interpolate(model, first_images(data))),
                    "Linear interpolation between the codes of two test "
                    "images, decoded.",
                ),
            ],
        ),
    ]


def layers(model: Autoencoder) -> list[Section]:
    """Sections with the layers of encoder and decoder."""
    return [
        layer_section("Encoder", model.encoder),
        layer_section("Decoder", model.decoder),
    ]


def first_images(data: ImageDataset) -> dict[str, Array]:
    """First test image of each class, by class name, for at most 10 classes."""
    images, labels = data.test
    return {
        data.class_names[labels[index]]: images[index] / np.float32(255)
        for index in first_index_per_class(labels)
    }


def interpolate(
    model: Autoencoder, examples: dict[str, Array]
) -> dict[str, Array]:
    """Decodes linear interpolations between the codes of pairs of images.

    The pairs are the first and second image, the third and fourth, and so on.

    Args:
        model: Autoencoder.
        examples: Images by name.

    Returns:
        Dict from `"NAME to NAME"` to images `(10, height, width, 1)`.
    """
    names = shorten_names(list(examples), MAX_NAME_LENGTH)
    images = list(examples.values())
    lines = {}
    for first in range(0, len(names) - 1, 2):
        start, end = model.encode(np.stack(images[first : first + 2]))
        line = np.linspace(start, end, MAX_COLUMNS, dtype="float32")
        a, b = names[first : first + 2]
        lines[f"{a} to {b}"] = model.decode(line)
    return lines


def samples(model: Autoencoder, data: ImageDataset, seed: int) -> Array:
    """Decodes random codes, `(10, height, width, 1)`."""
    if hasattr(model, "sample"):
        return model.sample(MAX_COLUMNS, seed=seed)
    images, _ = sample_images(data.train, 2000, seed)
    code = model.encode(images, batch_size=1000)
    mean = code.mean(axis=0)
    # Random sums of the deviations have the covariance of the codes.
    weights = np.random.default_rng(seed).normal(size=(MAX_COLUMNS, len(code)))
    deviations = np.tensordot(weights, code - mean, axes=1)
    random_codes = mean + deviations / math.sqrt(len(code))
    return model.decode(random_codes.astype("float32"))


def first_kernel(model: Autoencoder) -> Array:
    """Kernel of the encoder's first dense layer, `(pixels, units)`."""
    return next(
        keras.ops.convert_to_numpy(layer.kernel)
        for layer in model.encoder.layers
        if isinstance(layer, keras.layers.Dense)
    )
