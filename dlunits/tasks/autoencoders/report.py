"""The report of one autoencoder, or of several side by side."""

import math

import keras
import numpy as np

from dlunits.diagnostics import layer_table
from dlunits.reporting.figures import training_curves
from dlunits.reporting.html_report import Section, write_report
from dlunits.reporting.image_grid import SHOWN, first_of_each, image_rows
from dlunits.tasks.autoencoders.evaluate import drawn, mapped_labels
from dlunits.tasks.autoencoders.figures import (
    filters,
    latent_maps,
    rate_distortion_curves,
)
from dlunits.tasks.autoencoders.tables import (
    EXPLAINED,
    completeness,
    tables,
)


def write_autoencoder_report(path, *, results, data, command, seconds, seed):
    """Writes what autoencoders keep, cost, look at and are good for.

    Args:
        path: HTML file to write, in a folder that exists.
        results: Dict of name to a dict of `model`
            (`dlunits.models.Autoencoder`), `measures` (of
            `evaluate_autoencoder`, with `few_labels` of
            `dlunits.tasks.autoencoders.few_labels.few_label_errors`), and
            `history` (metric name to its values, one an epoch; empty for a
            model that was not trained). If one of them was trained, the report
            goes into its details.
        data: `dlunits.data.images.image_datasets.ImageDataset`, or what has its
            attributes.
        command: Text, the command that made the run.
        seconds: Number, how long training took.
        seed: Integer that the measures were taken with.

    Returns:
        `pathlib.Path` of the report.

    Raises:
        OSError: If the file cannot be written.
    """
    trained = [name for name, result in results.items() if result["history"]]
    sections = side_by_side(results, data, seed)
    summary = {
        "Training images": len(data.train[1]),
        "Test images": len(data.test[1]),
    }
    title = "Autoencoders"
    if len(trained) == 1:
        [name] = trained
        title = f"{name} autoencoder".capitalize()
        summary = key_figures(**results[name]) | summary
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


def key_figures(model, measures, history):
    return {
        "Code": completeness(measures),
        "Latent dimensions": f"{measures['latent_dim']:,} of "
        f"{measures['pixels']:,} pixels",
        "Mean squared error": measures["error"],
        "Bits a pixel": measures["bits_per_pixel"],
        "Linear probe": f"{measures['linear_probe']:.1%}",
        "Parameters": model.count_params(),
        "Epochs": len(history["loss"]),
    }


def side_by_side(results, data, seed):
    """The sections that any number of autoencoders share."""
    measures = {name: result["measures"] for name, result in results.items()}
    models = {name: result["model"] for name, result in results.items()}
    images = np.stack(list(one_of_each(data).values()))
    rows = {"original": images}
    for name, model in models.items():
        rows[name] = model.reconstruct(images)
    images_of = {
        "Reconstruction and compression": [
            (image_rows(rows), "Test images, and what comes back."),
            (
                rate_distortion_curves(
                    {n: m["rate_distortion"] for n, m in measures.items()}
                ),
                "One point a step of the quantizer.",
            ),
        ],
        "The code": [
            (
                latent_maps(
                    {n: m["latent_map"] for n, m in measures.items()},
                    mapped_labels(data, seed),
                    data.class_names,
                ),
                "Codes of test images, laid out by t-SNE without their "
                "labels (codes of two numbers as they are). Neighbors have "
                "similar codes; distances between clusters mean nothing.",
            )
        ],
        "What the code is good for": [
            (
                image_rows(
                    {
                        name: samples(model, data, seed)
                        for name, model in models.items()
                    }
                ),
                "Images that never were: decoded from random codes, for a "
                "variational autoencoder from its prior, else from a normal "
                "distribution with the mean and the covariance of the "
                "training codes.",
            )
        ],
    }
    return [
        Section(heading, EXPLAINED[heading], table, images_of.get(heading, ()))
        for heading, table in tables(results).items()
    ]


def details(result, data):
    """The sections that one autoencoder has to itself."""
    model = result["model"]
    return [
        Section(
            "Training",
            "The validation images are never trained on. Where training "
            "images are corrupted they are too, in every epoch the same.",
            figures=[
                (training_curves(result["history"]), "One point an epoch.")
            ],
        ),
        Section(
            "What it sees",
            figures=[
                (
                    filters(first_kernel(model), model.input_shape[1:3]),
                    "The weights of the first layer's units, those of the "
                    "largest norm; red is positive, blue negative, each on a "
                    "scale of its own.",
                ),
                (
                    image_rows(interpolations(model, one_of_each(data))),
                    "Between two test images: the straight line from code "
                    "to code, decoded.",
                ),
            ],
        ),
    ]


def layers(model):
    return [
        Section("Encoder", table=layer_table(model.encoder)),
        Section("Decoder", table=layer_table(model.decoder)),
    ]


def one_of_each(data):
    """The first test image of each class, at most ten, by class name."""
    images, labels = data.test
    return {
        data.class_names[labels[place]]: images[place] / np.float32(255)
        for place in first_of_each(labels)
    }


def interpolations(model, examples):
    """From the first example to the second, from the third to the fourth, ...

    Images by name -> rows of images by the names of their ends.
    """
    names = list(examples)
    lines = {}
    for a, b in zip(names[::2], names[1::2], strict=False):
        start, end = model.encode(np.stack([examples[a], examples[b]]))
        line = np.linspace(start, end, SHOWN, dtype="float32")
        lines[f"{a} to {b}"] = model.decode(line)
    return lines


def samples(model, data, seed):
    """(10, height, width, 1) of random codes."""
    if hasattr(model, "sample"):
        return model.sample(SHOWN, seed=seed)
    code = model.encode(drawn(data.train, 2000, seed)[0], batch_size=1000)
    mean = code.mean(axis=0)
    # Random sums of what the codes deviate by have their covariance.
    weights = np.random.default_rng(seed).normal(size=(SHOWN, len(code)))
    deviations = np.tensordot(weights, code - mean, axes=1)
    drawn_codes = mean + deviations / math.sqrt(len(code))
    return model.decode(drawn_codes.astype("float32"))


def first_kernel(model):
    """Kernel of the encoder's first dense layer, `(pixels, units)`."""
    return next(
        keras.ops.convert_to_numpy(layer.kernel)
        for layer in model.encoder.layers
        if isinstance(layer, keras.layers.Dense)
    )
