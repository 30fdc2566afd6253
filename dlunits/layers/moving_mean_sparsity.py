"""Sparsity penalty on a moving average of the mean activation."""

from typing import Any

import keras
from keras import ops

from dlunits.typing import Config, Shape, Tensor


@keras.saving.register_keras_serializable(package="dlunits")
class MovingMeanSparsity(keras.layers.Layer):
    """Sparsity penalty on an exponential moving average of mean activations.

    Returns its inputs and adds a penalty to the loss. Use it after a layer
    whose units lie in (0, 1) if batches are small. For a unit that is active in
    1 of 20 examples, the mean over a batch of 16 is mostly 0 or 1/16, so
    `KLSparsity` as an `activity_regularizer` would penalize sampling noise.
    This layer averages over the last batches.

        p       = mean over the batch (and over space or time), per unit
        q       <- ema_momentum * q + (1 - ema_momentum) * p    in training
        penalty = weight * sum_j KL(target || q_j)

    `q` starts at the target, so the penalty starts at 0. The gradient with
    respect to a weight w of the network is that of `p` at the value of `q`, d
    penalty / dw = weight * KL'(q) dp / dw, for any `ema_momentum`. With
    `ema_momentum=0` the penalty equals `KLSparsity`. In evaluation `q` does not
    change, and its penalty is part of the loss.

    Reference: Hinton, 2010, "A practical guide to training restricted
    Boltzmann machines", section 11,
    https://www.cs.toronto.edu/~hinton/absps/guideTR.pdf.

    Args:
        regularizer: `dlunits.regularizers.KLSparsity`, with target and weight.
        ema_momentum: Float in [0, 1), weight of the previous average, lambda
            in the paper.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Tensor of activations in [0, 1].
        training: Whether to update `q`.

    Input shape: `(batch, ..., units)`.

    Output shape: Same as the input, with the same values.

    Raises:
        ValueError: If `ema_momentum` is outside [0, 1), if the regularizer is
            not a penalty on mean activations, or if an activation is outside
            [0, 1] in training.

    Example, a unit with the activation 0.5 and the target 0.1:

    >>> from dlunits.regularizers import KLSparsity
    >>> layer = MovingMeanSparsity(KLSparsity(target=0.1), ema_momentum=0.75)
    >>> _ = layer(ops.full((4, 1), 0.5), training=True)
    >>> round(layer.get_weights()[0].item(), 3)  # 0.75 * 0.1 + 0.25 * 0.5
    0.2
    """

    def __init__(
        self, regularizer: Any, ema_momentum: float = 0.9, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.regularizer = keras.regularizers.get(regularizer)
        if not hasattr(self.regularizer, "mean_activation"):
            raise ValueError(
                "`regularizer` must be a penalty on mean activations, "
                f"`dlunits.regularizers.KLSparsity`. Received: {regularizer=}"
            )
        if not 0 <= ema_momentum < 1:
            raise ValueError(
                "`ema_momentum` must be in [0, 1), such as 0.9. Received: "
                f"{ema_momentum=}"
            )
        self.ema_momentum = ema_momentum

    def build(self, input_shape: Shape) -> None:
        self.mean = self.add_weight(
            name="mean",
            shape=(input_shape[self.regularizer.axis],),
            initializer=keras.initializers.Constant(self.regularizer.target),
            # Half precision would round the small updates to 0.
            dtype="float32",
            autocast=False,
            trainable=False,
        )

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        q = ops.convert_to_tensor(self.mean)
        if training:
            p = ops.cast(self.regularizer.mean_activation(inputs), q.dtype)
            p_value = ops.stop_gradient(p)
            q = self.ema_momentum * q + (1 - self.ema_momentum) * p_value
            self.mean.assign(q)
            q = q + p - p_value  # the value of q, the gradient of p
        self.add_loss(self.regularizer.penalty(q))
        return inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "regularizer": keras.regularizers.serialize(self.regularizer),
            "ema_momentum": self.ema_momentum,
        }
