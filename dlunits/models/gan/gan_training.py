"""The steps by which a generator and a discriminator are trained in turns."""

import keras
import numpy as np
from keras import ops

from dlunits import losses
from dlunits.autodiff import backend, gradients
from dlunits.losses.adversarial import decision_threshold
from dlunits.losses.r1_penalty import answers_and_r1_penalty
from dlunits.models.gan.adversarial_networks import check_labels
from dlunits.models.gan.two_optimizers import TwoOptimizers

# What validation has numbers for; the gradients are those of training alone.
JUDGEMENTS = (
    "discriminator_loss",
    "generator_loss",
    "real_accuracy",
    "fake_accuracy",
)


class GANTraining:
    """Trains and judges a `dlunits.models.GAN`, on TensorFlow and on JAX.

    To be inherited before `keras.Model`. A step is written once, as if
    variables could be assigned everywhere. On JAX, where they cannot, Keras
    hands over the values of all of them and takes them back, and `with_state`
    stands in between.

    Example, a discriminator that knows nothing yet:

    >>> from dlunits.models import GAN
    >>> parts = [
    ...     keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    ...     for _ in range(2)
    ... ]
    >>> parts[1].set_weights([0 * w for w in parts[1].get_weights()])
    >>> model = GAN(*parts, latent_dim=1)
    >>> model.compile()
    >>> history = model.fit(ops.ones((8, 1)), verbose=0).history
    >>> round(history["discriminator_loss"][0], 4)  # 2 log 2, at first
    1.3863
    """

    def compile(
        self, generator_optimizer=None, discriminator_optimizer=None, **kwargs
    ):
        """Sets the two optimizers.

        Args:
            generator_optimizer, discriminator_optimizer: Keras optimizers or
                their names; `None` for Adam with a rate of 2e-4 and a first
                moment of 0.5, after Radford et al., 2016,
                https://arxiv.org/abs/1511.06434. In half precision each has
                its own loss scale.
            kwargs: `jit_compile`, `run_eagerly` and `steps_per_execution`.
        """
        both = [
            self.optimizer_of(given)
            for given in (generator_optimizer, discriminator_optimizer)
        ]
        super().compile(
            optimizer=TwoOptimizers(*both), auto_scale_loss=False, **kwargs
        )
        self.compile_options = kwargs
        self.optimizer.build_both(
            self.generator.trainable_variables,
            self.discriminator.trainable_variables,
        )

    def optimizer_of(self, given):
        if given is None:
            given = keras.optimizers.Adam(2e-4, beta_1=0.5)
        optimizer = keras.optimizers.get(given)
        scaled = keras.optimizers.LossScaleOptimizer
        half = "float16" in {
            layer.compute_dtype
            for network in (self.generator, self.discriminator)
            for layer in network.layers
        }
        if half and not isinstance(optimizer, scaled):
            return scaled(optimizer)
        return optimizer

    def get_compile_config(self):
        if not self.compiled:
            return None
        return {**self.compile_options, **self.optimizer.get_config()}

    def compile_from_config(self, config):
        both = TwoOptimizers.from_config(
            {name: config.pop(name) for name in ("generator", "discriminator")}
        )
        config.pop("name")
        self.compile(both.generator, both.discriminator, **config)

    def fit(self, x=None, y=None, **kwargs):
        """As `keras.Model.fit`; labels in an array are looked at first."""
        if self.num_classes is not None and isinstance(y, np.ndarray):
            check_labels(y.ravel(), self.num_classes)
        return super().fit(x, y, **kwargs)

    def train_step(self, *args):
        if backend() == "tensorflow":
            return self.take_step(*args)
        state, data = args
        return self.with_state(
            lambda: self.take_step(data),
            state,
            self.trainable_variables,
            self.non_trainable_variables,
            self.optimizer.variables,
            self.metrics_variables,
        )

    def test_step(self, *args):
        if backend() == "tensorflow":
            return self.judge(*args)
        state, data = args
        return self.with_state(
            lambda: self.judge(data),
            state,
            self.trainable_variables,
            self.non_trainable_variables,
            self.metrics_variables,
        )

    def with_state(self, step, state, *groups):
        """What JAX wants: all state goes into a step, and comes out of it."""
        mapping = [
            pair
            for variables, values in zip(groups, state, strict=True)
            for pair in zip(variables, values, strict=True)
        ]
        with keras.StatelessScope(state_mapping=mapping) as scope:
            logs = step()
        after = (
            [scope.get_current_value(variable) for variable in variables]
            for variables in groups
        )
        return logs, tuple(after)

    def take_step(self, data):
        examples, labels = self.unpacked(data)
        for _ in range(self.discriminator_steps):
            self.update_discriminator(examples, labels)
        self.update_generator(ops.shape(examples)[0], labels)
        self.update_averages()
        return {name: mean.result() for name, mean in self.means.items()}

    def update_discriminator(self, real, labels):
        z = self.drawn(ops.shape(real)[0], self.seeds)
        fake = self.generator(self.inputs_of(z, labels), training=True)

        def judged(examples):
            return self.answers(examples, labels, training=True)

        def loss():
            on_real, penalty = self.answers_and_penalty(judged, real, fake)
            answers = on_real, judged(fake)
            value = losses.discriminator_loss(
                self.adversarial_loss, *answers, self.label_smoothing
            )
            return value + self.penalty * penalty, (value, *answers, penalty)

        value, *answers, penalty = self.descend(
            "discriminator", self.discriminator, loss
        )
        self.record_judgement(value, *answers)
        if self.penalty:
            self.means["gradient_penalty"].update_state(penalty)

    def answers_and_penalty(self, judged, real, fake):
        """D(real), and the penalty on D's slope, 0 where it has no weight."""
        if not self.penalty:
            return judged(real), ops.zeros(())
        if self.adversarial_loss == "wasserstein":
            penalty = losses.gradient_penalty(judged, real, fake, self.seeds)
            return judged(real), penalty
        return answers_and_r1_penalty(judged, real)

    def update_generator(self, batch_size, labels):
        z = self.drawn(batch_size, self.seeds)

        def loss():
            fake = self.generator(self.inputs_of(z, labels), training=True)
            answers = self.answers(fake, labels, training=True)
            value = losses.generator_loss(self.adversarial_loss, answers)
            return value, value

        value = self.descend("generator", self.generator, loss)
        self.means["generator_loss"].update_state(value)

    def descend(self, name, network, loss):
        """One step of a network's optimizer down the gradient of its loss."""
        optimizer = getattr(self.optimizer, name)
        variables = network.trainable_variables
        scale = optimizer.scale_loss(ops.ones(()))
        share = scale / replicas()  # gradients are summed over replicas

        def scaled():
            value, other = loss()
            return value * share, other

        trained = {id(variable) for variable in variables}
        others = [v for v in self.variables if id(v) not in trained]
        _, other, slopes = gradients(scaled, variables, others)
        norm = ops.sqrt(
            sum(ops.sum(ops.square(ops.cast(g, "float32"))) for g in slopes)
        )
        self.means[f"{name}_gradient"].update_state(norm / share)
        apply(optimizer, slopes, variables)
        return other

    def update_averages(self):
        """The decay rises from 0.1 to its value, or the start would last."""
        steps = ops.cast(self.optimizer.generator.iterations, "float32")
        decay = ops.minimum(self.average, (1 + steps) / (10 + steps))
        pairs = zip(
            self.averages, self.generator.trainable_variables, strict=True
        )
        for average, weight in pairs:
            change = ops.cast(weight, "float32") - average
            average.assign(average + (1 - decay) * change)

    def judge(self, data):
        """A step of validation: real examples beside the same z each time."""
        real, labels = self.unpacked(data)
        z = self.drawn(ops.shape(real)[0], seed=0)
        fake = self.generator(self.inputs_of(z, labels), training=False)
        answers = [self.answers(x, labels, False) for x in (real, fake)]
        value = losses.discriminator_loss(
            self.adversarial_loss, *answers, self.label_smoothing
        )
        self.record_judgement(value, *answers)
        self.means["generator_loss"].update_state(
            losses.generator_loss(self.adversarial_loss, answers[1])
        )
        return {name: self.means[name].result() for name in JUDGEMENTS}

    def record_judgement(self, loss, real, fake):
        threshold = decision_threshold(self.adversarial_loss, real, fake)
        values = {
            "discriminator_loss": loss,
            "real_accuracy": ops.mean(ops.cast(real > threshold, "float32")),
            "fake_accuracy": ops.mean(ops.cast(fake < threshold, "float32")),
        }
        for name, value in values.items():
            self.means[name].update_state(value)

    def unpacked(self, data):
        """Examples and labels of a mini-batch, labels only if they count."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        if sample_weight is not None:
            raise ValueError(
                "A GAN does not weigh its examples. Received: sample_weight"
            )
        if self.num_classes is None:
            return x, None
        if y is None:
            raise ValueError(
                "A conditional GAN is trained with labels: fit(x, labels). "
                "Received: examples alone"
            )
        return x, ops.cast(ops.reshape(y, (-1,)), "int32")

    def drawn(self, batch_size, seed):
        return keras.random.normal((batch_size, self.latent_dim), seed=seed)

    def answers(self, examples, labels, training):
        inputs = self.inputs_of(examples, labels)
        found = self.discriminator(inputs, training=training)
        return ops.cast(found, "float32")

    def inputs_of(self, x, labels):
        return x if labels is None else [x, labels]


def apply(optimizer, slopes, variables):
    """A step of an optimizer, on JAX with its state passed through."""
    if backend() == "tensorflow":
        optimizer.apply(slopes, variables)
        return
    remembered = optimizer.variables
    results = optimizer.stateless_apply(
        [variable.value for variable in remembered],
        slopes,
        [variable.value for variable in variables],
    )
    for group, values in zip((variables, remembered), results, strict=True):
        for variable, value in zip(group, values, strict=True):
            variable.assign(value)


def replicas():
    """How many devices share a step, by TensorFlow's strategies."""
    if backend() == "jax":
        return 1
    import tensorflow as tf

    return tf.distribute.get_strategy().num_replicas_in_sync
