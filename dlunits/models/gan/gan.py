"""Generative adversarial network, plain or conditional."""

import types
from typing import Any

import keras
import numpy as np
from keras import ops

from dlunits.losses.adversarial import check_adversarial_loss
from dlunits.models.gan.adversarial_networks import (
    check_counts,
    check_labels,
    check_labels_shape,
    check_networks,
)
from dlunits.models.gan.gan_training import TEST_METRICS, GANTraining
from dlunits.models.layer_states import trainable_if_unfrozen
from dlunits.typing import Array, ArrayLike, Config, Path, Shape, Tensor


@keras.saving.register_keras_serializable(package="dlunits")
class GAN(GANTraining):
    """Generative adversarial network (Goodfellow et al., 2014).

    Use it to generate examples like those of a data set, of given classes if
    `num_classes` is set. The generator G maps latent vectors z to examples,
    the discriminator D maps examples to one number (logit), large for real
    ones. Every training step makes `discriminator_steps` updates of D and one
    update of G:

        z ~ N(0, I)
        D:  minimize discriminator_loss(D(x), D(G(z))) + penalty * P
        G:  minimize generator_loss(D(G(z)))
        theta_ema = m theta_ema + (1 - m) theta,
                    m = min(ema_momentum, (1 + t) / (10 + t))

    P is the gradient penalty of `penalty` below, theta are the weights of G
    after step t = 1, 2, ..., and theta_ema is their exponential moving average
    (EMA). `call`, `generate` and the exported model use theta_ema, whose
    examples are better than those of theta.

    `fit(x)` and `fit(x, labels)` need no loss. The metrics are

    - `discriminator_loss`, without the penalty, and `generator_loss`;
    - `real_accuracy` and `fake_accuracy`, the fractions of real and generated
      examples that D classifies correctly;
    - `discriminator_gradient_norm` and `generator_gradient_norm`, L2 norms of
      the gradients of all weights of a network, in training only;
    - `gradient_penalty`, P, in training only and if `penalty` is not 0.

    `evaluate` and `validation_data` compare real examples with examples
    generated from the same z at every call, and do not change the random state
    of training.

    Reference: Goodfellow et al., 2014, "Generative adversarial nets",
    https://arxiv.org/abs/1406.2661; for the EMA, Yazici et al., 2019,
    https://arxiv.org/abs/1806.04498.

    Args:
        generator: Built Keras model that maps `(batch, latent_dim)` to
            examples; that of a conditional GAN has labels `(batch,)` as second
            input.
        discriminator: Built Keras model that maps examples (and labels) to
            logits `(batch, 1)`, without an activation at the output.
        latent_dim: Positive integer, size of z.
        num_classes: Positive integer for a conditional GAN, else `None`.
        loss: `"minimax"`, `"non_saturating"`, `"least_squares"`, `"hinge"` or
            `"wasserstein"`, see `dlunits.losses.discriminator_loss`. Stored
            as `adversarial_loss`.
        label_smoothing: Number in [0, 1): one-sided label smoothing, the
            target for real examples is 1 - this value.
        penalty: Number, weight of the gradient penalty: of
            `dlunits.losses.gradient_penalty` with the loss `"wasserstein"`,
            else of `dlunits.losses.r1_penalty`. `None` is 10 with
            `"wasserstein"` and 0 otherwise.
        discriminator_steps: Positive integer, discriminator updates per
            generator update, each with new z.
        ema_momentum: Number in [0, 1), decay of the moving average of the
            generator's weights; 0 for none.
        seed: Integer, seed of z in training.
        **kwargs: Keyword arguments of `keras.Model`, such as `name`.

    Call arguments:
        inputs: z; for a conditional GAN the list `[z, labels]`.

    Input shape: `(batch, latent_dim)`.

    Output shape: That of the generator.

    Raises:
        ValueError: If the shapes do not match or an argument is out of range;
            in training, if the backend is not TensorFlow, JAX or PyTorch.

    Example, with four weights and biases, and the moving averages of two of
    them:

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
        generator: keras.Model,
        discriminator: keras.Model,
        latent_dim: int,
        num_classes: int | None = None,
        *,
        loss: str = "non_saturating",
        label_smoothing: float = 0.0,
        penalty: float | None = None,
        discriminator_steps: int = 1,
        ema_momentum: float = 0.999,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        check_adversarial_loss(loss, label_smoothing)
        check_counts(latent_dim, num_classes, discriminator_steps)
        check_networks(generator, discriminator, latent_dim, num_classes)
        if not 0 <= ema_momentum < 1:
            raise ValueError(
                f"`ema_momentum` must be in [0, 1). Received: {ema_momentum=}"
            )
        if penalty is None:
            penalty = 10.0 if loss == "wasserstein" else 0.0
        if not 0 <= penalty < float("inf"):
            raise ValueError(
                "`penalty` must be a finite number of at least 0. Received: "
                f"{penalty=}"
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
        self.ema_momentum = ema_momentum
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        averaged = trainable_if_unfrozen(generator)
        # Keras does not track the variables in a namespace.
        self.averaged = types.SimpleNamespace(weights=averaged)
        self.ema_weights = [
            self.add_weight(
                name=f"ema_{index}",
                shape=weight.shape,
                initializer="zeros",
                dtype="float32",
                autocast=False,
                trainable=False,
                aggregation="mean",
            )
            for index, weight in enumerate(averaged)
        ]
        for weight, ema_weight in self.ema_pairs():
            ema_weight.assign(ops.convert_to_numpy(weight).astype("float32"))
        names = [
            *TEST_METRICS,
            "discriminator_gradient_norm",
            "generator_gradient_norm",
        ]
        if penalty:
            names.append("gradient_penalty")
        self.trackers = {name: keras.metrics.Mean(name) for name in names}
        self.built = True

    @property
    def metrics(self) -> list[keras.Metric]:
        """Metrics that `fit` and `evaluate` report, see the class."""
        return list(self.trackers.values())

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        values = {
            id(weight): ops.cast(ema_weight, weight.dtype)
            for weight, ema_weight in self.ema_pairs()
        }
        trainable, non_trainable = (
            [values.get(id(variable), variable) for variable in variables]
            for variables in (
                self.generator.trainable_variables,
                self.generator.non_trainable_variables,
            )
        )
        examples, _ = self.generator.stateless_call(
            trainable, non_trainable, inputs, training=False
        )
        return examples

    def ema_pairs(self) -> list[tuple[keras.Variable, keras.Variable]]:
        """Pairs of a weight of the generator and its moving average.

        Quantized weights have no moving average.
        """
        current = {id(weight) for weight in self.generator.weights}
        pairs = zip(self.averaged.weights, self.ema_weights, strict=True)
        return [pair for pair in pairs if id(pair[0]) in current]

    def quantize(self, *args: Any, **kwargs: Any) -> None:
        """Quantizes both networks, as `keras.Model.quantize`.

        The weights of the generator are first set to their moving average.

        Args:
            *args, **kwargs: Arguments of `keras.Model.quantize`.
        """
        for weight, ema_weight in self.ema_pairs():
            weight.assign(ops.cast(ema_weight, weight.dtype))
        super().quantize(*args, **kwargs)

    def export(
        self,
        filepath: Path,
        format: str = "tf_saved_model",
        **kwargs: Any,
    ) -> None:
        """Exports the generator with the moving average of its weights.

        Args:
            filepath: Folder or file to write.
            format: As in `keras.Model.export`.
            **kwargs: Keyword arguments of `keras.Model.export`.
        """
        self.ema_generator().export(filepath, format=format, **kwargs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return self.generator.compute_output_shape(input_shape)

    def generate(
        self,
        num_samples: int,
        seed: int | None = None,
        labels: ArrayLike | None = None,
        batch_size: int = 256,
    ) -> Array:
        """Generates examples with the moving average of the weights.

        Args:
            num_samples: Positive integer, examples to generate.
            seed: Integer for reproducible examples, or `None`. The random
                state of training is not changed.
            labels: For a conditional GAN one class, or an array of
                `num_samples` classes; `None` for 0, 1, ..., `num_classes - 1`
                in turn.
            batch_size: Positive integer, examples per batch.

        Returns:
            NumPy array `(num_samples, ...)`.

        Raises:
            ValueError: If `num_samples` or a label is out of range, or
                `labels` are given to a GAN without classes.
        """
        if num_samples < 1:
            raise ValueError(
                f"`num_samples` must be at least 1. Received: {num_samples=}"
            )
        shape = (num_samples, self.latent_dim)
        z = np.random.default_rng(seed).normal(size=shape).astype("float32")
        inputs: Any = z
        if self.num_classes is not None:
            if labels is None:
                labels = np.arange(num_samples) % self.num_classes
            labels = np.asarray(labels)
            if labels.ndim:
                check_labels_shape(labels.shape)
                labels = labels.ravel()
            labels = np.broadcast_to(labels, (num_samples,)).astype("int32")
            check_labels(labels, self.num_classes)
            inputs = [z, labels]
        elif labels is not None:
            raise ValueError(
                "`labels` need a conditional GAN, built with `num_classes`. "
                f"Received: {labels=}"
            )
        return self.predict(inputs, batch_size=batch_size, verbose=0)

    def ema_generator(self) -> keras.Model:
        """Copies the generator with the moving average of its weights.

        Returns:
            Keras model with the inputs of the generator, for export.
        """
        copy = keras.models.clone_model(self.generator)
        values = {id(weight): ema for weight, ema in self.ema_pairs()}
        copy.set_weights([values.get(id(w), w) for w in self.generator.weights])
        return copy

    def seed_states(self) -> list[keras.Variable]:
        """Variables of seed generators, which Keras does not save."""
        saved = {id(v) for v in [*self.weights, *self.metrics_variables]}
        return [v for v in self.variables if id(v) not in saved]

    def save_own_variables(self, store: Any) -> None:
        # Not those of weights that were quantized after training.
        for index, (_, ema_weight) in enumerate(self.ema_pairs()):
            store[str(index)] = ops.convert_to_numpy(ema_weight)
        for index, state in enumerate(self.seed_states()):
            store[f"seed_{index}"] = ops.convert_to_numpy(state)

    def load_own_variables(self, store: Any) -> None:
        values = {name: store[name] for name in list(store.keys())}
        for index, state in enumerate(self.seed_states()):
            state.assign(values.pop(f"seed_{index}"))
        super().load_own_variables(values)

    def get_config(self) -> Config:
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
            "ema_momentum": self.ema_momentum,
            "seed": self.seed,
        }

    @classmethod
    def from_config(
        cls, config: Config, custom_objects: Config | None = None
    ) -> "GAN":
        config = dict(config)
        for name in ("generator", "discriminator"):
            config[name] = keras.saving.deserialize_keras_object(
                config[name], custom_objects=custom_objects
            )
        return cls(**config)
