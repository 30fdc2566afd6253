"""Variational autoencoder (Kingma and Welling, 2014)."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from dlunits.layers import GaussianSampling
from dlunits.layers.noise.gaussian_sampling import mean_and_log_variance
from dlunits.losses import gaussian_kl
from dlunits.models.autoencoders.autoencoder import Autoencoder
from dlunits.models.autoencoders.importance_weighted_likelihood import (
    ImportanceWeightedLikelihood,
)
from dlunits.models.autoencoders.layer_graph import producer
from dlunits.typing import Array, ArrayLike, Config, Tensor

RANGE_TOLERANCE = 1e-3  # of rounded pixels


@keras.saving.register_keras_serializable(package="dlunits")
class VariationalAutoencoder(Autoencoder):
    """Variational autoencoder (VAE) with a Bernoulli or Gaussian likelihood.

    Use it to generate examples, to estimate their likelihood, or to learn a
    code with a known distribution. With code z and input x:

        p(z)     = N(0, I)                                   prior
        q(z | x) = N(mean(x), diag(exp(log_variance(x))))    encoder
        p(x | z) = product over i of p(x_i | a_i),           decoder
                   a = raw_decoder(z)

        loss(x)  = -log p(x | z) + beta KL(q(z | x) || p(z)),  z ~ q(z | x)

    The index i runs over the values of one example, such as pixels and
    channels:

        bernoulli  log p(x | z) = sum_i [x_i a_i - log(1 + exp(a_i))]
                   a_i are logits, sigmoid(a_i) is the probability of x_i = 1
        gaussian   log p(x | z) = sum_i [-(x_i - a_i)^2 / (2 stddev^2)
                                         - log(stddev sqrt(2 pi))]
                   a_i are means

    The metric `reconstruction_loss` is -log p(x | z), the metric `kl_loss` is
    the KL divergence without `beta`. Both are sums over one example, in nats,
    averaged over examples. With `beta=1` the loss is an unbiased estimate of
    the negative evidence lower bound (ELBO) from one sample of z per example,
    in `fit` and in `evaluate`, and its expectation is at least -log p(x).

    All other methods are deterministic. `call`, `predict`, `encode` and
    `reconstruct` use the mean of q(z | x) as the code, in training as well;
    z is sampled inside `compute_loss`.

    `fit(x)` needs no targets and `compile` takes no loss. With a Bernoulli
    likelihood, x must lie in [0, 1]: divide gray levels of 0 to 255 by 255.
    For larger values the loss has no lower bound, so `fit` and `evaluate`
    check the range of arrays, and `fit` checks after each epoch that the loss
    is finite.

    Reference: Kingma and Welling, 2014, "Auto-encoding variational Bayes",
    https://arxiv.org/abs/1312.6114; for `beta`, Higgins et al., 2017,
    "beta-VAE", https://openreview.net/forum?id=Sy2fzU9gl.

    Args:
        encoder: Built Keras model whose last layer is
            `dlunits.layers.GaussianSampling`.
        decoder: Built Keras model that maps the code to logits (`"bernoulli"`)
            or means (`"gaussian"`) of the shape of the encoder's input. It is
            stored as `raw_decoder`; the attribute `decoder` returns
            probabilities or means.
        likelihood: `"bernoulli"` for binary values or probabilities,
            `"gaussian"` for real numbers.
        beta: Positive number, weight of the KL term.
        stddev: Positive number, standard deviation of the Gaussian
            likelihood, in units of `x`. The Bernoulli likelihood ignores it.
        dtype: Dtype policy of the layer that computes probabilities. The
            other layers have their own. `None` for Keras' global policy.
        **kwargs: Keyword arguments of `keras.Model`, such as `name`.

    Input shape: That of the encoder, `(batch, ...)`.

    Output shape: The same shape, probabilities or means.

    Raises:
        ValueError: If the last layer of the encoder is not a
            `GaussianSampling`, the decoder ends in a sigmoid while the
            likelihood is Bernoulli, the shapes do not match, or an argument
            is out of range.

    Example, where all weights are 0, so the KL divergence is 0, each of two
    pixels has the probability 1/2, and the loss is 2 log(2) = 1.3863:

    >>> from dlunits.models import dense_variational_autoencoder
    >>> model = dense_variational_autoencoder((2,), latent_dim=1, units=())
    >>> model.set_weights([0 * weight for weight in model.get_weights()])
    >>> model.compile()
    >>> history = model.fit(np.ones((1, 2)), verbose=0).history
    >>> {name: round(value[0], 4) for name, value in history.items()}
    {'kl_loss': 0.0, 'loss': 1.3863, 'reconstruction_loss': 1.3863}
    """

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        likelihood: str = "bernoulli",
        beta: float = 1.0,
        stddev: float = 1.0,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        if likelihood not in ("bernoulli", "gaussian"):
            raise ValueError(
                "`likelihood` must be 'bernoulli' or 'gaussian'. Received: "
                f"{likelihood=}"
            )
        if not 0 < beta < math.inf:
            raise ValueError(
                "`beta` must be positive and finite; for a model without the "
                f"KL term use `Autoencoder`. Received: {beta=}"
            )
        if not 0 < stddev < math.inf:
            raise ValueError(
                f"`stddev` must be positive and finite. Received: {stddev=}"
            )
        sampling = getattr(encoder, "layers", [None])[-1]
        if not isinstance(sampling, GaussianSampling):
            raise ValueError(
                "`encoder` must be a Keras model whose last layer is "
                "`GaussianSampling()`. Received a model whose last layer is: "
                f"{sampling}"
            )
        raw_decoder = decoder
        if likelihood == "bernoulli":
            check_logits(decoder)
            sigmoid = keras.layers.Activation(
                "sigmoid", dtype=dtype, name="probabilities"
            )
            decoder = keras.Model(
                raw_decoder.inputs[0],
                sigmoid(raw_decoder.outputs[0]),
                name="decoder",
            )
        super().__init__(encoder, decoder, dtype=dtype, **kwargs)
        self.raw_decoder = raw_decoder
        self.sampling = sampling
        self.posterior = keras.Model(
            encoder.inputs[0], sampling.input, name="posterior"
        )
        self.likelihood = likelihood
        self.beta = beta
        self.stddev = stddev
        self.reconstruction_loss_tracker = keras.metrics.Mean(
            "reconstruction_loss"
        )
        self.kl_loss_tracker = keras.metrics.Mean("kl_loss")

    def fit(self, x: Any = None, y: Any = None, **kwargs: Any) -> Any:
        """Trains like `keras.Model.fit`, with checks of the range and the loss.

        Args:
            x: Inputs: array, `tf.data.Dataset`, or another input of
                `keras.Model.fit`.
            y: Targets of the reconstruction; `None` for `x`.
            **kwargs: Arguments of `keras.Model.fit`.

        Returns:
            `keras.callbacks.History`.

        Raises:
            ValueError: If the likelihood is Bernoulli and an array has values
                outside [0, 1], or if the loss is not finite.
        """
        self.check_range(x, y)
        callbacks = kwargs.pop("callbacks", None) or []
        if not isinstance(callbacks, keras.callbacks.CallbackList):
            check = keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: self.check_loss(logs)
            )
            callbacks = [*keras.tree.flatten(callbacks), check]
        return super().fit(x, y, callbacks=callbacks, **kwargs)

    def evaluate(self, x: Any = None, y: Any = None, **kwargs: Any) -> Any:
        """Evaluates like `keras.Model.evaluate`, after a check of the range.

        Args:
            x: Inputs, as in `fit`.
            y: Targets of the reconstruction; `None` for `x`.
            **kwargs: Arguments of `keras.Model.evaluate`.

        Returns:
            Loss and metrics, as returned by `keras.Model.evaluate`.

        Raises:
            ValueError: If the likelihood is Bernoulli and an array has values
                outside [0, 1].
        """
        self.check_range(x, y)
        return super().evaluate(x, y, **kwargs)

    def check_range(self, *arrays: Any) -> None:
        """Raises a `ValueError` for values outside [0, 1], if Bernoulli."""
        for array in arrays:
            if self.likelihood != "bernoulli" or not isinstance(
                array, np.ndarray
            ):
                continue
            low, high = array.min(initial=0), array.max(initial=0)
            if not (low >= -RANGE_TOLERANCE and high <= 1 + RANGE_TOLERANCE):
                raise ValueError(
                    "With likelihood='bernoulli' all values must be in [0, 1]: "
                    "divide gray levels of 0 to 255 by 255, or use "
                    "likelihood='gaussian'. Received: values from "
                    f"{low} to {high}"
                )

    def check_loss(self, logs: Any) -> None:
        """Raises a `ValueError` if the loss of an epoch is not finite."""
        loss = float((logs or {}).get("loss", 0))
        if not math.isfinite(loss):
            hint = (
                "x must be in [0, 1]"
                if (self.likelihood == "bernoulli")
                else "x must be finite and of about unit scale"
            )
            raise ValueError(
                f"The loss is not finite: {hint}. Scale the data, or lower "
                f"the learning rate. Received: {loss=}"
            )

    def call(
        self, inputs: Tensor, training: bool | None = None, mask: Any = None
    ) -> Tensor:
        # This pass is not trained, see `compute_loss`. In a compiled training
        # step nothing depends on it, so it is removed from the graph.
        return super().call(inputs, training=False, mask=mask)

    def compute_loss(
        self,
        x: Tensor = None,
        y: Tensor = None,
        y_pred: Tensor = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        """Computes the negative ELBO of `x` from one sample of z per example.

        Args:
            x: Tensor `(batch, ...)`, inputs.
            y: Tensor `(batch, ...)`, targets of the reconstruction; `None`
                for `x`.
            y_pred: Ignored. The loss needs a sampled code, `call` uses the
                mean.
            sample_weight: Tensor `(batch,)`, weights of the examples.
            training: Boolean, whether layers such as dropout are in training
                mode. The code is sampled in either case.

        Returns:
            Scalar tensor: mean loss over the batch, plus the penalties of the
            layers' regularizers.
        """
        if self.loss is not None:
            raise ValueError(
                "The loss of a `VariationalAutoencoder` is the negative ELBO: "
                f"call `compile` without `loss`. Received: loss={self.loss!r}"
            )
        penalties = self.losses  # of `call`: the pass below replaces them
        with keras.name_scope(self.name):  # as operations of `call` are named
            parameters = self.posterior(x, training=training)
            z = self.sampling(parameters, training=True)
            raw_outputs = self.raw_decoder(z, training=training)
        reconstruction_loss = -self.conditional_log_likelihood(
            x if y is None else y, raw_outputs
        )
        mean, log_variance = mean_and_log_variance(parameters)
        code_axes = tuple(range(1, len(mean.shape)))
        kl_loss = gaussian_kl(mean, log_variance, axis=code_axes)
        loss = reconstruction_loss + self.beta * kl_loss
        if sample_weight is not None:  # (batch,) or (batch, 1)
            sample_weight = ops.reshape(sample_weight, ops.shape(loss))
            loss = loss * ops.cast(sample_weight, loss.dtype)
        self.reconstruction_loss_tracker.update_state(
            reconstruction_loss, sample_weight
        )
        self.kl_loss_tracker.update_state(kl_loss, sample_weight)
        return sum(map(ops.sum, penalties), start=ops.mean(loss))

    def conditional_log_likelihood(
        self, x: Tensor, raw_outputs: Tensor
    ) -> Tensor:
        """Computes log p(x | z), summed over the values of one example.

            bernoulli  log p(x | z) = sum_i [x_i a_i - log(1 + exp(a_i))]
            gaussian   log p(x | z) = sum_i [-(x_i - a_i)^2 / (2 stddev^2)
                                             - log(stddev sqrt(2 pi))]

        Args:
            x: Tensor `(..., *input_shape)`.
            raw_outputs: Tensor a that broadcasts with `x`: output of
                `raw_decoder` for z, logits or means.

        Returns:
            Tensor `(...)`, in nats, in single precision.
        """
        x, a = ops.cast(x, "float32"), ops.cast(raw_outputs, "float32")
        if self.likelihood == "bernoulli":
            log_likelihood = x * a - ops.softplus(a)
        else:
            log_likelihood = -0.5 * ops.square((x - a) / self.stddev)
            log_likelihood -= math.log(self.stddev * math.sqrt(2 * math.pi))
        example_axes = tuple(range(1 - len(self.input_shape), 0))
        return ops.sum(log_likelihood, axis=example_axes)

    def log_likelihood(
        self,
        x: ArrayLike,
        num_samples: int = 5000,
        batch_size: int = 100,
        seed: int = 0,
    ) -> Array:
        """Estimates the log-likelihood log p(x) by importance sampling.

            log p(x) ~ log (1 / K) sum_k p(x | z_k) p(z_k) / q(z_k | x),
            z_1, ..., z_K ~ q(z | x),  K = num_samples

        The expectation of the estimate is a lower bound of log p(x) that
        increases with K; for K = 1 it is the ELBO. Time grows with K, memory
        does not.

        Reference: Burda, Grosse and Salakhutdinov, 2016, "Importance weighted
        autoencoders", https://arxiv.org/abs/1509.00519.

        Args:
            x: Array `(num_examples, *input_shape)`.
            num_samples: Positive integer K, samples of z per example.
            batch_size: Positive integer, examples per batch.
            seed: Integer; the same seed gives the same estimate.

        Returns:
            NumPy array `(num_examples,)`, in nats.

        Raises:
            ValueError: If `num_samples` is not positive.
        """
        estimator = ImportanceWeightedLikelihood(self, num_samples, seed)
        return estimator.predict(x, batch_size=batch_size, verbose=0)

    def sample(self, num_samples: int, seed: int | None = None) -> Array:
        """Generates examples from codes sampled from the prior N(0, I).

        Args:
            num_samples: Positive integer, examples to generate.
            seed: Integer for reproducible examples, or `None`. The random
                state of training is not changed.

        Returns:
            NumPy array `(num_samples, *input_shape)`, probabilities or means.

        Raises:
            ValueError: If `num_samples` is not positive.
        """
        if num_samples < 1:
            raise ValueError(
                f"`num_samples` must be at least 1. Received: {num_samples=}"
            )
        shape = (num_samples, *self.decoder.input_shape[1:])
        codes = np.random.default_rng(seed).normal(size=shape)
        return self.decode(codes.astype("float32"))

    def interpolate(self, a: ArrayLike, b: ArrayLike, steps: int = 10) -> Array:
        """Decodes evenly spaced points on the line between two codes.

        Args:
            a: Array of the shape `input_shape`, first example.
            b: Array of the shape `input_shape`, second example.
            steps: Integer of at least 2, points on the line, ends included.

        Returns:
            NumPy array `(steps, *input_shape)`, from the reconstruction of
            `a` to that of `b`.

        Raises:
            ValueError: If the shape of `a` or `b` is not that of one input,
                or `steps` is less than 2.
        """
        shape = self.input_shape[1:]
        if steps < 2 or np.shape(a) != shape or np.shape(b) != shape:
            raise ValueError(
                f"`a` and `b` must be single examples of shape {shape}, and "
                "`steps` must be at least 2. Received: shapes "
                f"{np.shape(a)} and {np.shape(b)}, {steps=}"
            )
        start, end = self.encode(np.stack([a, b]))
        return self.decode(np.linspace(start, end, steps))

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "decoder": keras.saving.serialize_keras_object(self.raw_decoder),
            "likelihood": self.likelihood,
            "beta": self.beta,
            "stddev": self.stddev,
        }


def check_logits(decoder: keras.Model) -> None:
    """Raises a `ValueError` if the decoder ends in a sigmoid."""
    last: Any = producer(decoder)
    if getattr(last, "activation", None) is keras.activations.sigmoid:
        raise ValueError(
            "With likelihood='bernoulli' the decoder must return logits; the "
            "model applies the sigmoid itself. Remove the activation. "
            f"Received: a decoder whose layer {last.name!r} ends in a sigmoid"
        )
