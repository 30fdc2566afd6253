"""An autoencoder whose codes follow a distribution one can draw from."""

import math
import types

import keras
import numpy as np
from keras import ops

from dlunits.layers import GaussianSampling
from dlunits.layers.noise.gaussian_sampling import mean_and_log_variance
from dlunits.losses import gaussian_kl
from dlunits.models.autoencoders.autoencoder import Autoencoder
from dlunits.models.autoencoders.importance_weighting import ImportanceWeighting
from dlunits.models.autoencoders.layer_graph import maker


@keras.saving.register_keras_serializable(package="dlunits")
class VariationalAutoencoder(Autoencoder):
    """Learns the distribution of its inputs, to draw new ones and rate them.

    Inputs `x` are taken to come from codes `z` that are standard normal. The
    decoder says how, the encoder which codes an input may have come from:

        q(z | x) = N(mean(x), exp(log_variance(x)))     encoder
        p(x | z) = product over pixels of                decoder
                   Bernoulli(sigmoid(logits(z)))  or  N(means(z), stddev^2)
        loss     = -E_q[log p(x | z)] + beta KL(q(z | x) || N(0, 1))

    The first term is the metric `reconstruction`, the second without `beta`
    is `kl`, both in nats an example. With `beta=1` the loss is the negative
    *evidence lower bound*, -ELBO >= -log p(x). It is estimated by one draw of
    `z` an example, in `evaluate` too; all else is free of chance: `encode`
    gives the mean of the code, `reconstruct` what that decodes to.

    `fit(x)` needs no targets, and `compile` no loss. Bernoulli pixels are 0
    or 1, or probabilities of ink: divide gray levels of 0 to 255 by 255, which
    is not checked. Of larger numbers the loss falls without end, below 0.

    Reference: Kingma and Welling, 2014, "Auto-encoding variational Bayes",
    https://arxiv.org/abs/1312.6114; for `beta`, Higgins et al., 2017,
    "beta-VAE", https://openreview.net/forum?id=Sy2fzU9gl.

    Args:
        encoder: Built Keras model that ends in a
            `dlunits.layers.GaussianSampling`.
        decoder: Built Keras model from the code to logits (`"bernoulli"`) or
            means (`"gaussian"`), shaped like the encoder's input. It becomes
            the attribute `raw_decoder`; the attribute `decoder` gives
            probabilities or means.
        likelihood: `"bernoulli"` for black and white, `"gaussian"` for real
            numbers.
        beta: Positive number, weight of the KL term.
        stddev: Positive number, standard deviation of the Gaussian
            likelihood, in units of `x`.
        dtype: Policy of the probabilities, and the one that the config names;
            the layers have their own. `None` takes Keras' current one.

    Input shape: The encoder's, `(batch, ...)`.

    Output shape: The same, probabilities or means.

    Raises:
        ValueError: If the encoder does not end as said, Bernoulli logits come
            out of a sigmoid, the shapes do not fit, or an argument is out of
            range.

    Example, codes that know nothing and cost nothing; log(2) a fair pixel:

    >>> from dlunits.models import dense_variational_autoencoder
    >>> model = dense_variational_autoencoder((2,), 1, hidden_units=())
    >>> model.set_weights([0 * weight for weight in model.get_weights()])
    >>> model.compile()
    >>> history = model.fit(np.ones((1, 2)), verbose=0).history
    >>> {name: round(value[0], 4) for name, value in history.items()}
    {'kl': 0.0, 'loss': 1.3863, 'reconstruction': 1.3863}
    """

    def __init__(
        self,
        encoder,
        decoder,
        likelihood="bernoulli",
        beta=1.0,
        stddev=1.0,
        dtype=None,
        **kwargs,
    ):
        if likelihood not in ("bernoulli", "gaussian"):
            raise ValueError(
                "`likelihood` must be 'bernoulli' or 'gaussian'. Received: "
                f"{likelihood=}"
            )
        if not 0 < beta < math.inf:
            raise ValueError(
                "`beta` must be positive; without the KL term use "
                f"`Autoencoder`. Received: {beta=}"
            )
        if not 0 < stddev < math.inf:
            raise ValueError(f"`stddev` must be positive. Received: {stddev=}")
        sampling = getattr(encoder, "layers", [None])[-1]
        if not isinstance(sampling, GaussianSampling):
            raise ValueError(
                "`encoder` must be a Keras model whose last layer is "
                f"`GaussianSampling()`. Received one that ends in: {sampling}"
            )
        ink, to_ink = decoder, None
        if likelihood == "bernoulli":
            check_logits(decoder)
            to_ink = keras.layers.Activation(
                "sigmoid", dtype=dtype, name="probabilities"
            )
            ink = keras.Model(
                decoder.inputs[0], to_ink(decoder.outputs[0]), name="decoder"
            )
        super().__init__(encoder, ink, dtype=dtype, **kwargs)
        self.to_ink = to_ink
        self.raw_decoder = decoder
        self.sampling = sampling
        self.posterior = keras.Model(
            encoder.inputs[0], sampling.input, name="posterior"
        )
        self.likelihood = likelihood
        self.beta = beta
        self.stddev = stddev
        self.reconstruction_metric = keras.metrics.Mean("reconstruction")
        self.kl_metric = keras.metrics.Mean("kl")
        self.last_call = None

    def call(self, inputs, training=None, mask=None):
        parameters = self.posterior(inputs, training=training)
        code = self.sampling(parameters, training=training)
        decoded = self.raw_decoder(code, training=training)
        outputs = self.to_ink(decoded) if self.to_ink else decoded
        if training:  # for compute_loss, which comes next
            self.last_call = types.SimpleNamespace(
                outputs=outputs, parameters=parameters, decoded=decoded
            )
        return outputs

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        if self.loss is not None:
            raise ValueError(
                "The loss is the negative evidence lower bound: compile "
                f"without one. Received: loss={self.loss!r}"
            )
        penalties = self.losses  # regularizers' of the forward pass
        last, self.last_call = self.last_call, None
        if training and last and last.outputs is y_pred:
            parameters, decoded = last.parameters, last.decoded
        else:
            parameters = self.posterior(x, training=training)
            drawn = self.sampling(parameters, training=True)
            decoded = self.raw_decoder(drawn, training=training)
        reconstruction = -self.log_density(x if y is None else y, decoded)
        mean, log_variance = mean_and_log_variance(parameters)
        code = tuple(range(1, len(mean.shape)))  # axes of one code
        kl = gaussian_kl(mean, log_variance, axis=code)
        loss = reconstruction + self.beta * kl
        if sample_weight is not None:  # a column will do, too
            sample_weight = ops.reshape(sample_weight, ops.shape(loss))
            loss = loss * ops.cast(sample_weight, loss.dtype)
        self.reconstruction_metric.update_state(reconstruction, sample_weight)
        self.kl_metric.update_state(kl, sample_weight)
        return sum(map(ops.sum, penalties), start=ops.mean(loss))

    def log_density(self, x, decoded):
        """Returns log p(x | z), summed over the pixels of an example.

        Args:
            x: Tensor `(..., *input_shape)`.
            decoded: Tensor of a shape that broadcasts with it, what
                `raw_decoder` gives for `z`.
        """
        x, decoded = ops.cast(x, "float32"), ops.cast(decoded, "float32")
        if self.likelihood == "bernoulli":
            densities = x * decoded - ops.softplus(decoded)
        else:
            densities = -0.5 * ops.square((x - decoded) / self.stddev)
            densities -= math.log(self.stddev * math.sqrt(2 * math.pi))
        pixels = tuple(range(1 - len(self.input_shape), 0))
        return ops.sum(densities, axis=pixels)

    def log_likelihood(self, x, num_samples=5000, batch_size=100, seed=0):
        """Estimates log p(x) by importance sampling.

            log p(x) ~ log mean_k [p(x | z_k) p(z_k) / q(z_k | x)],
            z_1, ..., z_num_samples drawn from q(z | x)

        In expectation a lower bound, the tighter the more samples; one sample
        makes it the ELBO. Time grows with the number of samples, memory does
        not.

        Reference: Burda, Grosse and Salakhutdinov, 2016, "Importance weighted
        autoencoders", https://arxiv.org/abs/1509.00519.

        Args:
            x: Array `(num_examples, *input_shape)`.
            num_samples: Positive integer, codes an example.
            batch_size: Positive integer, examples at a time.
            seed: Integer; the same seed gives the same estimate.

        Returns:
            NumPy array `(num_examples,)`, in nats.

        Raises:
            ValueError: If `num_samples` is not positive.
        """
        estimate = ImportanceWeighting(self, num_samples, seed)
        return estimate.predict(x, batch_size=batch_size, verbose=0)

    def sample(self, count, seed=None):
        """Draws `count` new examples: the decoder's answer to random codes.

        Args:
            count: Positive integer.
            seed: Integer, for the same examples every time; it leaves the
                chances of training alone.

        Returns:
            NumPy array `(count, *input_shape)`, probabilities or means.

        Raises:
            ValueError: If `count` is not positive.
        """
        if count < 1:
            raise ValueError(f"`count` must be at least 1. Received: {count=}")
        shape = (count, *self.decoder.input_shape[1:])
        codes = np.random.default_rng(seed).normal(size=shape)
        return self.decode(codes.astype("float32"))

    def interpolate(self, a, b, steps=10):
        """Decodes the points of a straight line between two codes.

        Args:
            a: Array `input_shape`, one example.
            b: Array `input_shape`, another.
            steps: Integer of at least 2, points with both ends.

        Returns:
            NumPy array `(steps, *input_shape)`, from the reconstruction of
            `a` to that of `b`.

        Raises:
            ValueError: If the shapes are not the model's, or `steps` is small.
        """
        shape = self.input_shape[1:]
        if steps < 2 or np.shape(a) != shape or np.shape(b) != shape:
            raise ValueError(
                f"`a` and `b` must be one example each, of shape {shape}, and "
                "`steps` at least 2. Received: shapes "
                f"{np.shape(a)} and {np.shape(b)}, {steps=}"
            )
        start, end = self.encode(np.stack([a, b]))
        return self.decode(np.linspace(start, end, steps))

    def get_config(self):
        return {
            **super().get_config(),
            "decoder": keras.saving.serialize_keras_object(self.raw_decoder),
            "likelihood": self.likelihood,
            "beta": self.beta,
            "stddev": self.stddev,
        }


def check_logits(decoder):
    last = maker(decoder)
    if getattr(last, "activation", None) is keras.activations.sigmoid:
        raise ValueError(
            "With likelihood='bernoulli' the decoder must give logits, of "
            "which the model takes the sigmoid: leave out the activation. "
            f"Received: a decoder whose layer {last.name!r} ends in a sigmoid"
        )
