"""Evaluation of generated images with the features of a classifier."""

import dataclasses
import functools
import hashlib

import keras
import numpy as np

from dlunits import metrics
from dlunits.data.images.image_datasets import ImageDataset
from dlunits.models import LeNet5
from dlunits.training.warmup_cosine import warmup_cosine
from dlunits.typing import Array, ArrayLike

IMAGES_PER_EPOCH = 20_000  # smaller data sets are repeated in an epoch


def train_feature_classifier(
    data: ImageDataset,
    *,
    epochs: int = 5,
    steps_per_epoch: int | None = None,
    batch_size: int = 128,
    learning_rate: float = 2e-3,
    seed: int = 0,
) -> "FeatureClassifier":
    """Trains LeNet-5 on the training images, as a feature extractor.

    Args:
        data: Data set of which the training split is used.
        epochs: Number of epochs. An epoch has at least about 20,000 images:
            smaller data sets are repeated.
        steps_per_epoch: Number of steps per epoch. `None` uses the rule above.
        batch_size: Number of images per step.
        learning_rate: Peak learning rate of Adam.
        seed: Seed of the initial weights and the order.

    Returns:
        `FeatureClassifier`.
    """
    from dlunits.data import batches

    keras.utils.set_random_seed(seed)
    network = LeNet5(len(data.class_names))
    images, labels = data.train
    batch_size = min(batch_size, len(images))
    full_pass = batches.steps_per_epoch(
        len(images), batch_size, IMAGES_PER_EPOCH
    )
    steps = steps_per_epoch or full_pass
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
    """Features and class probabilities of images, from a trained LeNet-5.

    The features are the 84 outputs of the layer F6.

    Args:
        network: `dlunits.models.LeNet5`.

    Call arguments:
        images: `(batch, 28, 28, 1)` in [0, 1].

    Returns:
        `(features, probabilities)`, `(batch, 84)` and `(batch, num_classes)`.

    Example:

    >>> classifier = FeatureClassifier(LeNet5(10))
    >>> images = np.zeros((2, 28, 28, 1), "float32")
    >>> features, probabilities = classifier(images)
    >>> features.shape, probabilities.shape
    ((2, 84), (2, 10))
    """

    def __init__(self, network: LeNet5) -> None:
        self.network = network
        features = network.get_layer("f6").output
        self.model = keras.Model(network.inputs, [features, network.outputs[0]])

    def __call__(self, images: Array) -> tuple[Array, Array]:
        features, probabilities = self.model.predict(
            images, batch_size=500, verbose=0
        )
        return features, probabilities

    @property
    def checksum(self) -> str:
        """Hash of the weights, 16 hexadecimal digits."""
        digest = hashlib.sha256()
        for weight in self.network.get_weights():
            digest.update(np.ascontiguousarray(weight).data)
        return digest.hexdigest()[:16]


@dataclasses.dataclass(frozen=True, eq=False)
class RealImages:
    """Real images that generated images are compared with.

    Generated images are compared with the test images. The same number of
    training images, evaluated as if they were generated, is the baseline.
    Memorization is measured with the validation images, which no GAN is
    trained on. The test images are not suitable: those of MNIST were written by
    other people than the training images, and therefore differ from them more
    than other images do.

    Args:
        classifier: Feature extractor.
        data: Data set.
        seed: Seed of the sample of training images.
    """

    classifier: FeatureClassifier
    data: ImageDataset
    seed: int = 0

    @functools.cached_property
    def test(self) -> Array:
        """Test images in [0, 1]."""
        return to_floats(self.data.test[0])

    @functools.cached_property
    def train(self) -> Array:
        """Random training images in [0, 1], as many as test images."""
        images = self.data.train[0]
        count = min(len(images), len(self.test))
        rng = np.random.default_rng(self.seed)
        return to_floats(images[rng.permutation(len(images))[:count]])

    @functools.cached_property
    def held_out(self) -> Array:
        """Validation images in [0, 1]."""
        return to_floats(self.data.validation[0])

    @functools.cached_property
    def features(self) -> Array:
        """Features of the test images."""
        return self.classifier(self.test)[0]

    @functools.cached_property
    def baseline(self) -> dict[str, float]:
        """Metrics of training images, as if they were generated."""
        return self.evaluate(self.train, memorization=False)

    def evaluate(
        self,
        images: Array,
        labels: ArrayLike | None = None,
        memorization: bool = True,
    ) -> dict[str, float]:
        """Computes metrics of generated images, see `dlunits.metrics`.

        Args:
            images: `(count, height, width, channels)` in [0, 1].
            labels: Classes that were requested, `(count,)`, or `None`.
            memorization: Whether to compare the distances to training images
                and to held-out images.

        Returns:
            Dict of `frechet` (distance), `kernel` (distance), `kernel_error`
            (its standard error), `score` (classifier score), `covered`
            (number of classes), `smallest_share` (of a class), `divergence`
            (of the class histograms, nats); with `labels` also `agreement`
            (fraction classified as requested); with `memorization` also
            `nearer_to_train` (fraction nearer to a training image than to a
            held-out image) and its `p_value`, see
            `dlunits.metrics.nearest_training_neighbors`.
        """
        features, probabilities = self.classifier(images)
        predictions = probabilities.argmax(axis=1)
        num_classes = len(self.data.class_names)
        kernel = metrics.kernel_distance(features, self.features)
        coverage = metrics.class_coverage(predictions, num_classes)
        results = {
            "frechet": metrics.frechet_distance(features, self.features),
            "kernel": kernel["distance"],
            "kernel_error": kernel["standard_error"],
            "score": metrics.classifier_score(
                probabilities, splits=min(10, len(predictions) // 2)
            )["score"],
            "covered": coverage["num_covered"],
            "smallest_share": float(np.min(coverage["frequencies"])),
            "divergence": metrics.histogram_divergence(
                predictions, self.data.test[1], num_classes
            ),
        }
        if labels is not None:
            results["agreement"] = float(np.mean(predictions == labels))
        if memorization:
            neighbors = metrics.nearest_training_neighbors(
                flatten(images),
                flatten(self.train[: len(self.held_out)]),
                flatten(self.held_out),
            )
            results["nearer_to_train"] = neighbors["share_nearer_to_train"]
            results["p_value"] = neighbors["p_value"]
        return {name: float(value) for name, value in results.items()}


def to_floats(images: Array) -> Array:
    """uint8 images as float32 in [0, 1]."""
    return images.astype("float32") / 255


def flatten(images: Array) -> Array:
    """One row of pixels per image."""
    return images.reshape(len(images), -1)
