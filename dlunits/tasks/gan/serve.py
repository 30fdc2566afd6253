"""Export and endpoints of the generator of a GAN."""

import functools
import pathlib
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from dlunits.data.images.image_datasets import ImageDataset
from dlunits.models import GAN
from dlunits.serving.export import export
from dlunits.serving.model_card import image_model_card
from dlunits.typing import Path, Tensor

MAX_COUNT = 10_000  # images per request
BATCH_SIZE = 64


def export_gan(
    model: GAN,
    directory: Path,
    *,
    data: ImageDataset,
    metrics: dict[str, Any],
    command: str,
) -> pathlib.Path:
    """Exports the generator of a GAN, with averaged weights.

    Args:
        model: GAN.
        directory: Folder that contains one subfolder per version.
        data: Data set that the model is trained on.
        metrics: Metrics, for the model card.
        command: Command line of the run, for the model card.

    Returns:
        Folder of the new version.

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


def generator_endpoints(
    predict: Callable[..., Tensor],
    *,
    latent_dim: int,
    num_classes: int | None,
) -> dict[str, Any]:
    """Endpoints of a generator of images, for `export`.

    `generate`, which is also `serving_default`, takes `count`, an integer from
    1 to 10,000, and `seed`, an integer; a conditional generator also takes
    `label`, the class to generate, or -1 for all classes in turn. It returns
    `images` `(count, height, width, channels)`. The same seed gives the same
    images; with a larger `count` the first images stay the same. The images
    are generated in batches of 64.

    Args:
        predict: Generator, a function of latent vectors `(batch, latent_dim)`,
            or of latent vectors and labels `(batch,)`, to images.
        latent_dim: Dimension of the latent vectors.
        num_classes: Number of classes, or `None`.

    Returns:
        Dict from name to `(function, signature)`.

    Example: a generator that returns its latent vector.

    >>> endpoints = generator_endpoints(
    ...     lambda z: z, latent_dim=1, num_classes=None
    ... )
    >>> generate, _ = endpoints["generate"]
    >>> generate(tf.constant(300), tf.constant(7, tf.int64))["images"].shape
    TensorShape([300, 1])
    """

    def generate(
        count: Tensor, seed: Tensor, label: Tensor | None = None
    ) -> dict[str, Tensor]:
        tf.debugging.Assert(
            (count >= 1) & (count <= MAX_COUNT),
            [
                f"`count` must be from 1 to {MAX_COUNT}. Received:",
                count,
            ],
        )
        if label is not None and num_classes is not None:
            last_class = num_classes - 1
            tf.debugging.Assert(
                (label >= -1) & (label <= last_class),
                [
                    f"`label` must be from -1 to {last_class}. Received:",
                    label,
                ],
            )

        def generate_batch(number: Tensor) -> Tensor:
            z = tf.random.stateless_normal(
                (BATCH_SIZE, latent_dim),
                tf.stack([seed, tf.cast(number, tf.int64)]),
            )
            if label is None:
                return predict(z)
            index = number * BATCH_SIZE + tf.range(BATCH_SIZE)
            labels = tf.where(label < 0, index % num_classes, label)
            return predict([z, labels])

        def body(number: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
            return number + 1, images.write(number, generate_batch(number))

        num_batches = (count + BATCH_SIZE - 1) // BATCH_SIZE
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
