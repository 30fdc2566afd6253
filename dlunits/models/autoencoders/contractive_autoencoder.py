"""An autoencoder whose code resists small changes of its input."""

import math
import types

import keras
from keras import ops

from dlunits.losses.contractive_penalty import (
    can_reuse_training_code,
    check_method,
    squared_jacobian_norm,
)
from dlunits.models.autoencoders.autoencoder import Autoencoder


@keras.saving.register_keras_serializable(package="dlunits")
class ContractiveAutoencoder(Autoencoder):
    """Learns a code that moves as little as reconstruction allows.

    Use it, with more units than inputs if you like, for features that ignore
    what does not tell examples apart, such as to start a classifier from.

        loss = L(x, r) + weight * mean_n ||d encoder(x_n) / d x_n||_F^2

    `L` is what `compile` is given. Mind its scale: Keras' "mse" and
    "binary_crossentropy" are means over the pixels, the paper's cross-entropy
    is their sum, so its lambda of 0.1 on 784 pixels is a weight of 0.1 / 784.

    Build the encoder and decoder with `dense_autoencoder(..., tied=True)`:
    with a free decoder, a small code and a large decoder make the penalty
    vanish without any contraction.

    `fit` and `evaluate` also report `squared_jacobian_norm`, the mean of
    ||J||_F^2 without the weight. The norm is that of the encoder in
    inference, without dropout or noise, at `x` as it is fed. `sample_weight`
    weighs `L` alone; every example counts alike in the penalty.

    Reference: Rifai et al., 2011, "Contractive auto-encoders: explicit
    invariance during feature extraction",
    https://icml.cc/2011/papers/455_icmlpaper.pdf.

    Args:
        encoder, decoder: Built Keras models, as in `Autoencoder`.
        weight: Positive number, weight of the penalty.
        method: How the norm is found, see
            `dlunits.losses.squared_jacobian_norm`.
        seed: Integer or `None`, of the random projection.

    Input shape: The encoder's, `(batch, ...)`.

    Output shape: The same.

    Raises:
        ValueError: If `weight` is not positive, `method` does not serve the
            encoder, or the shapes do not fit.

    Example, a linear code of norm 1^2 + 1^2 that reconstructs x = (0, 0):

    >>> import numpy as np
    >>> from dlunits.models import dense_autoencoder
    >>> parts = dense_autoencoder((2,), latent_dim=1, tied=True)
    >>> parts.encoder.set_weights([np.ones((2, 1)), np.zeros(1)])
    >>> model = ContractiveAutoencoder(parts.encoder, parts.decoder, 0.5)
    >>> model.compile(loss="mse")
    >>> x = np.zeros((4, 2))
    >>> model.evaluate(x, verbose=0, return_dict=True)
    {'loss': 1.0, 'squared_jacobian_norm': 2.0}
    """

    def __init__(
        self, encoder, decoder, weight, method="auto", seed=None, **kwargs
    ):
        if not 0 < weight < math.inf:
            raise ValueError(
                "`weight` must be a positive number; for none there is "
                f"`Autoencoder`. Received: {weight=}"
            )
        check_method(encoder, method)
        super().__init__(encoder, decoder, **kwargs)
        self.weight = weight
        self.method = method
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.norm_tracker = keras.metrics.Mean(name="squared_jacobian_norm")
        self.keeps_code = can_reuse_training_code(encoder, method)
        self.last_call = None

    def call(self, inputs, training=None, mask=None):
        code = self.encoder(inputs, training=training)
        outputs = self.decoder(code, training=training)
        if self.keeps_code:  # saves compute_loss, which comes next, a pass
            self.last_call = types.SimpleNamespace(outputs=outputs, code=code)
        return outputs

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        # First, because the pass below puts its own penalties in the place of
        # those that the encoder's layers added in training.
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        last, self.last_call = self.last_call, None
        code = last.code if last and last.outputs is y_pred else None
        norms = squared_jacobian_norm(
            self.encoder, x, self.method, self.seed_generator, code
        )
        self.norm_tracker.update_state(norms)
        return loss + self.weight * ops.mean(norms)

    def get_config(self):
        return {
            **super().get_config(),
            "weight": self.weight,
            "method": self.method,
            "seed": self.seed,
        }
