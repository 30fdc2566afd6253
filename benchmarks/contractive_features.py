"""Fine-tuned features of a contractive and a plain autoencoder, on MNIST.

Each row is the same network, 784-1000-10 with sigmoid units, with the same
fine-tuning: Adam with cosine decay to 0, dropout of 0.1 on the pixels, label
smoothing of 0.1. The rows differ in the initial weights of the hidden layer:

- none: random weights.
- autoencoder: weights of a tied autoencoder with the cross-entropy.
- contractive: weights of the same autoencoder with the contractive penalty.

The columns are those of Rifai et al., 2011, table 1: test error, the mean
Jacobian norm ||J||_F of the pre-trained code over the test images, and its
saturation, the fraction of activations below 0.05 or above 0.95. The recipe
was chosen on 10,000 held-out training images. The models are trained on all
60,000 and evaluated on the 10,000 test images.

Usage:
    python benchmarks/contractive_features.py [--quick]
        [--data_dir=PREPARED_TFDS] [--seeds=3] [--workdir=FOLDER]

`--workdir` stores pre-trained weights and the results of finished seeds, with
a hash of the recipe in their names: the same command resumes an interrupted
run. The minutes do not include work that was loaded.
"""

import argparse
import os
import pathlib
import statistics
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import keras
import numpy as np
from gates import gate
from json_cache import cached_json, recipe_hash
from keras import layers, ops
from real_data import DATA

from dlunits.atomic_files import atomic_write
from dlunits.data.batches import steps_per_epoch, training_batches
from dlunits.data.images import image_datasets
from dlunits.diagnostics import code_statistics
from dlunits.losses import squared_jacobian_norm
from dlunits.models import ContractiveAutoencoder, dense_autoencoder
from dlunits.training import warmup_cosine

NUM_PIXELS, UNITS, BATCH_SIZE = 784, 1000, 128

# Row -> lambda of the paper, with the cross-entropy summed over pixels.
ROWS = {"none": None, "autoencoder": 0.0, "contractive": 1.0}
PRETRAINING = {"epochs": 100, "learning_rate": 1e-3}
FINE_TUNING = {"epochs": 10, "learning_rate": 2.5e-3}
PIXEL_DROPOUT, LABEL_SMOOTHING = 0.1, 0.1


def fit(model, x, y, loss, seed, *, epochs, learning_rate):
    num_batches = steps_per_epoch(len(x), BATCH_SIZE)
    steps = epochs * num_batches
    schedule = warmup_cosine(
        learning_rate, steps=steps, warmup_steps=steps // 20
    )
    batches = training_batches(
        x,
        y,
        batch_size=BATCH_SIZE,
        seed=seed,
        first_step=0,
        last_step=steps,
        prepare=lambda images, seed: images,
    )
    model.compile(keras.optimizers.Adam(schedule), loss, steps_per_execution=52)
    model.fit(
        batches,
        epochs=epochs,
        steps_per_epoch=num_batches,
        shuffle=False,
        verbose=0,
    )


def pretrained_encoder(x, contraction, epochs, seed):
    model = dense_autoencoder(
        (NUM_PIXELS,),
        UNITS,
        code_activation="sigmoid",
        output_activation="sigmoid",
        tied=True,
    )
    if contraction is None:
        return model.encoder
    if contraction:
        model = ContractiveAutoencoder(
            model.encoder, model.decoder, contraction / NUM_PIXELS
        )
    options = {**PRETRAINING, "epochs": epochs}
    fit(model, x, x, "binary_crossentropy", seed, **options)
    return model.encoder


def fine_tuned(encoder, x, labels, epochs, seed):
    copy = keras.models.clone_model(encoder)
    copy.set_weights(encoder.get_weights())
    inputs = keras.Input((NUM_PIXELS,))
    code = copy(layers.Dropout(PIXEL_DROPOUT)(inputs))
    classifier = keras.Model(inputs, layers.Dense(10, "softmax")(code))
    options = {**FINE_TUNING, "epochs": epochs}
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=LABEL_SMOOTHING)
    fit(classifier, x, np.eye(10)[labels], loss, seed, **options)
    return classifier


