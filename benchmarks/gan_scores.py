"""How good the images of GANs are, on MNIST and Fashion-MNIST.

The default recipe, plain and conditional, and a variational autoencoder whose
decoder has about as many weights as the generator. As many images as there
are test images, 10,000, are drawn and judged by the features and answers of
a LeNet-5 trained on the training images alone, whose checksum is printed.
The floor is what as many training images get. Nothing was chosen on test
images; the recipe was looked at on the 5,000 validation images. Whether
images were copied says an exchange test of `nearest_training_neighbors`,
between training and validation images, which the GANs did not see: MNIST's
test images are by other writers, and unseen images are not as near to them.

Usage:
    python benchmarks/gan_scores.py [--quick] [--data_dir=PREPARED_TFDS]
        [--seeds=3] [--only=mnist] [--rows plain hinge ...] [--workdir=FOLDER]

`--rows` says which GANs, plain and conditional where nothing is said; the
other four are plain ones of another loss. `--workdir` keeps checkpoints and
results, under names that hold a hash of the recipe: stopped and started again,
the same command goes on where it was.
"""

import argparse
import functools
import inspect
import os
import pathlib
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import keras
import numpy as np
from gates import gate
from kept_results import kept, recipe_hash
from real_data import DATA

from dlunits.data import batches
from dlunits.data.images import image_datasets
from dlunits.losses.adversarial import DISCRIMINATOR_LOSSES
from dlunits.models import (
    LeNet5,
    convolutional_gan,
    dense_variational_autoencoder,
)
from dlunits.tasks.gan import train
from dlunits.tasks.gan.evaluate import (
    FeatureClassifier,
    RealImages,
    train_feature_classifier,
)
from dlunits.training import RunDirectory
from dlunits.training.warmup_cosine import warmup_cosine

EPOCHS = 10
LATENT = 64
HIDDEN = (200, 150)  # of the autoencoder, for a decoder of the generator's size

# Row -> loss, and whether the class is given.
ROWS = {
    "plain": ("non_saturating", False),
    "conditional": ("non_saturating", True),
    **{
        loss: (loss, False)
        for loss in DISCRIMINATOR_LOSSES
        if loss != "non_saturating"
    },
}


def gan_quality(loss, conditional, seed, real, epochs, folder):
    name = f"{real.data.name}_{loss}_{conditional}_{epochs}_seed_{seed}"
    run_directory = RunDirectory(
        pathlib.Path(folder, f"{name}_{RECIPE}"),
        {"data": real.data.fingerprint},
    )
    model, _ = train.train_gan(
        real.data,
        run_directory,
        loss=loss,
        conditional=conditional,
        latent_dim=LATENT,
        epochs=epochs,
        seed=seed,
    )
    count, labels = len(real.test), None
    if conditional:
        labels = np.arange(count) % model.num_classes
    measured = real.evaluate(model.generate(count, seed), labels)
    measured["parameters"] = model.generator.count_params()
    measured["minutes"] = run_directory.seconds / 60
    return measured


def autoencoder_quality(seed, real, epochs):
    """Of the variational autoencoder, trained for twice as many epochs."""
    epochs *= 2
    keras.utils.set_random_seed(seed)
    images, labels = real.data.train
    model = dense_variational_autoencoder(
        images.shape[1:], LATENT, HIDDEN, seed=seed
    )
    steps = batches.steps_per_epoch(len(images), 128)
    schedule = warmup_cosine(
        2e-3, steps=epochs * steps, warmup_steps=steps // 4
    )
    model.compile(keras.optimizers.Adam(schedule))

    images = batches.training_batches(
        images,
        labels,
        batch_size=128,
        seed=seed,
        first_step=0,
        last_step=epochs * steps,
        prepare=batches.rescale_images,
    ).map(lambda images, labels: images)
    model.fit(
        images, epochs=epochs, steps_per_epoch=steps, shuffle=False, verbose=0
    )
    measured = real.evaluate(model.sample(len(real.test), seed))
    measured["parameters"] = model.decoder.count_params()
    return measured


