"""How good generated images are, in the eyes of a classifier."""

import dataclasses
import functools
import hashlib

import keras
import numpy as np

from dlunits import metrics
from dlunits.models import LeNet5
from dlunits.training.warmup_cosine import warmup_cosine


def train_feature_classifier(
    data, *, epochs=5, batch_size=128, learning_rate=2e-3, seed=0
):
    """Trains the LeNet-5 whose features generated images are judged by.

    It sees the training images only, as they are.

    Args:
        data: `dlunits.data.images.image_datasets.ImageDataset`.
        epochs, batch_size, learning_rate, seed: Numbers.

    Returns:
        `FeatureClassifier`.
    """
    from dlunits.data import batches

    keras.utils.set_random_seed(seed)
    network = LeNet5(len(data.class_names))
    images, labels = data.train
    batch_size = min(batch_size, len(images))
    steps = batches.steps_per_epoch(len(images), batch_size)
    steps *= max(1, 20_000 // len(images))
    schedule = warmup_cosine(
        learning_rate, steps=epochs * steps, warmup_steps=steps // 4
    )
    network.compile(
        keras.optimizers.Adam(schedule), "sparse_categorical_crossentropy"
    )
    network.fit(
        batches.training_batches(
            images,
            labels,
            batch_size=batch_size,
            seed=seed,
            first_step=0,
            last_step=epochs * steps,
            prepare=batches.rescale_images,
        ),
        epochs=epochs,
        steps_per_epoch=steps,
        shuffle=False,
        verbose=0,
    )
    return FeatureClassifier(network)


class FeatureClassifier:
    """A frozen LeNet-5: features and classes of images in [0, 1].

    Args:
        network: `dlunits.models.LeNet5`.

    Example:

    >>> judge = FeatureClassifier(LeNet5(10))
    >>> features, probabilities = judge(np.zeros((2, 28, 28, 1), "float32"))
    >>> features.shape, probabilities.shape
    ((2, 84), (2, 10))
    """

    def __init__(self, network):
        self.network = network
        last = network.get_layer("f6").output
        self.both = keras.Model(network.inputs, [last, network.outputs[0]])

    def __call__(self, images):
        return self.both.predict(images, batch_size=500, verbose=0)

    @property
    def checksum(self):
        """Hexadecimal digits that change with any weight."""
        digest = hashlib.sha256()
        for weight in self.network.get_weights():
            digest.update(np.ascontiguousarray(weight))
        return digest.hexdigest()[:16]


@dataclasses.dataclass(frozen=True)
class RealImages:
    """Real images beside which generated ones are judged.

    Args:
        judge: `FeatureClassifier`.
        data: `dlunits.data.images.image_datasets.ImageDataset`; the test images
            are what generated ones are compared with, as many training images
            are the floor: what real images get. Copies are looked for with the
            validation images, which no GAN has seen: in MNIST other people
            wrote the test images, and even unseen images lie nearer to the
            training images than to them.
        seed: Integer, decides which training images.
    """

    judge: FeatureClassifier
    data: object
    seed: int = 0

    @functools.cached_property
    def test(self):
        return as_floats(self.data.test[0])

    @functools.cached_property
    def train(self):
        images = self.data.train[0]
        count = min(len(images), len(self.test))
        rng = np.random.default_rng(self.seed)
        return as_floats(images[rng.permutation(len(images))[:count]])

    @functools.cached_property
    def unseen(self):
        return as_floats(self.data.validation[0])

    @functools.cached_property
    def features(self):
        return self.judge(self.test)[0]

    @functools.cached_property
    def floor(self):
        """Quality of training images, as if they had been generated."""
        return self.quality(self.train, memorized=False)

    def quality(self, images, labels=None, memorized=True):
        """What `dlunits.metrics` has to say of generated images.

        Args:
            images: Array `(count, height, width, channels)` in [0, 1].
            labels: Integer array `(count,)`, the classes that were asked for,
                or `None`.
            memorized: Whether to look for training images among them.

        Returns:
            Dict of numbers: `frechet`, `kernel`, `kernel_error`, `score`,
            `covered` classes, `smallest_share`, `divergence` (nats);
            `agreement` with the labels if there are any; `nearer_to_train`
            than to unseen images, and its `p_value`, of
            `nearest_training_neighbors`.
        """
        features, probabilities = self.judge(images)
        found = probabilities.argmax(axis=1)
        num_classes = len(self.data.class_names)
        kernel = metrics.kernel_distance(features, self.features)
        coverage = metrics.class_coverage(found, num_classes)
        measured = {
            "frechet": metrics.frechet_distance(features, self.features),
            "kernel": kernel["distance"],
            "kernel_error": kernel["standard_error"],
            "score": metrics.classifier_score(
                probabilities, splits=min(10, len(found) // 2)
            )["score"],
            "covered": coverage["num_covered"],
            "smallest_share": float(np.min(coverage["frequencies"])),
            "divergence": metrics.histogram_divergence(
                found, self.data.test[1], num_classes
            ),
        }
        if labels is not None:
            measured["agreement"] = float(np.mean(found == labels))
        if memorized:
            neighbors = metrics.nearest_training_neighbors(
                as_rows(images),
                as_rows(self.train[: len(self.unseen)]),
                as_rows(self.unseen),
            )
            measured["nearer_to_train"] = neighbors["share_nearer_to_train"]
            measured["p_value"] = neighbors["p_value"]
        return {name: float(value) for name, value in measured.items()}


def as_floats(images):
    return images.astype("float32") / 255


def as_rows(images):
    return images.reshape(len(images), -1)
