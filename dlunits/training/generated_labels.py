"""Whether drawn pictures help a classifier that has few labels."""

import keras
import numpy as np

from dlunits.models import LeNet5
from dlunits.training.few_labels import labelled

STEPS = 1000  # of training, with generated pictures and without
BATCH_SIZE = 100


def few_label_table(model, data, numbers=(100, 1000), seed=0):
    """Trains LeNet-5 with and without pictures of a conditional GAN.

    Both classifiers take as many steps. Alone, every mini-batch is drawn from
    the labelled pictures; with generated ones, one half of it is. The
    generator has seen the labels of all training pictures, so what it adds is
    not won from the few.

    Args:
        model: `dlunits.models.GAN` with `num_classes`.
        data: `dlunits.data.digits.Digits`; judged on the test pictures.
        numbers: Positive integers, numbers of labelled pictures.
        seed: Integer.

    Returns:
        List of dicts, a row a number of labels that the data has: `labels`,
        test errors `alone` and `with generated pictures`.
    """
    generated = model.generate(10_000, seed)
    classes = np.arange(len(generated), dtype="int32") % model.num_classes
    rows = []
    for number in numbers:
        if number > len(data.train[0]):
            continue
        real = labelled(data, number, seed)
        errors = [
            error_of_classifier(parts, data, seed)
            for parts in ([real], [real, (generated, classes)])
        ]
        rows.append(
            {
                "labels": number,
                "alone": f"{errors[0]:.2%}",
                "with generated pictures": f"{errors[1]:.2%}",
            }
        )
    return rows


def error_of_classifier(parts, data, seed):
    """Share of test pictures that LeNet-5, trained on `parts`, mistakes."""
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
        batches.without_autotune(steps.prefetch(4)), shuffle=False, verbose=0
    )
    test = batches.evaluation_batches(*data.test, prepare=batches.unit_range)
    found = network.predict(test, verbose=0).argmax(axis=1)
    return float(np.mean(found != data.test[1]))
