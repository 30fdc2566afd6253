"""Top-1 accuracy of AlexNet on a folder of images, compared with LeNet-5.

300 training images of each of the 10 classes of Fashion-MNIST are written to
a folder as PNG files. The apps train on that folder with their default recipes,
except for the number of epochs, and with the same test split, a sixth of it.
AlexNet has a quarter of its width and crops of 67x67 pixels, for which images
are enlarged. The baseline is a linear classifier of pixels.

Usage:
    python benchmarks/alexnet_accuracy.py [--quick] [--data_dir=PREPARED_TFDS]
"""

import argparse
import pathlib
import statistics
import sys
import tempfile

from app_runs import metrics_of_run
from gates import gate
from real_data import DATA

IMAGES_PER_CLASS = 300
MARGIN = 0.03  # of AlexNet over the linear classifier

# Row -> app, its flags, and the accuracy from the metrics of its model card.
ROWS = {
    "LeNet-5": (
        "lenet_mnist.py",
        ["--epochs=5"],
        lambda metrics: 1 - metrics["test_error"],
    ),
    "AlexNet, width 0.25": (
        "alexnet_images.py",
        ["--width=0.25", "--crop_size=67", "--epochs=15"],
        lambda metrics: metrics["top_1"],
    ),
}


def write_folder(folder, data_dir, number):
    """Writes the first images of each class as PNG files."""
    import numpy as np
    from PIL import Image

    from dlunits.data.images import image_datasets

    data = image_datasets.load("fashion_mnist", data_dir=data_dir)
    images, labels = data.train
    for label, name in enumerate(data.class_names):
        inside = folder / name.replace("/", " or ")
        inside.mkdir()
        for index in np.flatnonzero(labels == label)[:number]:
            path = inside / f"{index:05}.png"
            Image.fromarray(images[index, :, :, 0]).save(path)


def linear_accuracy(folder):
    """Test accuracy of a logistic regression on the pixels of a folder."""
    from dlunits.data.images import image_datasets
    from dlunits.diagnostics import linear_probe

    data = image_datasets.load(str(folder))
    pixels = [split[0] / 255 for split in (data.train, data.test)]
    return linear_probe(pixels[0], data.train[1], pixels[1], data.test[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", default=DATA, help="prepared by TFDS")
    parser.add_argument(
        "--quick", action="store_true", help="one seed, few images, no gate"
    )
    arguments = parser.parse_args()
    number, seeds = (
        (60, (0,)) if arguments.quick else (IMAGES_PER_CLASS, range(3))
    )
    with tempfile.TemporaryDirectory() as parent:
        folder = pathlib.Path(parent, "fashion")
        folder.mkdir()
        write_folder(folder, arguments.data_dir, number)
        linear = linear_accuracy(folder)
        print(f"linear classifier of pixels: {linear:.4f}")
        means = {}
        for row, (app, flags, accuracy_of) in ROWS.items():
            accuracies = []
            for seed in seeds:
                metrics, minutes = metrics_of_run(
                    app, f"--dataset={folder}", f"--seed={seed}", *flags
                )
                accuracies.append(accuracy_of(metrics))
                print(
                    f"{row}, seed {seed}: {accuracies[-1]:.4f}, "
                    f"{minutes:.1f} min",
                    flush=True,
                )
            means[row] = statistics.mean(accuracies)
            print(f"{row}: mean accuracy {means[row]:.4f}")
    if arguments.quick:
        return
    gain = means["AlexNet, width 0.25"] - linear
    name = "alexnet_accuracy (AlexNet - linear classifier, mean of 3)"
    sys.exit(not gate(name, gain, ">=", MARGIN))


if __name__ == "__main__":
    main()
