"""Two optimizers that Keras takes for one."""

import keras


@keras.saving.register_keras_serializable(package="dlunits")
class TwoOptimizers(keras.optimizers.Optimizer):
    """Holds the optimizers of a generator and of a discriminator.

    Keras keeps, saves and moves the variables of one optimizer a model. This
    one has those of both, so that nothing of either is lost in a file, in a
    checkpoint, or on its way through JAX.

    Args:
        generator: `keras.optimizers.Optimizer`.
        discriminator: Another one.

    Raises:
        ValueError: If both are the same object, or keep an average of the
            weights, which `GAN` does itself.

    Example, of plain gradient descent the step counters and rates:

    >>> pair = TwoOptimizers(
    ...     keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.2)
    ... )
    >>> pair.build_both([], [])
    >>> len(pair.variables)
    4
    """

    def __init__(self, generator, discriminator, name="two_optimizers"):
        if generator is discriminator:
            raise ValueError(
                "Generator and discriminator must have an optimizer each. "
                f"Received: {generator.name} for both"
            )
        for optimizer in (generator, discriminator):
            if optimizer.use_ema:
                raise ValueError(
                    "Leave the average of the weights to `GAN(average=...)`. "
                    f"Received: use_ema=True in {optimizer.name}"
                )
        super().__init__(learning_rate=0.0, name=name)
        self.generator = generator
        self.discriminator = discriminator

    def build_both(self, of_generator, of_discriminator):
        """Makes what the optimizers remember of these lists of variables."""
        self.generator.build(of_generator)
        self.discriminator.build(of_discriminator)
        self.built = True

    def build(self, variables):
        """Does nothing: see `build_both`, which `GAN.compile` calls."""

    @property
    def variables(self):
        return self.generator.variables + self.discriminator.variables

    @property
    def learning_rate(self):
        return self.generator.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate):
        self.generator.learning_rate = learning_rate
        self.discriminator.learning_rate = learning_rate

    @property
    def iterations(self):
        return self.generator.iterations

    def finalize_variable_values(self, var_list):
        """Nothing is left to do after training."""

    def save_own_variables(self, store):
        """Nothing of its own: Keras visits the two by themselves."""

    def load_own_variables(self, store):
        pass

    def get_config(self):
        return {
            "generator": keras.saving.serialize_keras_object(self.generator),
            "discriminator": keras.saving.serialize_keras_object(
                self.discriminator
            ),
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        for name in ("generator", "discriminator"):
            config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)
