"""Alternating training of a generator and a discriminator."""

import types
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from dlunits import losses
from dlunits.autodiff import backend, gradients
from dlunits.losses.adversarial import decision_threshold
from dlunits.losses.r1_penalty import output_and_r1_penalty
from dlunits.models.gan.adversarial_networks import (
    check_labels,
    check_labels_shape,
)
from dlunits.models.gan.two_optimizers import TwoOptimizers
from dlunits.typing import Config, Tensor

COMPILE_OPTIONS = {"jit_compile", "run_eagerly", "steps_per_execution"}

# Metrics of `evaluate`; `fit` adds the gradients.
TEST_METRICS = (
    "discriminator_loss",
    "generator_loss",
    "real_accuracy",
    "fake_accuracy",
)


class GANTraining(keras.Model):
    """Training and test steps of `dlunits.models.GAN`, its base class.

    The steps are written once for all backends and assign variables
    directly. On JAX, Keras passes the values of all variables into a step and
    expects the new values back; `run_stateless` does the conversion.

    Example, where a discriminator with all weights 0 returns logits 0, so its
    loss is 2 log(2) = 1.3863:

    >>> from dlunits.models import GAN
    >>> generator, discriminator = (
    ...     keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    ...     for _ in range(2)
    ... )
    >>> weights = discriminator.get_weights()
    >>> discriminator.set_weights([0 * weight for weight in weights])
    >>> model = GAN(generator, discriminator, latent_dim=1)
    >>> model.compile()
    >>> history = model.fit(ops.ones((8, 1)), verbose=0).history
    >>> round(history["discriminator_loss"][0], 4)
    1.3863
    """

    def compile(
        self,
        generator_optimizer: Any = None,
        discriminator_optimizer: Any = None,
        **kwargs: Any,
    ) -> None:
        """Sets the optimizers of the two networks.

        Args:
            generator_optimizer, discriminator_optimizer: Keras optimizers or
                their names. `None` is Adam with a learning rate of 2e-4 and
                `beta_1=0.5`, after Radford et al., 2016,
                https://arxiv.org/abs/1511.06434. With `mixed_float16` layers
                each is wrapped in its own `LossScaleOptimizer`.
            **kwargs: `jit_compile`, `run_eagerly` and `steps_per_execution`
                of `keras.Model.compile`.

        Raises:
            ValueError: If there is another argument, such as `optimizer`.
        """
        unknown = sorted(kwargs.keys() - COMPILE_OPTIONS)
        if unknown:
            raise ValueError(
                "`GAN.compile` takes `generator_optimizer` and "
                "`discriminator_optimizer`, one for each network, and "
                f"{sorted(COMPILE_OPTIONS)}. The loss is an argument of `GAN`. "
                f"Received: {', '.join(unknown)}"
            )
        optimizers = [
            self.prepare_optimizer(optimizer)
            for optimizer in (generator_optimizer, discriminator_optimizer)
        ]
        super().compile(
            optimizer=TwoOptimizers(*optimizers),
            auto_scale_loss=False,
            **kwargs,
        )
        self.compile_options = kwargs
        # Keras does not track the variables in a namespace.
        self.optimized = types.SimpleNamespace(
            generator=self.generator.trainable_variables,
            discriminator=self.discriminator.trainable_variables,
        )
        self.optimizer.build_both(
            self.optimized.generator, self.optimized.discriminator
        )

    def prepare_optimizer(self, optimizer: Any) -> keras.optimizers.Optimizer:
        """Creates the default optimizer, and adds loss scaling for float16."""
        if optimizer is None:
            optimizer = keras.optimizers.Adam(2e-4, beta_1=0.5)
        optimizer = keras.optimizers.get(optimizer)
        scaled = keras.optimizers.LossScaleOptimizer
        half = "float16" in {
            layer.compute_dtype
            for network in (self.generator, self.discriminator)
            for layer in network.layers
        }
        if half and not isinstance(optimizer, scaled):
            return scaled(optimizer)
        return optimizer

    def get_compile_config(self) -> Config | None:
        if not self.compiled:
            return None
        return {**self.compile_options, **self.optimizer.get_config()}

    def compile_from_config(self, config: Config) -> None:
        both = TwoOptimizers.from_config(
            {name: config.pop(name) for name in ("generator", "discriminator")}
        )
        config.pop("name")
        self.compile(both.generator, both.discriminator, **config)

    def fit(self, x: Any = None, y: Any = None, **kwargs: Any) -> Any:
        """Trains as `keras.Model.fit`, and checks labels in an array first."""
        if self.num_classes is not None and isinstance(y, np.ndarray):
            check_labels_shape(y.shape)
            check_labels(y.ravel(), self.num_classes)
        return super().fit(x, y, **kwargs)

    def train_step(self, *args: Any) -> Any:
        if backend() != "jax":
            return self.update_networks(*args)
        state, data = args
        return self.run_stateless(
            lambda: self.update_networks(data),
            state,
            self.trainable_variables,
            self.non_trainable_variables,
            self.optimizer.variables,
            self.metrics_variables,
        )

    def test_step(self, *args: Any) -> Any:
        if backend() != "jax":
            return self.update_test_metrics(*args)
        state, data = args
        return self.run_stateless(
            lambda: self.update_test_metrics(data),
            state,
            self.trainable_variables,
            self.non_trainable_variables,
            self.metrics_variables,
        )

    def run_stateless(
        self,
        step: Callable[[], dict[str, Tensor]],
        state: Any,
        *variable_groups: list[keras.Variable],
    ) -> tuple[dict[str, Tensor], tuple[list[Tensor], ...]]:
        """Runs a step that assigns variables as a pure function, for JAX.

        Args:
            step: Function without arguments that returns the logs.
            state: Values of the variables, one list per group.
            *variable_groups: Lists of variables.

        Returns:
            `(logs, state)` with the values of the variables after the step.
        """
        mapping = [
            pair
            for variables, values in zip(variable_groups, state, strict=True)
            for pair in zip(variables, values, strict=True)
        ]
        with keras.StatelessScope(state_mapping=mapping) as scope:
            logs = step()
        after = (
            [scope.get_current_value(variable) for variable in variables]
            for variables in variable_groups
        )
        return logs, tuple(after)

    def update_networks(self, data: Any) -> dict[str, Tensor]:
        """Runs one training step on a mini-batch and returns the metrics."""
        examples, labels = self.unpack(data)
        for _ in range(self.discriminator_steps):
            self.update_discriminator(examples, labels)
        self.update_generator(ops.shape(examples)[0], labels)
        self.update_ema_weights()
        return {
            name: tracker.result() for name, tracker in self.trackers.items()
        }

    def update_discriminator(self, real: Tensor, labels: Tensor | None) -> None:
        """Updates the discriminator once, with newly sampled z."""
        z = self.sample_z(ops.shape(real)[0], self.seed_generator)
        fake = self.generator(self.with_labels(z, labels), training=True)

        def discriminate(examples: Tensor) -> Tensor:
            return self.discriminator_outputs(examples, labels, training=True)

        def loss() -> tuple[Tensor, tuple[Tensor, ...]]:
            on_real, penalty = self.outputs_and_penalty(
                discriminate, real, fake
            )
            outputs = on_real, discriminate(fake)
            value = losses.discriminator_loss(
                self.adversarial_loss,
                *outputs,
                label_smoothing=self.label_smoothing,
            )
            return value + self.penalty * penalty, (value, *outputs, penalty)

        value, *outputs, penalty = self.minimize("discriminator", loss)
        self.update_discriminator_metrics(value, *outputs)
        if self.penalty:
            self.trackers["gradient_penalty"].update_state(penalty)

    def outputs_and_penalty(
        self,
        discriminate: Callable[[Tensor], Tensor],
        real: Tensor,
        fake: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Computes D(real) and the gradient penalty, 0 if it has no weight."""
        if not self.penalty:
            return discriminate(real), ops.zeros(())
        if self.adversarial_loss == "wasserstein":
            penalty = losses.gradient_penalty(
                discriminate, real, fake, self.seed_generator
            )
            return discriminate(real), penalty
        return output_and_r1_penalty(discriminate, real)

    def update_generator(self, batch_size: Any, labels: Tensor | None) -> None:
        """Updates the generator once."""
        z = self.sample_z(batch_size, self.seed_generator)

        def loss() -> tuple[Tensor, Tensor]:
            fake = self.generator(self.with_labels(z, labels), training=True)
            outputs = self.discriminator_outputs(fake, labels, training=True)
            value = losses.generator_loss(self.adversarial_loss, outputs)
            return value, value

        value = self.minimize("generator", loss)
        self.trackers["generator_loss"].update_state(value)

    def minimize(
        self,
        name: str,
        loss: Callable[[], tuple[Tensor, Any]],
    ) -> Any:
        """Takes one optimizer step of a network and records the gradient norm.

        Args:
            name: `"generator"` or `"discriminator"`, the network whose
                trainable variables are updated.
            loss: Function that returns `(loss, auxiliary outputs)`.

        Returns:
            The auxiliary outputs.
        """
        optimizer = getattr(self.optimizer, name)
        optimized = getattr(self.optimized, name)
        variables = [v for v in optimized if v.trainable]
        if not variables:
            return loss()[1]
        # Gradients are summed over replicas.
        scale = optimizer.scale_loss(ops.ones(())) / num_replicas()

        def scaled_loss() -> tuple[Tensor, Any]:
            value, auxiliary = loss()
            return value * scale, auxiliary

        trained = {id(variable) for variable in variables}
        others = [v for v in self.variables if id(v) not in trained]
        _, auxiliary, grads = gradients(scaled_loss, variables, others)
        norm = ops.sqrt(
            sum(ops.sum(ops.square(ops.cast(g, "float32"))) for g in grads)
        )
        self.trackers[f"{name}_gradient_norm"].update_state(norm / scale)
        apply_gradients(optimizer, grads, variables, optimized)
        return auxiliary

    def update_ema_weights(self) -> None:
        """Updates the moving average of the generator's weights.

        The momentum increases from 2/11 to `ema_momentum`, so that the initial
        weights have no influence after a few steps.
        """
        steps = ops.cast(self.optimizer.generator.iterations, "float32")
        momentum = ops.minimum(self.ema_momentum, (1 + steps) / (10 + steps))
        for weight, ema_weight in self.ema_pairs():
            change = ops.cast(weight, "float32") - ema_weight
            ema_weight.assign(ema_weight + (1 - momentum) * change)

    def update_test_metrics(self, data: Any) -> dict[str, Tensor]:
        """Updates the metrics of `evaluate`, with the same z for each batch."""
        real, labels = self.unpack(data)
        z = self.sample_z(ops.shape(real)[0], seed=0)
        fake = self.generator(self.with_labels(z, labels), training=False)
        real_output, fake_output = (
            self.discriminator_outputs(x, labels, training=False)
            for x in (real, fake)
        )
        value = losses.discriminator_loss(
            self.adversarial_loss,
            real_output,
            fake_output,
            self.label_smoothing,
        )
        self.update_discriminator_metrics(value, real_output, fake_output)
        self.trackers["generator_loss"].update_state(
            losses.generator_loss(self.adversarial_loss, fake_output)
        )
        return {name: self.trackers[name].result() for name in TEST_METRICS}

    def update_discriminator_metrics(
        self, loss: Tensor, real: Tensor, fake: Tensor
    ) -> None:
        """Updates loss and accuracies from the outputs for both batches."""
        threshold = decision_threshold(self.adversarial_loss, real, fake)
        values = {
            "discriminator_loss": loss,
            "real_accuracy": ops.mean(ops.cast(real > threshold, "float32")),
            "fake_accuracy": ops.mean(ops.cast(fake < threshold, "float32")),
        }
        for name, value in values.items():
            self.trackers[name].update_state(value)

    def unpack(self, data: Any) -> tuple[Tensor, Tensor | None]:
        """Returns examples and labels; labels only of a conditional GAN."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        if sample_weight is not None:
            raise ValueError(
                "`GAN` does not support `sample_weight`: leave it out. "
                "Received: sample_weight"
            )
        if self.num_classes is None:
            return x, None
        if y is None:
            raise ValueError(
                "A conditional GAN needs labels: call fit(x, labels). "
                "Received: x without labels"
            )
        check_labels_shape(y.shape)
        return x, ops.cast(ops.reshape(y, (-1,)), "int32")

    def sample_z(self, batch_size: Any, seed: Any) -> Tensor:
        """Samples latent vectors `(batch_size, latent_dim)` from N(0, I)."""
        return keras.random.normal((batch_size, self.latent_dim), seed=seed)

    def discriminator_outputs(
        self, examples: Tensor, labels: Tensor | None, training: bool
    ) -> Tensor:
        """Logits of the discriminator in single precision, `(batch, 1)`."""
        inputs = self.with_labels(examples, labels)
        outputs = self.discriminator(inputs, training=training)
        return ops.cast(outputs, "float32")

    def with_labels(self, x: Tensor, labels: Tensor | None) -> Any:
        """Inputs of a network: x, or `[x, labels]` of a conditional GAN."""
        return x if labels is None else [x, labels]


def apply_gradients(
    optimizer: keras.optimizers.Optimizer,
    grads: list[Tensor],
    variables: list[keras.Variable],
    optimized: list[keras.Variable],
) -> None:
    """Applies gradients; on JAX through the optimizer's stateless API.

    Args:
        optimizer: Optimizer that was built for `optimized`.
        grads: Gradients of `variables`.
        variables: Variables to update, those of `optimized` that are not
            frozen.
        optimized: Variables of the optimizer.
    """
    if backend() != "jax":
        optimizer.apply(grads, variables)
        return
    state = optimizer.variables
    known = {id(v): grad for v, grad in zip(variables, grads, strict=True)}
    values, state_values = optimizer.stateless_apply(
        [variable.value for variable in state],
        [known.get(id(v), ops.zeros(v.shape, v.dtype)) for v in optimized],
        [variable.value for variable in optimized],
    )
    for variable, value in zip(optimized, values, strict=True):
        if id(variable) in known:
            variable.assign(value)
    for variable, value in zip(state, state_values, strict=True):
        variable.assign(value)


def num_replicas() -> int:
    """Number of devices in the current TensorFlow distribution strategy."""
    if backend() != "tensorflow":
        return 1
    import tensorflow as tf

    return tf.distribute.get_strategy().num_replicas_in_sync