# A hash of all that the models are and how they are trained.
RECIPE = recipe_hash(
    LATENT,
    HIDDEN,
    *map(
        inspect.getsource,
        (train.train_gan, convolutional_gan, autoencoder_quality),
    ),
)


def load_classifier(data, folder, epochs):
    path = pathlib.Path(folder, f"judge_{data.name}_{epochs}.weights.h5")
    if path.exists():
        network = LeNet5(len(data.class_names))
        network.load_weights(path)
        return FeatureClassifier(network)
    classifier = train_feature_classifier(data, epochs=epochs)
    classifier.network.save_weights(path)
    return classifier


def show(row, measured):
    numbers = ", ".join(
        f"{name} {value:.4g}" for name, value in measured.items()
    )
    print(f"{row}: {numbers}", flush=True)


def judge(dataset, arguments, folder):
    """Whether all bounds hold on one data set."""
    data = image_datasets.load(dataset, data_dir=arguments.data_dir)
    epochs = 1 if arguments.quick else EPOCHS
    seeds = 1 if arguments.quick else arguments.seeds
    real = RealImages(load_classifier(data, folder, min(epochs, 5)), data)
    print(f"{dataset}: LeNet-5 with checksum {real.classifier.checksum}")
    show(f"{dataset}, real (baseline)", real.baseline)
    measures = {
        "autoencoder": functools.partial(
            autoencoder_quality, real=real, epochs=epochs
        ),
        **{
            name: functools.partial(
                gan_quality,
                *ROWS[name],
                real=real,
                epochs=epochs,
                folder=folder,
            )
            for name in arguments.rows
        },
    }
    results = {}
    for name, measure in measures.items():
        results[name] = []
        for seed in range(seeds):
            path = pathlib.Path(
                folder,
                f"{dataset}_{name}_{epochs}_seed_{seed}_"
                f"{real.classifier.checksum}_{RECIPE}.json",
            )
            measured = kept(path, functools.partial(measure, seed=seed))
            show(f"{dataset}, {name}, seed {seed}", measured)
            results[name].append(measured)
    if arguments.quick:
        return True

    def mean(name, number):
        return np.mean([measured[number] for measured in results[name]])

    passed = []
    for name in arguments.rows:
        row = f"gan_scores ({dataset}, {name}, "
        share = min(r["smallest_share"] for r in results[name])
        passed.append(gate(row + "smallest share)", share, ">=", 0.05))
        if name not in ("plain", "conditional"):
            continue
        frechet, floor = mean(name, "frechet"), real.baseline["frechet"]
        by_autoencoder = frechet / mean("autoencoder", "frechet")
        nearer = mean(name, "nearer_to_train")
        print(f"{dataset}, {name}: share nearer to training {nearer:.3f}")
        p_value = min(r["p_value"] for r in results[name])
        passed += [
            gate(row + "Frechet by autoencoder's)", by_autoencoder, "<=", 0.5),
            gate(row + "Frechet by floor)", frechet / floor, "<=", 5),
            gate(row + "least p of copying)", p_value, ">=", 0.01),
        ]
    if dataset == "mnist" and "conditional" in arguments.rows:
        agreement = 100 * mean("conditional", "agreement")
        passed.append(gate("gan_scores (agreement)", agreement, ">=", 97, " %"))
    return all(passed)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", default=DATA, help="prepared TFDS sets")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=("mnist", "fashion_mnist"))
    parser.add_argument(
        "--rows", nargs="+", choices=ROWS, default=["plain", "conditional"]
    )
    parser.add_argument("--workdir", help="existing folder that keeps results")
    parser.add_argument(
        "--quick", action="store_true", help="one seed, one epoch, no gates"
    )
    arguments = parser.parse_args()
    names = [arguments.only] if arguments.only else ["mnist", "fashion_mnist"]
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.workdir or temporary
        passed = [judge(name, arguments, folder) for name in names]
    sys.exit(not all(passed))


if __name__ == "__main__":
    main()
