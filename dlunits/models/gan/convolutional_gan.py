"""Convolutional GAN for images (Radford et al., 2016)."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from dlunits.models.gan.gan import GAN


def convolutional_gan(
    image_shape: tuple[int, int, int] = (28, 28, 1),
    latent_dim: int = 64,
    num_classes: int | None = None,
    *,
    filters: Sequence[int] = (64, 32),
    kernel_size: int = 4,
    units: int = 256,
    loss: str = "non_saturating",
    penalty: float | None = None,
    dtype: Any = None,
    name: str = "gan",
    **options: Any,
) -> GAN:
    """Builds a GAN of strided convolutions, plain or conditional.

    Generator and discriminator are mirror images, as in DCGAN. For
    `filters=(64, 32)` and images of 28x28:

        generator       z -> 7x7x64 -> 14x14x32 -> 28x28, in [0, 1]
                        transposed convolutions of stride 2, batch
                        normalization and ReLU; sigmoid at the output
        discriminator   28x28 -> 14x14x32 -> 7x7x64 -> 256 -> D(x)
                        convolutions of stride 2, leaky ReLU of slope 0.2

    z is the latent vector, x an image and D(x) the logit of the discriminator.
    The receptive field of the last convolution is 10x10 pixels, that of the
    following dense layer of `units` the whole image.

    With `num_classes`, the generator gets an embedding of the class y
    concatenated to z, and the discriminator adds the projection of its
    features phi(x), the output of the dense layer, on an embedding e_y (w and b
    are the weights of the output layer):

        D(x, y) = w^T phi(x) + b + e_y^T phi(x)

    Reference: Radford, Metz and Chintala, 2016, "Unsupervised representation
    learning with deep convolutional generative adversarial networks",
    https://arxiv.org/abs/1511.06434; Miyato and Koyama, 2018, "cGANs with
    projection discriminator", https://arxiv.org/abs/1802.05637; for the
    penalty, Mescheder et al., 2018, https://arxiv.org/abs/1801.04406.

    Args:
        image_shape: `(height, width, channels)`; height and width must be
            multiples of 2 to the number of filters.
        latent_dim: Positive integer, size of z.
        num_classes: Positive integer for a conditional GAN, else `None`.
        filters: Positive integers, channels of the generator's feature maps,
            smallest map first. The discriminator uses them in reverse order.
        kernel_size: Positive integer, side of the kernels in pixels.
        units: Positive integer, width of the discriminator's dense layer.
        loss, penalty: As in `dlunits.models.GAN`, except that `penalty=None`
            is 0.5 for all losses but `"wasserstein"`.
        dtype: Dtype policy of the layers; `None` for Keras' global policy. The
            discriminator's output is always in single precision.
        name: Name of the model.
        **options: Keyword arguments of `dlunits.models.GAN`.

    Returns:
        `dlunits.models.GAN` for images in [0, 1].

    Raises:
        ValueError: If a size is not positive, or the image size is not a
            multiple of the total stride.

    Example, where a convolution of one filter has 4 * 1 + 1 weights and biases:

    >>> model = convolutional_gan(
    ...     (2, 2, 1), latent_dim=1, filters=(1,), kernel_size=2, units=3
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
    output = layers.Dense(1, dtype="float32", name="answer")(features)
    if num_classes is not None:
        embedded = layers.Embedding(
            num_classes, units, name="class", dtype="float32"
        )
        projected = layers.Dot(1, dtype="float32", name="projection")
        output = layers.Add(dtype="float32")(
            [output, projected([embedded(labels), features])]
        )
    inputs = images if num_classes is None else [images, labels]
    discriminator = keras.Model(inputs, output, name="discriminator")
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


def check_sizes(
    image_shape: tuple[int, int, int],
    filters: Sequence[int],
    kernel_size: int,
    units: int,
) -> None:
    """Raises a `ValueError` if a size is out of range."""
    if not filters or min(*image_shape, *filters, kernel_size, units) < 1:
        raise ValueError(
            "Every size must be at least 1, and `filters` must not be empty. "
            f"Received: {image_shape=}, {filters=}, {kernel_size=}, {units=}"
        )
    shrink = 2 ** len(filters)
    if image_shape[0] % shrink or image_shape[1] % shrink:
        raise ValueError(
            f"Height and width must be multiples of {shrink} = 2 ** "
            f"len(filters). Received: {image_shape=}, {filters=}"
        )
