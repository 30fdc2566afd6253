"""A GAN of images, of convolutions with strides."""

import keras
from keras import layers

from dlunits.models.gan.gan import GAN


def convolutional_gan(
    image_shape=(28, 28, 1),
    latent_dim=64,
    num_classes=None,
    *,
    filters=(64, 32),
    kernel_size=4,
    units=256,
    loss="non_saturating",
    penalty=None,
    dtype=None,
    name="gan",
    **options,
):
    """Builds a generator and a discriminator that mirror each other.

    For filters of (64, 32) and images of 28x28, deep convolutional after
    Radford et al.:

        generator       z -> 7x7x64 -> 14x14x32 -> 28x28, in [0, 1]
                        batch normalization, ReLU; sigmoid at the end
        discriminator   28x28 -> 14x14x32 -> 7x7x64 -> 256 -> D(x)
                        leaky ReLU with a slope of 0.2

    A feature of the last convolution sees 10x10 pixels: it knows strokes. The
    256 hidden units see the whole image, and know digits. The penalty on its
    slope keeps the discriminator from being sure of itself too soon.

    With labels, the embedding e of a class y goes into the generator beside z,
    and is projected on the hidden units phi of the discriminator, after Miyato
    and Koyama:

        D(x, y) = w^T phi(x) + b + e_y^T phi(x)

    Reference: Radford, Metz and Chintala, 2016, "Unsupervised representation
    learning with deep convolutional generative adversarial networks",
    https://arxiv.org/abs/1511.06434; Miyato and Koyama, 2018, "cGANs with
    projection discriminator", https://arxiv.org/abs/1802.05637; for the
    penalty, Mescheder et al., 2018, https://arxiv.org/abs/1801.04406.

    Args:
        image_shape: `(height, width, channels)`; height and width are
            multiples of 2 to the number of filters.
        latent_dim: Positive integer, numbers in z.
        num_classes: Positive integer for a conditional GAN, else `None`.
        filters: Positive integers, channels of the generator's images on
            the way, the smallest image first.
        kernel_size: Positive integer.
        units: Positive integer, of the discriminator.
        loss, penalty: As of `dlunits.models.GAN`, but that `None` is a penalty
            of 0.5 with all losses but "wasserstein".
        dtype: Policy of the layers; `None` takes Keras' current one. What the
            discriminator answers is in single precision always.
        name: Name of the model.
        options: Those of `dlunits.models.GAN`.

    Returns:
        `dlunits.models.GAN` of images in [0, 1].

    Raises:
        ValueError: If a size is out of range.

    Example, 4 * 1 + 1 weights and bias of each convolution of one filter, and
    what stands before and after it:

    >>> model = convolutional_gan(
    ...     (2, 2, 1), 1, filters=(1,), kernel_size=2, units=3
    ... )
    >>> model.discriminator.count_params()  # 4 + 1, then 3 + 3, then 3 + 1
    15
    >>> model.generator.count_params()  # 1 + 4 of the normalization, 4 + 1
    10
    """
    check_sizes(image_shape, filters, kernel_size, units)
    if penalty is None and loss != "wasserstein":
        penalty = 0.5
    height, width, channels = image_shape
    shrink = 2 ** len(filters)
    labels = keras.Input((), dtype="int32", name="labels")
    convolution = {
        "kernel_size": kernel_size,
        "strides": 2,
        "padding": "same",
        "kernel_initializer": keras.initializers.RandomNormal(stddev=0.02),
    }

    z = keras.Input((latent_dim,), name="z")
    x = z
    if num_classes is not None:
        embedded = layers.Embedding(num_classes, latent_dim, name="class")
        x = layers.Concatenate(name="z_and_class")([z, embedded(labels)])
    first = height // shrink, width // shrink, filters[0]
    x = layers.Dense(
        first[0] * first[1] * first[2], use_bias=False, dtype=dtype
    )(x)
    x = layers.Reshape(first, dtype=dtype)(x)
    for size in filters[1:]:
        x = layers.BatchNormalization(momentum=0.9, dtype=dtype)(x)
        x = layers.ReLU(dtype=dtype)(x)
        x = layers.Conv2DTranspose(
            size, use_bias=False, dtype=dtype, **convolution
        )(x)
    x = layers.BatchNormalization(momentum=0.9, dtype=dtype)(x)
    x = layers.ReLU(dtype=dtype)(x)
    x = layers.Conv2DTranspose(
        channels, activation="sigmoid", dtype=dtype, **convolution
    )(x)
    inputs = z if num_classes is None else [z, labels]
    generator = keras.Model(inputs, x, name="generator")

    images = keras.Input(image_shape, name="images")
    x = images
    for size in reversed(filters):
        x = layers.Conv2D(size, dtype=dtype, **convolution)(x)
        x = layers.LeakyReLU(0.2, dtype=dtype)(x)
    x = layers.Dense(units, dtype=dtype)(layers.Flatten(dtype=dtype)(x))
    features = layers.LeakyReLU(0.2, dtype=dtype, name="features")(x)
    answer = layers.Dense(1, dtype="float32", name="answer")(features)
    if num_classes is not None:
        embedded = layers.Embedding(
            num_classes, units, name="class", dtype="float32"
        )
        projected = layers.Dot(1, dtype="float32", name="projection")
        answer = layers.Add(dtype="float32")(
            [answer, projected([embedded(labels), features])]
        )
    inputs = images if num_classes is None else [images, labels]
    discriminator = keras.Model(inputs, answer, name="discriminator")
    return GAN(
        generator,
        discriminator,
        latent_dim,
        num_classes=num_classes,
        loss=loss,
        penalty=penalty,
        name=name,
        **options,
    )


def check_sizes(image_shape, filters, kernel_size, units):
    if not filters or min(*image_shape, *filters, kernel_size, units) < 1:
        raise ValueError(
            "Every size must be at least 1, of at least one filter. Received: "
            f"{image_shape=}, {filters=}, {kernel_size=}, {units=}"
        )
    shrink = 2 ** len(filters)
    if image_shape[0] % shrink or image_shape[1] % shrink:
        raise ValueError(
            f"Height and width must be multiples of {shrink}, which is 2 to "
            f"the number of filters. Received: {image_shape=}, {filters=}"
        )
