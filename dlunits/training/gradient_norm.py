"""Clipping by the global norm, with the norm before clipping in the logs."""

import keras
from keras import ops


class GradientNormMixin:
    """Has an optimizer remember the norm of the gradient before clipping.

    To be inherited before a Keras optimizer, as `ClippedAdam` does.
    """

    def build(self, variables):
        super().build(variables)
        # Since they were last forgotten: sum, largest, clipped, updates.
        self.norms = self.add_variable((4,), "zeros", name="gradient_norms")

    def apply(self, grads, trainable_variables=None):
        grads = list(grads)
        if trainable_variables is not None and not self.built:
            trainable_variables = list(trainable_variables)
            self.build(trainable_variables)
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

    def reset_gradient_norms(self):
        """Begins anew."""
        self.norms.assign(ops.zeros(4))

    def gradient_norm_summary(self):
        """What there was since it last began anew.

        Returns:
            Dict of floats: `gradient_norm`, the mean over the updates,
            `max_gradient_norm`, and `clipped`, the share of the updates
            whose norm was above `global_clipnorm`. All are 0 without updates.
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
    """Adam that clips the global norm and remembers what it was before.

    Keras' `global_clipnorm` bounds the norm of all gradients together, so that
    their direction stays; it does not say how large they were. This does:

        norm = sqrt(sum of the squares of all gradients)
        g    = g * min(1, global_clipnorm / norm)

    and the callback `GradientNorm` puts it into the logs, and so into a run's
    `history.csv`. Without the callback it trains as `keras.optimizers.Adam`
    does. Another optimizer remembers, too, that inherits `GradientNormMixin`
    first.

    Reference: Pascanu et al., 2013, "On the difficulty of training recurrent
    neural networks", https://arxiv.org/abs/1211.5063, algorithm 1.

    Args:
        learning_rate: Number or schedule.
        global_clipnorm: Positive number, the largest norm, or `None` to
            remember and clip nothing.
        Others: Those of `keras.optimizers.Adam`, keywords.

    Example, where the gradient is 3 and 4, and its norm 5:

    >>> weight = keras.Variable([0.0, 0.0])
    >>> optimizer = ClippedAdam(0.1, global_clipnorm=1.0)
    >>> optimizer.apply([ops.convert_to_tensor([3.0, 4.0])], [weight])
    >>> optimizer.gradient_norm_summary()
    {'gradient_norm': 5.0, 'max_gradient_norm': 5.0, 'clipped_fraction': 1.0}
    """

    def __init__(self, learning_rate=0.001, **kwargs):
        super().__init__(learning_rate, **kwargs)


class GradientNorm(keras.callbacks.Callback):
    """Puts the gradient's norm before clipping into the logs of an epoch.

    What is logged are the epoch's `gradient_norm`, `max_gradient_norm` and
    `clipped`, see `GradientNormMixin.gradient_norm_summary`. The norms are
    summed up inside the training step and read once an epoch, so it costs no
    time. In the list of callbacks it stands before those that write logs.

    Raises:
        ValueError: If the optimizer does not remember norms.

    Example, of an error of 1 whose gradients are 2 for kernel and bias:

    >>> import numpy as np
    >>> model = keras.Sequential([keras.layers.Dense(1)])
    >>> model.compile(ClippedAdam(0.0, global_clipnorm=1.0), "mse")
    >>> x, y = np.ones((4, 1)), np.ones((4, 1))
    >>> model.build((None, 1)); model.set_weights([x[:1] * 0, x[0] * 0])
    >>> history = model.fit(x, y, verbose=0, callbacks=[GradientNorm()])
    >>> round(history.history["gradient_norm"][0] ** 2, 3)  # 4 + 4
    8.0
    """

    def on_train_begin(self, logs=None):
        optimizer = self.model.optimizer
        # In mixed precision Keras wraps another around it.
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        if not isinstance(optimizer, GradientNormMixin):
            raise ValueError(
                "The optimizer must remember the norm of its gradients: take "
                "`dlunits.training.ClippedAdam`. Received: "
                f"{type(optimizer).__name__}"
            )
        self.optimizer = optimizer

    def on_epoch_begin(self, epoch, logs=None):
        if self.optimizer.built:
            self.optimizer.reset_gradient_norms()

    def on_epoch_end(self, epoch, logs=None):
        # Asked for its model, a callback brings the weights up to date on JAX.
        if self.model is not None:
            logs.update(self.optimizer.gradient_norm_summary())
