"""Trains AlexNet on a folder of images, or classifies images with it.

Paper: Krizhevsky, Sutskever and Hinton, 2012, "ImageNet classification with
deep convolutional neural networks", https://papers.nips.cc/paper/4824

Usage:
    python apps/alexnet_images.py
    python apps/alexnet_images.py --dataset=photos --width=0.5 --crop_size=131
    python apps/alexnet_images.py --dataset=photos --width=1 --crop_size=227
    python apps/alexnet_images.py --model=saved_models/alexnet_photos *.jpg

The first command trains a network with a quarter of the paper's feature maps on
embedded digits; expected: 97.7 % test accuracy, after a minute on one CPU core.
The next two train on a folder with one subfolder of images per class; the third
has the width and the image size of the paper, and needs a GPU. The last one
prints the class of each image, without training.

Images of a folder that do not fit in memory are read from disk in each step.
Data sets of TensorFlow Datasets must fit in memory. The predictions of the test
images are written to predictions.csv in --workdir.

After an interruption the same command resumes from the last finished epoch.
"""

import shlex
import sys

from absl import flags

import _main

COMMAND = _main.command_line(__file__)


def define_flags():
    _main.define_distribution_flags()
    _main.define_common_flags(
        data_dir=None,
        epochs=20,
        steps_per_epoch=None,
        batch_size=64,
        learning_rate=1e-3,
        patience=20,
        seed=0,
        workdir="runs/alexnet_{dataset}_{variant}_{width}_{crop_size}_pixels_"
        "{epochs}_epochs_seed_{seed}",
        export_dir="saved_models/alexnet_{dataset}",
        model=None,
    )
    flags.DEFINE_string(
        "dataset",
        "digits",
        "Images to train on: a folder with one subfolder of images per class, "
        "digits (embedded), mnist, fashion_mnist, or the name of another data "
        "set that TensorFlow Datasets has prepared, such as cifar10.",
    )
    flags.DEFINE_enum(
        "variant",
        "grouped",
        ["grouped", "ungrouped"],
        "Variant of AlexNet. grouped: three convolutions have two groups of "
        "channels, as in the paper; ungrouped: one.",
    )
    flags.DEFINE_float(
        "width",
        0.25,
        "Multiplier of the numbers of feature maps and dense units; 1 is the "
        "network of the paper.",
        lower_bound=0.01,
        upper_bound=4,
    )
    flags.DEFINE_integer(
        "crop_size",
        67,
        "Height and width of the input of the network in pixels, 227 in the "
        "paper. Images are resized to 256/227 of it, and crops of this size "
        "are taken from them.",
        lower_bound=67,
        upper_bound=2048,
    )
    flags.DEFINE_float(
        "dropout",
        0.5,
        "Dropout rate after both hidden dense layers, in [0, 1).",
        lower_bound=0,
        upper_bound=0.99,
    )
    flags.DEFINE_bool(
        "flip",
        None,
        "Reflect training images horizontally at random, and average test "
        "predictions over reflections. Default: true, except for handwritten "
        "digits.",
    )
    flags.DEFINE_enum(
        "precision",
        "float32",
        ["float32", "mixed_float16", "mixed_bfloat16"],
        "Numerical precision. mixed_float16 and mixed_bfloat16 compute in 16 "
        "bits and store weights in 32 bits, which is faster on GPUs.",
    )
    flags.DEFINE_bool(
        "from_disk",
        None,
        "Read the images of a folder from disk in each step instead of "
        "keeping them in memory. Default: only if they do not fit in memory.",
    )


def run(model, images, **options):
    """Trains, or classifies images with a model; returns the exit status."""
    if model is None:
        if images:
            raise ValueError(
                "Image files are classified with --model=FOLDER; to train on "
                f"a folder, set --dataset=FOLDER. Received: {images}"
            )
        return train(**options)
    if not images:
        raise ValueError("Expected at least one image file. Received none")
    from dlunits.tasks.image_classification.classify_files import (
        classify_files,
    )

    results = classify_files(model, images)
    for result in results:
        page = f", page {result['page']}" if "page" in result else ""
        place = f"{result['file']}{page}"
        if "error" in result:
            print(f"{place}: {result['error']}", file=sys.stderr)
        else:
            print(f"{place}: {result['class']} ({result['confidence']:.1%})")
    return int(any("error" in result for result in results))


def check_flags(given):
    """Checks for flags that have no effect together with others."""
    _main.refuse_with(given, "model", given - {"model"}, "nothing is trained")


def train(dataset, data_dir, workdir, export_dir, flip, from_disk, **recipe):
    """Trains, writes the report and exports; prints the paths of the results.

    `recipe` is passed on to `train_alexnet`.
    """
    from tqdm import tqdm

    from dlunits.tasks.image_classification.sources import load
    from dlunits.tasks.image_classification.train import (
        predict_center,
        predict_ten_crops,
        resized_image_size,
        top_k_accuracy,
        train_alexnet,
    )
    from dlunits.training import RunDirectory, check_writable, format_path
    from dlunits.training.distribution import current

    with tqdm(desc="Images", unit="file", disable=None, leave=False) as bar:

        def progress(done, total):
            bar.total = total
            bar.update(done - bar.n)

        data = load(
            dataset,
            resized_image_size(recipe["crop_size"]),
            data_dir=data_dir,
            from_disk=from_disk,
            progress=progress,
        )
    print(data.source, flush=True)
    recipe["batch_size"] = _main.limit_batch_size(
        recipe["batch_size"], len(data.train[0])
    )
    recipe["flip"] = not data.handwriting if flip is None else flip
    config = {"dataset": data.name, "data": data.fingerprint, **recipe}
    export_dir = format_path(export_dir, config)
    run_directory = RunDirectory(format_path(workdir, config), config)
    check_writable(export_dir)
    model, history = current().train(
        lambda: train_alexnet(data, run_directory, **recipe)
    )

    images, labels = data.test
    scores = predict_ten_crops(model, images, recipe["flip"])
    metrics = {"top_1": top_k_accuracy(scores, labels, 1)}
    if len(data.class_names) > 5:
        metrics["top_5"] = top_k_accuracy(scores, labels, 5)

    from dlunits.tasks.image_classification.report import (
        write_alexnet_report,
        write_predictions,
    )
    from dlunits.tasks.image_classification.serve import export_alexnet

    report = write_alexnet_report(
        run_directory.path / "report.html",
        model=model,
        history=history,
        data=data,
        center_scores=predict_center(model, images),
        scores=scores,
        metrics=metrics,
        flip=recipe["flip"],
        command=COMMAND,
        seconds=run_directory.seconds,
    )
    predictions = write_predictions(
        run_directory.path / "predictions.csv", data, scores
    )
    version = export_alexnet(
        model,
        export_dir,
        data=data,
        flip=recipe["flip"],
        metrics={name: round(value, 6) for name, value in metrics.items()},
        command=COMMAND,
    )
    for name, value in metrics.items():
        print(f"{name.replace('top_', 'Top-')} accuracy: {value:.4f}")
    print(f"Predictions:    {predictions}")
    print(f"Report:         {report}")
    print(f"SavedModel:     {version}")
    this = _main.program("alexnet_images")
    print(
        f"Use it:         {this} {shlex.quote(f'--model={version}')} IMAGE..."
    )


if __name__ == "__main__":
    _main.run_app(
        define_flags,
        run,
        check_flags=check_flags,
        positional="images",
        resumes=True,
        onednn=True,
    )
