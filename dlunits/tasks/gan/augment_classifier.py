"""Data augmentation with generated images for few labels."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from dlunits.data.images.image_datasets import (
    ImageDataset,
    Split,
    stratified_sample,
)
from dlunits.models import GAN, LeNet5

STEPS = 1000
BATCH_SIZE = 100


def few_label_table(
    model: GAN,
    data: ImageDataset,
    num_labels: Iterable[int] = (100, 1000),
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Test errors with few labels, with and without generated images.

    Two LeNet-5 are trained for the same number of steps. Without generated
    images, each mini-batch consists of labeled images; with them, half of it
    does. The generator is trained with the labels of all training images, so
    the comparison does not show that generated images save labels.

    Args:
        model: Conditional GAN.
        data: Data set; the test error is that of its test images.
        num_labels: Numbers of labeled images. Numbers above the size of the
            training split are left out.
        seed: Seed of the sample, the initial weights and the batches.

    Returns:
        One dict per number of labels: `labels`, and the test errors `alone`
        and `with generated images`, as text.
    """
    generated = model.generate(10_000, seed)
    classes = np.arange(len(generated), dtype="int32") % model.num_classes
    rows = []
    for number in num_labels:
        if number > len(data.train[0]):
            continue
        real = stratified_sample(data, number, seed)
        errors = [
            classifier_error(parts, data, seed)
            for parts in ([real], [real, (generated, classes)])
        ]
        rows.append(
            {
                "labels": number,
                "alone": f"{errors[0]:.2%}",
                "with generated images": f"{errors[1]:.2%}",
            }
        )
    return rows


def classifier_error(
    parts: list[Split], data: ImageDataset, seed: int
) -> float:
    """Test error of LeNet-5, trained on equally many images of each part."""
    import tensorflow as tf

    from dlunits.data import batches

    keras.utils.set_random_seed(seed)
    network = LeNet5(len(data.class_names))
    network.compile(
        keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy"
    )
    rng = np.random.default_rng(seed)
    share = BATCH_SIZE // len(parts)
    rows = [rng.integers(0, len(images), (STEPS, share)) for images, _ in parts]

    def batch(*chosen):
        pairs = [
            (tf.gather(images, indices), tf.gather(labels, indices))
            for (images, labels), indices in zip(parts, chosen, strict=True)
        ]
        return tuple(
            tf.concat(column, 0) for column in zip(*pairs, strict=True)
        )

    steps = tf.data.Dataset.from_tensor_slices(tuple(rows)).map(batch)
    network.fit(
        batches.disable_autotune(steps.prefetch(4)), shuffle=False, verbose=0
    )
    test = batches.evaluation_batches(
        *data.test, prepare=batches.rescale_images
    )
    predictions = network.predict(test, verbose=0).argmax(axis=1)
    return float(np.mean(predictions != data.test[1]))
