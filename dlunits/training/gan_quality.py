"""How good generated pictures are, in the eyes of a classifier."""

import dataclasses
import functools
import hashlib

import keras
import numpy as np

from dlunits import metrics
from dlunits.models import LeNet5
from dlunits.training.warmup_cosine import warmup_cosine


def train_judge(data, *, epochs=5, batch_size=128, learning_rate=2e-3, seed=0):
    """Trains the LeNet-5 whose features generated pictures are judged by.

    It sees the training pictures only, as they are.

    Args:
        data: `dlunits.data.digits.Digits`.
        epochs, batch_size, learning_rate, seed: Numbers.

    Returns:
        `Judge`.
    """
    from dlunits.data import batches

    keras.utils.set_random_seed(seed)
    network = LeNet5(len(data.class_names))
    images, labels = data.train
    batch_size = min(batch_size, len(images))
    steps = batches.steps_a_pass(len(images), batch_size)
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
            prepare=batches.unit_range,
        ),
        epochs=epochs,
        steps_per_epoch=steps,
        shuffle=False,
        verbose=0,
    )
    return Judge(network)


class Judge:
    """A frozen LeNet-5: features and classes of pictures in [0, 1].

    Args:
        network: `dlunits.models.LeNet5`.

    Example:

    >>> judge = Judge(LeNet5(10))
    >>> features, probabilities = judge(np.zeros((2, 28, 28, 1), "float32"))
    >>> features.shape, probabilities.shape
    ((2, 84), (2, 10))
    """

    def __init__(self, network):
        self.network = network
        last = network.get_layer("f6").output
        self.both = keras.Model(network.inputs, [last, network.outputs[0]])

    def __call__(self, pictures):
        return self.both.predict(pictures, batch_size=500, verbose=0)

    @property
    def checksum(self):
        """Hexadecimal digits that change with any weight."""
        digest = hashlib.sha256()
        for weight in self.network.get_weights():
            digest.update(np.ascontiguousarray(weight))
        return digest.hexdigest()[:16]


@dataclasses.dataclass(frozen=True)
class RealPictures:
    """Real pictures beside which generated ones are judged.

    Args:
        judge: `Judge`.
        data: `dlunits.data.digits.Digits`; the test pictures are what
            generated ones are compared with, as many training pictures are
            the floor: what real pictures get. Copies are looked for with the
            validation pictures, which no GAN has seen: in MNIST other people
            wrote the test pictures, and even unseen pictures lie nearer to
            the training pictures than to them.
        seed: Integer, decides which training pictures.
    """

    judge: Judge
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
        """Quality of training pictures, as if they had been generated."""
        return self.quality(self.train, memorised=False)

    def quality(self, pictures, labels=None, memorised=True):
        """What `dlunits.metrics` has to say of generated pictures.

        Args:
            pictures: Array `(count, height, width, channels)` in [0, 1].
            labels: Integer array `(count,)`, the classes that were asked for,
                or `None`.
            memorised: Whether to look for training pictures among them.

        Returns:
            Dict of numbers: `frechet`, `kernel`, `kernel_error`, `score`,
            `covered` classes, `smallest_share`, `divergence` (nats);
            `agreement` with the labels if there are any; `nearer_to_train`
            than to unseen pictures, and its `p_value`, of
            `nearest_training_neighbours`.
        """
        features, probabilities = self.judge(pictures)
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
            "covered": coverage["covered"],
            "smallest_share": float(np.min(coverage["shares"])),
            "divergence": metrics.histogram_divergence(
                found, self.data.test[1], num_classes
            ),
        }
        if labels is not None:
            measured["agreement"] = float(np.mean(found == labels))
        if memorised:
            neighbours = metrics.nearest_training_neighbours(
                as_rows(pictures),
                as_rows(self.train[: len(self.unseen)]),
                as_rows(self.unseen),
            )
            measured["nearer_to_train"] = neighbours["share_nearer_to_train"]
            measured["p_value"] = neighbours["p_value"]
        return {name: float(value) for name, value in measured.items()}


def as_floats(images):
    return images.astype("float32") / 255


def as_rows(pictures):
    return pictures.reshape(len(pictures), -1)
