"""What a served denoiser answers to: images of any size."""

import tensorflow as tf

from dlunits.data.images.tiled_inference import tiled_inference
from dlunits.serving.export import export
from dlunits.serving.image_requests import parse_images
from dlunits.serving.model_card import image_model_card


def export_denoiser(model, directory, *, data, noise, metrics, command):
    """Exports a model that cleans small images as one that cleans any.

    Args:
        model: Keras model from `(batch, side, side, 1)`, float32 in [0, 1], to
            the same shape, such as an `Autoencoder` fitted to denoise.
        directory: Folder in which it becomes the next version.
        data: `dlunits.data.images.image_datasets.ImageDataset` that it was
            trained on.
        noise: Text for the card, which noise it was trained to take away.
        metrics: Dict of what was measured, for the card.
        command: Text, the command that made the model.

    Returns:
        `pathlib.Path` of the version.

    Raises:
        OSError: If it cannot be written.
    """
    side = model.input_shape[1]
    images = tf.cast(data.test[0][:1], tf.float32)
    return export(
        model,
        directory,
        endpoints=lambda predict: denoiser_endpoints(predict, side),
        card=image_model_card(data, metrics, command, noise=noise),
        warmup={"serving_default": [images], "denoise": [images]},
    )


def denoiser_endpoints(predict, side):
    """The endpoints of a model that cleans images, for `export`.

    `denoise`, argument `images`: `(height, width)`, `(batch, height, width)`
    or `(batch, height, width, channels)` of any size; channels are cleaned one
    by one. uint8 is 0 ... 255, uint16 is 0 ... 65,535. Floats are 0 ... 1, or
    0 ... 255 in every image that has a pixel above 1; other values are
    refused, NaN and noise below 0 among them. `serving_default` is the same.

    It returns `cleaned`, float32 in 0 ... 1, in the shape of `images`. A
    image larger than the model's goes through it in overlapping tiles, see
    `dlunits.data.images.tiled_inference`. A server offers the endpoint for
    floats; in Python it takes the integers as well.

    Args:
        predict: The model as a function from `(batch, side, side, 1)`, float32
            in [0, 1], to the same shape.
        side: Integer, pixels.

    Returns:
        Dict of name to `(function, signature, *further_signatures)`; each
        signature is a list of `tf.TensorSpec`.

    Example, a model that halves all light:

    >>> endpoints = denoiser_endpoints(lambda x: x / 2, side=28)
    >>> denoise, *signatures = endpoints["denoise"]
    >>> photo = tf.fill((1, 100, 40, 3), tf.constant(51, "uint8"))
    >>> cleaned = denoise(photo)["cleaned"]
    >>> cleaned.shape.as_list(), f"{cleaned[0, 99, 39, 2]:.3f}"  # 51 / 255 / 2
    ([1, 100, 40, 3], '0.100')
    """

    def denoise(images):
        cleaned = tiled_inference(predict, parse_images(images), side)
        return {"cleaned": tf.reshape(cleaned, tf.shape(images))}

    endpoint = (
        denoise,
        *(
            [tf.TensorSpec(None, dtype, name="images")]
            for dtype in (tf.float32, tf.uint8, tf.uint16)
        ),
    )
    return {"serving_default": endpoint, "denoise": endpoint}
