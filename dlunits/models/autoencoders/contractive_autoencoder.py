"""Contractive autoencoder (Rifai et al., 2011)."""

import math
import types
from typing import Any

import keras
from keras import ops

from dlunits.losses.contractive_penalty import (
    can_reuse_training_code,
    check_method,
    squared_jacobian_norm,
)
from dlunits.models.autoencoders.autoencoder import Autoencoder
from dlunits.typing import Config, Tensor


@keras.saving.register_keras_serializable(package="dlunits")
class ContractiveAutoencoder(Autoencoder):
    """Contractive autoencoder: penalizes the Jacobian of the encoder.

    Use it to learn features that are invariant to small changes of the input,
    also overcomplete ones, for example to initialize a classifier.

        loss = L(x, r) + weight * mean_n ||d encoder(x_n) / d x_n||_F^2

    L is the compiled loss, r the reconstruction of the input x, and ||.||_F the
    Frobenius norm. Keras' "mse" and "binary_crossentropy" are means over the
    pixels; the paper's cross-entropy is the sum. Its lambda of 0.1 on 784
    pixels is a `weight` of 0.1 / 784.

    Build the encoder and decoder with `dense_autoencoder(..., tied=True)`:
    with an untied decoder, small codes and large decoder weights make the
    penalty vanish without contraction.

    `fit` and `evaluate` also report `squared_jacobian_norm`, the mean of the
    norms without `weight`. The Jacobian is that of the encoder in inference
    mode, without dropout or noise. `sample_weight` applies to L only.

    Reference: Rifai et al., 2011, "Contractive auto-encoders: explicit
    invariance during feature extraction",
    https://icml.cc/2011/papers/455_icmlpaper.pdf.

    Args:
        encoder: Built Keras model, as in `Autoencoder`.
        decoder: Built Keras model, as in `Autoencoder`.
        weight: Positive number, weight of the penalty.
        method: Method to compute the norm, see
            `dlunits.losses.squared_jacobian_norm`.
        seed: Integer or `None`, seed of the random projection.
        **kwargs: Keyword arguments of `Autoencoder`.

    Input shape: That of the encoder, `(batch, ...)`.

    Output shape: The same.

    Raises:
        ValueError: If `weight` is not positive, `method` is not available for
            the encoder, or the shapes do not match.

    Example, a linear code with Jacobian (1, 1) that reconstructs x = (0, 0):

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
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        weight: float,
        method: str = "auto",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        if not 0 < weight < math.inf:
            raise ValueError(
                "`weight` must be positive and finite; without the penalty "
                f"use `Autoencoder`. Received: {weight=}"
            )
        check_method(encoder, method)
        super().__init__(encoder, decoder, **kwargs)
        self.weight = weight
        self.method = method
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.norm_tracker = keras.metrics.Mean(name="squared_jacobian_norm")
        self.keeps_code = can_reuse_training_code(encoder, method)
        self.last_call: types.SimpleNamespace | None = None

    def call(
        self, inputs: Tensor, training: bool | None = None, mask: Any = None
    ) -> Tensor:
        code = self.encoder(inputs, training=training)
        outputs = self.decoder(code, training=training)
        if self.keeps_code:  # `compute_loss` then needs no encoder pass
            self.last_call = types.SimpleNamespace(outputs=outputs, code=code)
        return outputs

    def compute_loss(
        self,
        x: Tensor = None,
        y: Tensor = None,
        y_pred: Tensor = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        """Computes the compiled loss and adds the contractive penalty."""
        # First, because a pass of the encoder for the norm replaces the
        # activity regularization losses of its layers.
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        last, self.last_call = self.last_call, None
        code = last.code if last and last.outputs is y_pred else None
        norms = squared_jacobian_norm(
            self.encoder, x, self.method, self.seed_generator, code
        )
        self.norm_tracker.update_state(norms)
        return loss + self.weight * ops.mean(norms)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "weight": self.weight,
            "method": self.method,
            "seed": self.seed,
        }
