"""A sparsity penalty on the mean activation over many mini-batches."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="dlunits")
class MovingMeanSparsity(keras.layers.Layer):
    """Passes a code on and penalises mean activations that are off target.

    Use it behind a layer whose units lie in (0, 1) when the batches are
    small: the mean over 16 examples of a unit that is on in one of 20 is
    mostly 0 or 1/16, so that `KLSparsity` as an `activity_regularizer` would
    punish chance. Here the mean is an average over the last batches.

        p       = mean over the batch (and over space or time), one a unit
        q       <- momentum * q + (1 - momentum) * p         in training
        penalty = weight * sum_j KL(target || q_j)

    `q` starts at the target, so the penalty starts at 0. Gradients are taken
    as if `q` moved as much as `p` does: KL'(q) dp / dw. The pull on the
    weights is then as strong as that of `KLSparsity`, whatever the momentum,
    and with momentum 0 the two are the same. In evaluation `q` stays, and its
    penalty is part of the loss.

    Reference: Hinton, 2010, "A practical guide to training restricted
    Boltzmann machines", section 11, for the moving average,
    https://www.cs.toronto.edu/~hinton/absps/guideTR.pdf.

    Args:
        regularizer: `dlunits.regularizers.KLSparsity`, which holds target and
            weight.
        momentum: Float in [0, 1), share of `q` that stays at each batch, the
            paper's lambda.

    Call arguments:
        inputs: Tensor of activations in [0, 1].
        training: Whether `q` follows the batch.

    Input shape: `(batch, ..., units)`.

    Output shape: The same; the values too.

    Raises:
        ValueError: If `momentum` lies outside [0, 1), the regularizer is
            another, or units lie outside [0, 1] in training.

    Example, a unit that is always half on and should be a tenth:

    >>> from dlunits.regularizers import KLSparsity
    >>> layer = MovingMeanSparsity(KLSparsity(target=0.1), momentum=0.75)
    >>> _ = layer(ops.full((4, 1), 0.5), training=True)
    >>> round(layer.get_weights()[0].item(), 3)  # 0.75 * 0.1 + 0.25 * 0.5
    0.2
    """

    def __init__(self, regularizer, momentum=0.9, **kwargs):
        super().__init__(**kwargs)
        self.regularizer = keras.regularizers.get(regularizer)
        if not hasattr(self.regularizer, "mean_activation"):
            raise ValueError(
                "`regularizer` must be a penalty on mean activations, "
                f"`dlunits.regularizers.KLSparsity`. Received: {regularizer=}"
            )
        if not 0 <= momentum < 1:
            raise ValueError(
                "`momentum` must lie in [0, 1), such as 0.9. Received: "
                f"{momentum=}"
            )
        self.momentum = momentum

    def build(self, input_shape):
        self.mean = self.add_weight(
            name="mean",
            shape=(input_shape[self.regularizer.axis],),
            initializer=keras.initializers.Constant(self.regularizer.target),
            dtype="float32",  # the small steps of an average are lost in half
            autocast=False,
            trainable=False,
        )

    def call(self, inputs, training=False):
        mean = ops.convert_to_tensor(self.mean)
        if training:
            batch_mean = self.regularizer.mean_activation(inputs)
            batch_mean = ops.cast(batch_mean, mean.dtype)
            fixed = ops.stop_gradient(batch_mean)
            mean = self.momentum * mean + (1 - self.momentum) * fixed
            self.mean.assign(mean)
            mean = mean + batch_mean - fixed
        self.add_loss(self.regularizer.penalty(mean))
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "regularizer": keras.regularizers.serialize(self.regularizer),
            "momentum": self.momentum,
        }
