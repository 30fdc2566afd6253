"""A generator and a discriminator that learn from each other."""

import keras
import numpy as np
from keras import ops

from dlunits.losses.adversarial import check_adversarial
from dlunits.models.gan.adversarial_networks import (
    check_counts,
    check_labels,
    check_networks,
)
from dlunits.models.gan.gan_training import (
    JUDGEMENTS,
    GANTraining,
)


@keras.saving.register_keras_serializable(package="dlunits")
class GAN(GANTraining, keras.Model):
    """Learns to make examples that cannot be told from real ones.

    The generator G makes an example of random numbers z, the discriminator D
    answers with a number, large where it takes an example for real. They are
    trained in turns, each step a few times the one and once the other:

        z ~ N(0, 1)
        D: least discriminator_loss(D(x), D(G(z)))  [+ weight * penalty]
        G: least generator_loss(D(G(z)))
        A = average * A + (1 - average) * G's weights, after every step

    The running average A makes better examples than the weights themselves,
    which go round and round; `generate`, `call` and the exported model use it.

    `fit(x)` or `fit(x, labels)` needs no loss. The first values of the
    metrics say most: `real_accuracy` and `fake_accuracy`, the shares that the
    discriminator judges rightly, near 1 for a generator that deceives nobody;
    then norms of the gradients, of the whole networks. `evaluate` and
    `validation_data` judge other real examples beside the same random numbers
    every time, and draw nothing that training would have drawn.

    Reference: Goodfellow et al., 2014, "Generative adversarial nets",
    https://arxiv.org/abs/1406.2661; for the average, Yazici et al., 2019,
    https://arxiv.org/abs/1806.04498.

    Args:
        generator: Built Keras model, `(batch, latent_dim)` to examples; of a
            conditional GAN with labels `(batch,)` as second input.
        discriminator: Built Keras model, examples (and labels) to `(batch,
            1)`, with no activation at its end.
        latent_dim: Positive integer, numbers in z.
        num_classes: Positive integer for a conditional GAN, else `None`.
        loss: "minimax", "non_saturating", "least_squares", "hinge" or
            "wasserstein", see `dlunits.losses.discriminator_loss`.
        label_smoothing: Number in [0, 1), of real examples only.
        penalty: Number, weight of the penalty on D's slope: with the loss
            "wasserstein" of `dlunits.losses.gradient_penalty`, else of
            `dlunits.losses.r1_penalty`. `None` for 10 with "wasserstein" and
            0 else.
        discriminator_steps: Positive integer, updates of the discriminator,
            each with new z, to one of the generator.
        average: Number in [0, 1), decay of the running average; 0 for none.
            In step t it is (1 + t) / (10 + t) as long as that is less.
        seed: Integer, decides z in training.

    Call arguments:
        inputs: z, of a conditional GAN the list of z and labels.

    Input shape: `(batch, latent_dim)`.

    Output shape: That of the generator.

    Raises:
        ValueError: If the shapes do not fit, or an argument is out of range;
            in training, if the backend is neither TensorFlow nor JAX.

    Example, four weights and biases, and the averages of two:

    >>> model = GAN(
    ...     keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]),
    ...     keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]),
    ...     latent_dim=1,
    ... )
    >>> model.compile()
    >>> history = model.fit(np.ones((8, 1)), verbose=0).history
    >>> sum(weight.size for weight in model.get_weights())
    6
    >>> model.generate(3, seed=0).shape
    (3, 1)
    """

    def __init__(
        self,
        generator,
        discriminator,
        latent_dim,
        num_classes=None,
        loss="non_saturating",
        label_smoothing=0.0,
        penalty=None,
        discriminator_steps=1,
        average=0.999,
        seed=None,
        **kwargs,
    ):
        check_adversarial(loss, label_smoothing)
        check_counts(latent_dim, num_classes, discriminator_steps)
        check_networks(generator, discriminator, latent_dim, num_classes)
        if not 0 <= average < 1:
            raise ValueError(
                f"`average` must lie in [0, 1). Received: {average=}"
            )
        if penalty is None:
            penalty = 10.0 if loss == "wasserstein" else 0.0
        if not 0 <= penalty < float("inf"):
            raise ValueError(
                f"`penalty` must not be negative. Received: {penalty=}"
            )
        super().__init__(**kwargs)
        self.generator = generator
        self.discriminator = discriminator
        self.latent_dim = latent_dim
        self.num_classes = num_classes
        self.adversarial_loss = loss
        self.label_smoothing = label_smoothing
        self.penalty = penalty
        self.discriminator_steps = discriminator_steps
        self.average = average
        self.seed = seed
        self.seeds = keras.random.SeedGenerator(seed)
        self.averages = [
            self.add_weight(
                name=f"average_{index}",
                shape=weight.shape,
                initializer="zeros",
                dtype="float32",
                autocast=False,
                trainable=False,
                aggregation="mean",
            )
            for index, weight in enumerate(generator.trainable_variables)
        ]
        for average, weight in zip(
            self.averages, generator.trainable_variables, strict=True
        ):
            average.assign(ops.convert_to_numpy(weight).astype("float32"))
        names = [*JUDGEMENTS, "discriminator_gradient", "generator_gradient"]
        if penalty:
            names.append("gradient_penalty")
        self.means = {name: keras.metrics.Mean(name) for name in names}
        self.built = True

    @property
    def metrics(self):
        return list(self.means.values())

    def call(self, inputs, training=False):
        averages = [
            ops.cast(average, weight.dtype)
            for average, weight in zip(
                self.averages, self.generator.trainable_variables, strict=True
            )
        ]
        examples, _ = self.generator.stateless_call(
            averages,
            self.generator.non_trainable_variables,
            inputs,
            training=False,
        )
        return examples

    def compute_output_shape(self, input_shape):
        return self.generator.compute_output_shape(input_shape)

    def generate(self, count, seed=None, labels=None, batch_size=256):
        """Makes examples with the averaged generator.

        Args:
            count: Positive integer.
            seed: Integer, for the same examples every time; it leaves the
                chances of training alone.
            labels: Of a conditional GAN a class, or an array of `count`
                classes; `None` for all in turn.
            batch_size: Positive integer, examples made at a time.

        Returns:
            NumPy array `(count, ...)`.

        Raises:
            ValueError: If `count` or a label is out of range.
        """
        if count < 1:
            raise ValueError(f"`count` must be at least 1. Received: {count=}")
        shape = (count, self.latent_dim)
        noise = np.random.default_rng(seed).normal(size=shape)
        inputs = noise.astype("float32")
        if self.num_classes is not None:
            if labels is None:
                labels = np.arange(count) % self.num_classes
            labels = np.broadcast_to(labels, (count,)).astype("int32")
            check_labels(labels, self.num_classes)
            inputs = [inputs, labels]
        elif labels is not None:
            raise ValueError(
                "`labels` are for a conditional GAN, with `num_classes`. "
                f"Received: {labels=}"
            )
        return self.predict(inputs, batch_size=batch_size, verbose=0)

    def averaged_generator(self):
        """A copy of the generator with the averaged weights, to be exported.

        Returns:
            Keras model that takes what the generator takes.
        """
        copy = keras.models.clone_model(self.generator)
        copy.set_weights(self.generator.get_weights())
        weights = zip(copy.trainable_variables, self.averages, strict=True)
        for weight, average in weights:
            weight.assign(ops.cast(average, weight.dtype))
        return copy

    # Saving

    def random_states(self):
        """Variables of random seeds, which Keras does not save."""
        saved = {id(v) for v in [*self.weights, *self.metrics_variables]}
        return [v for v in self.variables if id(v) not in saved]

    def save_own_variables(self, store):
        super().save_own_variables(store)
        for index, state in enumerate(self.random_states()):
            store[f"random_{index}"] = ops.convert_to_numpy(state)

    def load_own_variables(self, store):
        values = {name: store[name] for name in list(store.keys())}
        for index, state in enumerate(self.random_states()):
            state.assign(values.pop(f"random_{index}"))
        super().load_own_variables(values)

    def get_config(self):
        networks = {
            "generator": self.generator,
            "discriminator": self.discriminator,
        }
        return {
            **super().get_config(),
            **{
                name: keras.saving.serialize_keras_object(network)
                for name, network in networks.items()
            },
            "latent_dim": self.latent_dim,
            "num_classes": self.num_classes,
            "loss": self.adversarial_loss,
            "label_smoothing": self.label_smoothing,
            "penalty": self.penalty,
            "discriminator_steps": self.discriminator_steps,
            "average": self.average,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        for name in ("generator", "discriminator"):
            config[name] = keras.saving.deserialize_keras_object(
                config[name], custom_objects=custom_objects
            )
        return cls(**config)
