"""Whether drawn images help a classifier that has few labels."""

import keras
import numpy as np

from dlunits.data.images.image_datasets import stratified_sample
from dlunits.models import LeNet5

STEPS = 1000  # of training, with generated images and without
BATCH_SIZE = 100


def few_label_table(model, data, numbers=(100, 1000), seed=0):
    """Trains LeNet-5 with and without images of a conditional GAN.

    Both classifiers take as many steps. Alone, every mini-batch is drawn from
    the labeled images; with generated ones, one half of it is. The
    generator has seen the labels of all training images, so what it adds is
    not won from the few.

    Args:
        model: `dlunits.models.GAN` with `num_classes`.
        data: `dlunits.data.images.image_datasets.ImageDataset`; judged on the
            test images.
        numbers: Positive integers, numbers of labeled images.
        seed: Integer.

    Returns:
        List of dicts, a row a number of labels that the data has: `labels`,
        test errors `alone` and `with generated images`.
    """
    generated = model.generate(10_000, seed)
    classes = np.arange(len(generated), dtype="int32") % model.num_classes
    rows = []
    for number in numbers:
        if number > len(data.train[0]):
            continue
        real = stratified_sample(data, number, seed)
        errors = [
            error_of_classifier(parts, data, seed)
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


def error_of_classifier(parts, data, seed):
    """Share of test images that LeNet-5, trained on `parts`, mistakes."""
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
            (tf.gather(images, places), tf.gather(labels, places))
            for (images, labels), places in zip(parts, chosen, strict=True)
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
    found = network.predict(test, verbose=0).argmax(axis=1)
    return float(np.mean(found != data.test[1]))
