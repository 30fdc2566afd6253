"""Data and models of a run of the convolution lab."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from dlunits.tasks.lab.convolution.user_image import (
    read_user_image,
    resize_image,
)
from dlunits.tasks.lab.sources import (
    LabData,
    fix_input_shape,
    reshape_examples,
)
from dlunits.typing import Array, Path

# Data sets whose images are digits as `extract_digits` returns them.
HANDWRITING = {"mnist", "digits"}

MAX_TEST_IMAGES = 2_000  # each of which is classified at 49 shifts


@dataclasses.dataclass(frozen=True, eq=False)
class Subject:
    """Data and models of a run.

    Args:
        data: Images of 28x28 pixels, in the input shape of the compared
            networks.
        compared: A user's model that is trained from new weights and compared
            with a dense network, or `None` for the networks of the lab.
        own: A user's model whose layers are listed, or `None`.
        shown: A user's model whose feature maps are drawn, or `None` for
            LeNet-5.
        example: Test image as an input of the shown model.
        own_images: Images of a user as inputs of the shown model, by the path.
        note: Sentence on what a user's model is not used for, or `""`.
    """

    data: LabData
    compared: keras.Model | None
    own: keras.Model | None
    shown: keras.Model | None
    example: Array
    own_images: Mapping[str, Array]
    note: str


def limit_images(
    data: LabData, max_images: int, max_test_images: int = MAX_TEST_IMAGES
) -> LabData:
    """Random samples of the training and test images, if there are more.

    Args:
        data: Data.
        max_images: Maximum number of training images.
        max_test_images: Maximum number of test images.

    Returns:
        Data whose `source` states the number of used images.

    Example:

    >>> split = (np.zeros((9, 28, 28, 1)), np.zeros(9, "int32"))
    >>> data = LabData("zeros", "Zeros.", ("0",), split, split, split)
    >>> limit_images(data, 5).source
    'Zeros. 5 of 9 training images are used.'
    """
    limited: dict[str, Any] = {}
    texts = [data.source]
    for name, limit in ("train", max_images), ("test", max_test_images):
        x, y = getattr(data, name)
        if len(y) > limit:
            chosen = np.random.default_rng(0).permutation(len(y))[:limit]
            limited[name] = x[chosen], y[chosen]
            word = "training" if name == "train" else name
            texts.append(f"{limit:,} of {len(y):,} {word} images are used.")
    return dataclasses.replace(data, source=" ".join(texts), **limited)


def choose_subject(
    data: LabData, own: keras.Model | None, image_files: Sequence[Path] = ()
) -> Subject:
    """Chooses the models to compare and to show.

    A user's model is compared if its input shape fits the examples and it has
    an output for each class. If its inputs are images of another size, its
    feature maps are those of resized images; if they are not images, its layers
    are only listed.

    Args:
        data: Images `(n, 28, 28, 1)`.
        own: A user's model, or `None`.
        image_files: Image files of a user.

    Returns:
        `Subject`.

    Raises:
        ValueError: If an image file cannot be read.
    """
    inputs, compared, shown, note = data, None, None, ""
    image_shape = data.input_shape
    if own is not None:
        try:
            inputs = reshape_examples(data, own)
            own = fix_input_shape(own, inputs.input_shape)
            compared = shown = own
        except ValueError as error:
            note = f"Your own model is not trained: {error}."
            if takes_images(own):
                shown, image_shape = own, own.input_shape[1:]
            else:
                note += (
                    " Its layers are listed; the feature maps are those of "
                    "LeNet-5."
                )
    model_shape = data.input_shape if shown is None else shown.input_shape[1:]
    handwriting = data.name in HANDWRITING and image_shape == data.input_shape
    own_images = {
        str(path): read_user_image(
            path, image_shape, handwriting=handwriting
        ).reshape(model_shape)
        for path in image_files
    }
    example = resize_image(data.test[0][0], image_shape).reshape(model_shape)
    return Subject(inputs, compared, own, shown, example, own_images, note)


def takes_images(model: keras.Model) -> bool:
    """Whether the input of a model is a gray or RGB image of known size."""
    shape = model.input_shape[1:]
    return len(shape) == 3 and None not in shape and shape[-1] in (1, 3)
