"""What a served generator answers to: how many images, and a seed."""

import functools

import tensorflow as tf

from dlunits.serving.export import export
from dlunits.serving.model_card import image_model_card

MOST = 10_000  # images a call
BATCH = 64  # made at a time


def export_gan(model, directory, *, data, metrics, command):
    """Exports the averaged generator of a GAN.

    Args:
        model: `dlunits.models.GAN`.
        directory: Folder in which it becomes the next version.
        data: `dlunits.data.images.image_datasets.ImageDataset` that it was
            trained on.
        metrics: Dict of what was measured, for the card.
        command: Text, the command that made the model.

    Returns:
        `pathlib.Path` of the version.

    Raises:
        OSError: If it cannot be written.
    """
    request = {"count": 1, "seed": 0}
    if model.num_classes is not None:
        request["label"] = -1
    return export(
        model.ema_generator(),
        directory,
        endpoints=functools.partial(
            generator_endpoints,
            latent_dim=model.latent_dim,
            num_classes=model.num_classes,
        ),
        card=image_model_card(data, metrics, command),
        warmup={"generate": request},
    )


def generator_endpoints(predict, *, latent_dim, num_classes):
    """The endpoints of any generator of images, for `export`.

    `generate`, which is also `serving_default`, takes `count`, an integer
    from 1 to 10,000, and `seed`, an integer; a conditional one also `label`,
    the class to draw, or -1 for all in turn. It returns `images` `(count,
    height, width, channels)`. The same seed gives the same images, and of
    more images the first are those of fewer. They are made 64 at a time.

    Args:
        predict: The generator as a function.
        latent_dim: Integer, random numbers an image.
        num_classes: Integer, or `None`.

    Returns:
        Dict of name to `(function, signature)`.

    Example, a generator that gives back its random number:

    >>> answers = generator_endpoints(
    ...     lambda z: z, latent_dim=1, num_classes=None
    ... )
    >>> generate, _ = answers["generate"]
    >>> generate(tf.constant(300), tf.constant(7, tf.int64))["images"].shape
    TensorShape([300, 1])
    """

    def generate(count, seed, label=None):
        tf.debugging.Assert(
            (count >= 1) & (count <= MOST),
            [f"`count` must be an integer from 1 to {MOST}. Received:", count],
        )
        if label is not None:
            tf.debugging.Assert(
                (label >= -1) & (label < num_classes),
                [
                    f"`label` must lie in -1 ... {num_classes - 1}. Received:",
                    label,
                ],
            )

        def made(number):
            """The batch of this number, whole."""
            z = tf.random.stateless_normal(
                (BATCH, latent_dim), tf.stack([seed, tf.cast(number, tf.int64)])
            )
            if label is None:
                return predict(z)
            place = number * BATCH + tf.range(BATCH)
            labels = tf.where(label < 0, place % num_classes, label)
            return predict([z, labels])

        def body(number, images):
            return number + 1, images.write(number, made(number))

        num_batches = (count + BATCH - 1) // BATCH
        images = tf.TensorArray(tf.float32, num_batches)
        _, images = tf.while_loop(
            lambda number, _: number < num_batches, body, (0, images)
        )
        return {"images": images.concat()[:count]}

    signature = [
        tf.TensorSpec([], tf.int32, "count"),
        tf.TensorSpec([], tf.int64, "seed"),
    ]
    if num_classes is not None:
        signature.append(tf.TensorSpec([], tf.int32, "label"))
    return {
        "serving_default": (generate, signature),
        "generate": (generate, signature),
    }
