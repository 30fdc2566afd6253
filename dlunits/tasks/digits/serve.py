"""What a served digit model answers to: images and image files."""

import tensorflow as tf

from dlunits.data.images.handwriting import IMAGE_SIZE, decode_digits
from dlunits.serving.export import export
from dlunits.serving.image_requests import parse_images
from dlunits.serving.model_card import image_model_card


def export_digit_classifier(model, directory, *, data, metrics, command):
    """Exports a model of 28x28 images with its card and warm-up requests.

    A model of handwritten digits gets the endpoint `recognize` for photos,
    others `serving_default` alone.

    Args:
        model: Keras model of `(batch, 28, 28, 1)`, float32 in [0, 1].
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
    requests = warmup_requests(data.test[0][:1])
    if not data.handwriting:
        del requests["recognize"]
    card = image_model_card(data, metrics, command, classes=data.class_names)
    return export(
        model,
        directory,
        endpoints=digit_endpoints if data.handwriting else image_endpoints,
        card=card,
        warmup=requests,
    )


def image_endpoints(predict):
    """The endpoint of any model of 28x28 images, for `export`.

    `serving_default`, argument `images`: `(batch, 28, 28)`,
    `(batch, 28, 28, 1)`, or one image `(28, 28)`. uint8 is 0 ... 255.
    Floats are 0 ... 1, or 0 ... 255 in every image that has a pixel above 1.
    A server offers it for floats; in Python it takes uint8 as well.

    It returns `scores`, `(batch, num_classes)`, float32, the probability of
    each class, and `class`, `(batch,)`, int64, the most probable one.

    Args:
        predict: The model as a function from `(batch, 28, 28, 1)`, float32 in
            [0, 1], to probabilities `(batch, num_classes)`.

    Returns:
        Dict of name to `(function, signature, *further_signatures)`; each
        signature is a list of `tf.TensorSpec`.

    Example, a model that finds every class equally probable:

    >>> read = image_endpoints(lambda x: tf.ones((tf.shape(x)[0], 4)) / 4)
    >>> function, *signatures = read["serving_default"]
    >>> answer = function(tf.zeros((3, 28, 28), tf.uint8))
    >>> answer["scores"].shape, answer["class"].numpy().tolist()
    (TensorShape([3, 4]), [0, 0, 0])
    """

    def serving_default(images):
        return answer(
            predict, parse_images(images, (IMAGE_SIZE, IMAGE_SIZE, 1))
        )

    return {
        "serving_default": (
            serving_default,
            [tf.TensorSpec(None, tf.float32, name="images")],
            [tf.TensorSpec(None, tf.uint8, name="images")],
        ),
    }


def digit_endpoints(predict):
    """`image_endpoints` and `recognize`, for a model of digits like MNIST's.

    `recognize`, argument `encoded`: image files `(batch,)`, strings, of any
    size, see `dlunits.data.images.handwriting.decode_digits`. It returns
    `scores` and `class` as `serving_default` does, and `(batch,)` each:
    `contrast`, below 0.15 for a blank page, and `several`, whether there is
    more than one digit.

    Args:
        predict: As in `image_endpoints`.

    Returns:
        Dict as `image_endpoints` returns it.

    Example:

    >>> sorted(digit_endpoints(lambda x: x))
    ['recognize', 'serving_default']
    """

    def recognize(encoded):
        found = decode_digits(encoded)
        return {
            **answer(predict, found.digits),
            "contrast": found.contrast,
            "several": found.several,
        }

    return {
        **image_endpoints(predict),
        "recognize": (
            recognize,
            [tf.TensorSpec([None], tf.string, name="encoded")],
        ),
    }


def answer(predict, images):
    scores = predict(images)
    return {"scores": scores, "class": tf.argmax(scores, axis=-1)}


def warmup_requests(images):
    """One request an endpoint, for `export` to warm a server up with.

    Args:
        images: `(batch, 28, 28, 1)`, uint8.

    Returns:
        Dict of endpoint name to the list of its arguments.

    Example:

    >>> requests = warmup_requests(tf.zeros((2, 28, 28, 1), tf.uint8))
    >>> {name: arguments[0].dtype.name for name, arguments in requests.items()}
    {'serving_default': 'float32', 'recognize': 'string'}
    """
    return {
        "serving_default": [tf.cast(images, tf.float32)],
        "recognize": [tf.io.encode_png(images)],
    }
