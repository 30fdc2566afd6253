"""Optimizer that holds one optimizer for each of two networks."""

from typing import Any

import keras

from dlunits.typing import Config, Tensor


@keras.saving.register_keras_serializable(package="dlunits")
class TwoOptimizers(keras.optimizers.Optimizer):
    """Combines the optimizers of a generator and of a discriminator.

    Keras builds, saves and restores the variables of one optimizer per model.
    This optimizer has the variables of both, so that `.keras` files,
    checkpoints and the state passed through a JAX train step hold both.
    `GAN.compile` creates it, and the train step calls `generator` and
    `discriminator` directly.

    Args:
        generator: `keras.optimizers.Optimizer` of the generator.
        discriminator: `keras.optimizers.Optimizer` of the discriminator.
        name: Name of the optimizer.

    Raises:
        ValueError: If both arguments are the same object, or one of them has
            `use_ema=True`: `GAN` keeps the moving average of the weights.

    Example, where SGD without momentum has two variables, the iteration and the
    learning rate:

    >>> optimizer = TwoOptimizers(
    ...     keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.2)
    ... )
    >>> optimizer.build_both([], [])
    >>> len(optimizer.variables)
    4
    """

    def __init__(
        self,
        generator: keras.optimizers.Optimizer,
        discriminator: keras.optimizers.Optimizer,
        name: str = "two_optimizers",
    ) -> None:
        if generator is discriminator:
            raise ValueError(
                "Generator and discriminator must have separate optimizers. "
                f"Received: the same object, {generator.name}, for both"
            )
        for optimizer in (generator, discriminator):
            if optimizer.use_ema:
                raise ValueError(
                    "The moving average of the weights is set by "
                    "`GAN(ema_momentum=...)`. Received: use_ema=True in "
                    f"{optimizer.name}"
                )
        super().__init__(learning_rate=0.0, name=name)
        self.generator = generator
        self.discriminator = discriminator

    def build_both(
        self,
        generator_variables: list[keras.Variable],
        discriminator_variables: list[keras.Variable],
    ) -> None:
        """Creates the variables of both optimizers.

        Args:
            generator_variables: Trainable variables of the generator.
            discriminator_variables: Trainable variables of the discriminator.
        """
        self.generator.build(generator_variables)
        self.discriminator.build(discriminator_variables)
        self.built = True

    def build(self, variables: list[keras.Variable]) -> None:
        """Does nothing: `GAN.compile` calls `build_both`."""

    @property
    def variables(self) -> list[keras.Variable]:
        """Variables of the generator's optimizer, then of the other."""
        return self.generator.variables + self.discriminator.variables

    @property
    def learning_rate(self) -> Tensor:
        """Learning rate of the generator's optimizer; sets that of both."""
        return self.generator.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        self.generator.learning_rate = learning_rate
        self.discriminator.learning_rate = learning_rate

    @property
    def iterations(self) -> keras.Variable:
        """Steps of the generator's optimizer."""
        return self.generator.iterations

    def finalize_variable_values(self, var_list: list[keras.Variable]) -> None:
        """Does nothing: neither optimizer averages weights."""

    def save_own_variables(self, store: Any) -> None:
        """Does nothing: Keras saves the two optimizers as attributes."""

    def load_own_variables(self, store: Any) -> None:
        """Does nothing, see `save_own_variables`."""

    def get_config(self) -> Config:
        return {
            "generator": keras.saving.serialize_keras_object(self.generator),
            "discriminator": keras.saving.serialize_keras_object(
                self.discriminator
            ),
            "name": self.name,
        }

    @classmethod
    def from_config(
        cls, config: Config, custom_objects: Config | None = None
    ) -> "TwoOptimizers":
        config = dict(config)
        for name in ("generator", "discriminator"):
            config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)