def pretraining(row):
    """All constants that pre-trained weights depend on."""
    return NUM_PIXELS, UNITS, BATCH_SIZE, ROWS[row], PRETRAINING


def pretrained_once(row, seed, x, epochs, folder):
    """As `pretrained_encoder`, but loads saved weights if there are any."""
    name = f"{row}_{epochs}_seed_{seed}_{recipe_hash(*pretraining(row))}.npz"
    path = pathlib.Path(folder, name)
    keras.utils.set_random_seed(seed)
    if not path.exists():
        encoder = pretrained_encoder(x, ROWS[row], epochs, seed)
        with atomic_write(path) as file:
            np.savez(file, *encoder.get_weights())
    encoder = pretrained_encoder(x, None, epochs, seed)  # the network alone
    with np.load(path) as weights:
        encoder.set_weights([weights[name] for name in weights])
    return encoder


def run(row, seed, data, pretraining_epochs, fine_tuning_epochs, folder):
    """Test error in percent, Jacobian norm, saturation, minutes."""
    start = time.monotonic()
    (x, labels), (test_x, test_labels) = data
    encoder = pretrained_once(row, seed, x, pretraining_epochs, folder)
    keras.utils.set_random_seed(seed)
    norms = [
        ops.convert_to_numpy(ops.sqrt(squared_jacobian_norm(encoder, batch)))
        for batch in np.split(test_x, 10)
    ]
    code = encoder.predict(test_x, batch_size=1000, verbose=0)
    saturation = code_statistics(code, bounds=(0, 1))["saturation"]
    classifier = fine_tuned(encoder, x, labels, fine_tuning_epochs, seed)
    found = classifier.predict(test_x, batch_size=1000, verbose=0).argmax(1)
    error = 100 * np.mean(found != test_labels)
    minutes = (time.monotonic() - start) / 60
    return [float(x) for x in (error, np.mean(norms), saturation, minutes)]


def run_once(row, seed, data, epochs, folder):
    """As `run`, but loads saved results if there are any."""
    recipe = recipe_hash(
        *pretraining(row), FINE_TUNING, PIXEL_DROPOUT, LABEL_SMOOTHING
    )
    before, after = epochs
    name = f"{row}_{before}_{after}_seed_{seed}_{recipe}.json"
    results = cached_json(
        pathlib.Path(folder, name),
        lambda: run(row, seed, data, *epochs, folder),
    )
    print(
        f"{row}, seed {seed}: error {results[0]:.2f} %, ||J|| "
        f"{results[1]:.2f}, saturation {results[2]:.1%}, "
        f"{results[3]:.1f} min",
        flush=True,
    )
    return results


def flat(images, labels):
    return images.reshape(len(images), -1).astype("float32") / 255, labels


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", default=DATA, help="prepared TFDS sets")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--quick", action="store_true", help="one seed, one epoch of each"
    )
    parser.add_argument("--workdir", help="existing folder for results")
    arguments = parser.parse_args()
    loaded = image_datasets.load("mnist", data_dir=arguments.data_dir)
    training = map(
        np.concatenate, zip(loaded.train, loaded.validation, strict=True)
    )
    data = flat(*training), flat(*loaded.test)
    epochs = PRETRAINING["epochs"], FINE_TUNING["epochs"]
    if arguments.quick:
        epochs = 1, 1
    seeds = 1 if arguments.quick else arguments.seeds
    means = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.workdir or temporary
        for row in ROWS:
            results = [
                run_once(row, seed, data, epochs, folder)
                for seed in range(seeds)
            ]
            means[row] = list(map(statistics.mean, zip(*results, strict=True)))
    print("start         test error   ||J||_F   saturation")
    for row, (error, norm, saturation, _) in means.items():
        print(f"{row:12} {error:9.2f} % {norm:9.2f} {saturation:11.1%}")
    error = means["contractive"][0]
    gain = means["autoencoder"][0] - error
    passed = [
        gate("contractive_features (test error)", error, "<=", 1.2, " %"),
        gate(
            "contractive_features (below plain autoencoder)",
            gain,
            ">=",
            0.3,
            " points",
        ),
    ]
    sys.exit(not all(passed))


if __name__ == "__main__":
    main()
