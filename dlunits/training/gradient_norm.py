"""Gradient clipping by global norm, with the norm before clipping."""

from typing import Any

import keras
from keras import ops

from dlunits.training.distribution.replicas import replica_context
from dlunits.typing import Tensor


class GradientNormMixin(keras.optimizers.Optimizer):
    """Optimizer mixin that records global gradient norms before clipping.

    Inherit from it before a Keras optimizer, as `ClippedAdam` does.
    """

    num_replicas = 1  # of tf.distribute.MirroredStrategy

    def build(self, variables: list[keras.Variable]) -> None:
        super().build(variables)
        # Since the last reset: sum, maximum, number clipped, updates.
        self.norms = self.add_variable(
            (4,),
            "zeros",
            aggregation="only_first_replica",
            name="gradient_norms",
        )

    def apply(
        self,
        grads: list[Tensor],
        trainable_variables: list[keras.Variable] | None = None,
    ) -> None:
        grads = list(grads)
        if trainable_variables is not None and not self.built:
            trainable_variables = list(trainable_variables)
            self.build(trainable_variables)
        context = replica_context()
        if context:  # the gradient of the whole batch, not of a part
            self.num_replicas = context.num_replicas_in_sync
            grads = context.all_reduce("SUM", grads)
        squares = [
            ops.sum(ops.square(ops.cast(g, "float32")))
            for g in grads
            if g is not None
        ]
        norm = ops.sqrt(sum(squares, ops.zeros(())))
        norm = norm / (self.loss_scale_factor or 1)
        total, largest, clipped, updates = ops.unstack(self.norms.value)
        bound = self.global_clipnorm or float("inf")
        self.norms.assign(
            ops.stack(
                [
                    total + norm,
                    ops.maximum(largest, norm),
                    clipped + ops.cast(norm > bound, clipped.dtype),
                    updates + 1,
                ]
            )
        )
        super().apply(grads, trainable_variables)

    def update_step(
        self, gradient: Tensor, variable: Any, learning_rate: Any
    ) -> None:
        # Keras adds up the gradients of all devices, as `apply` did before.
        if self.num_replicas > 1:
            gradient = ops.divide(gradient, self.num_replicas)
        super().update_step(gradient, variable, learning_rate)

    def reset_gradient_norms(self) -> None:
        """Sets the recorded values to 0."""
        self.norms.assign(ops.zeros(4))

    def gradient_norm_summary(self) -> dict[str, float]:
        """Summarizes the norms before clipping since the last reset.

        Returns:
            Dict of floats: `gradient_norm`, the mean over the updates,
            `max_gradient_norm`, and `clipped_fraction`, the fraction of
            updates whose norm was above `global_clipnorm`. All are 0 without
            updates.
        """
        norms = ops.convert_to_numpy(self.norms).tolist()
        total, largest, clipped, updates = norms
        return {
            "gradient_norm": total / max(updates, 1),
            "max_gradient_norm": largest,
            "clipped_fraction": clipped / max(updates, 1),
        }


@keras.saving.register_keras_serializable(package="dlunits")
class ClippedAdam(GradientNormMixin, keras.optimizers.Adam):
    """Adam with gradient clipping by global norm that records the norm.

    Use it with the callback `GradientNorm` to choose `global_clipnorm`, or to
    detect vanishing or exploding gradients. For the gradients g of all
    variables:

        norm = sqrt(sum of the squares of all elements of g)
        g    = g * min(1, global_clipnorm / norm)

    Without the callback it trains exactly as `keras.optimizers.Adam`. For
    another optimizer, inherit from `GradientNormMixin` and the optimizer.

    Reference: Pascanu et al., 2013, "On the difficulty of training recurrent
    neural networks", https://arxiv.org/abs/1211.5063, algorithm 1.

    Args:
        learning_rate: Number or schedule.
        **kwargs: Keyword arguments of `keras.optimizers.Adam`. Its
            `global_clipnorm` is the largest norm after clipping; `None`
            records norms without clipping.

    Example, a gradient (3, 4) of norm 5:

    >>> weight = keras.Variable([0.0, 0.0])
    >>> optimizer = ClippedAdam(0.1, global_clipnorm=1.0)
    >>> optimizer.apply([ops.convert_to_tensor([3.0, 4.0])], [weight])
    >>> optimizer.gradient_norm_summary()
    {'gradient_norm': 5.0, 'max_gradient_norm': 5.0, 'clipped_fraction': 1.0}
    """

    def __init__(self, learning_rate: Any = 0.001, **kwargs: Any) -> None:
        super().__init__(learning_rate, **kwargs)


class GradientNorm(keras.callbacks.Callback):
    """Callback that adds gradient norms before clipping to the epoch logs.

    The logs get `gradient_norm`, `max_gradient_norm` and `clipped_fraction`
    of the epoch, see `GradientNormMixin.gradient_norm_summary`, and with them
    `history.csv` of a `RunDirectory`. The norms are computed inside the
    training step and read once per epoch. Place the callback before those that
    write logs.

    Raises:
        ValueError: If the optimizer does not record gradient norms.

    Example, where weights of 0, inputs and targets of 1 and the squared error
    give the gradient -2 for kernel and bias:

    >>> import numpy as np
    >>> model = keras.Sequential([keras.layers.Dense(1)])
    >>> model.compile(ClippedAdam(0.0, global_clipnorm=1.0), "mse")
    >>> x, y = np.ones((4, 1)), np.ones((4, 1))
    >>> model.build((None, 1)); model.set_weights([x[:1] * 0, x[0] * 0])
    >>> history = model.fit(x, y, verbose=0, callbacks=[GradientNorm()])
    >>> round(history.history["gradient_norm"][0] ** 2, 3)  # 4 + 4
    8.0
    """

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        optimizer = self.model.optimizer
        # In mixed precision Keras wraps it in a `LossScaleOptimizer`.
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        if not isinstance(optimizer, GradientNormMixin):
            raise ValueError(
                "`GradientNorm` needs an optimizer that records gradient "
                "norms, such as `dlunits.training.ClippedAdam`. Received: "
                f"{type(optimizer).__name__}"
            )
        self.optimizer = optimizer

    def on_epoch_begin(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        if self.optimizer.built:
            self.optimizer.reset_gradient_norms()

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        # Reading `self.model` synchronizes the variables on JAX.
        if self.model is not None and logs is not None:
            logs.update(self.optimizer.gradient_norm_summary())
