"""Classification of the direction of a moving digit by 3-D convolutions.

The kernels slide over time, rows and columns. A motion and the opposite motion
have the same mean image, so that the expected accuracy of a classifier of mean
images is at most 50 %. A convolution over time depends on the order of the
frames.
"""

import keras
import numpy as np
from keras import layers

from dlunits.typing import Array

NUM_FRAMES = 5
DIGIT_SIZE = 7  # pixels of the reduced digit
JITTER = 2  # pixels, random displacement of the middle of the path
FRAME_SIZE = DIGIT_SIZE + NUM_FRAMES - 1 + 2 * JITTER
DIRECTIONS = {"right": (0, 1), "left": (0, -1), "down": (1, 0), "up": (-1, 0)}


def moving_digits(
    images: Array, seed: int, labels: Array | None = None
) -> tuple[Array, Array]:
    """Volumes in which a digit moves by one pixel per frame.

    Args:
        images: Float array `(n, 28, 28, 1)`; a digit is the mean of 4x4 pixels.
        seed: Seed of the directions and of the positions, not negative.
        labels: Indices into `DIRECTIONS` `(n,)`. Default: random.

    Returns:
        `(volumes, labels)`: float32 `(n, 5, 15, 15, 1)`, axes frame, row,
        column and channel; and indices into `DIRECTIONS`.

    Example:

    >>> volumes, labels = moving_digits(np.ones((3, 28, 28, 1)), seed=0)
    >>> volumes.shape, volumes.sum(axis=(2, 3, 4))[0].tolist()  # 7 * 7 pixels
    ((3, 5, 15, 15, 1), [49.0, 49.0, 49.0, 49.0, 49.0])
    """
    rng = np.random.default_rng(seed)
    number = len(images)
    if labels is None:
        labels = rng.integers(len(DIRECTIONS), size=number)
    digits = images.reshape(number, DIGIT_SIZE, 4, DIGIT_SIZE, 4).mean((2, 4))
    steps = np.arange(NUM_FRAMES) - NUM_FRAMES // 2
    jitter = rng.integers(-JITTER, JITTER + 1, (number, 2))
    middle = (FRAME_SIZE - DIGIT_SIZE) // 2 + jitter
    motion = np.array(list(DIRECTIONS.values()))[labels]
    # (n, frames, 2): row and column of the upper left pixel.
    corners = middle[:, None] + steps[:, None] * motion[:, None]
    pixels = np.arange(DIGIT_SIZE)
    volumes = np.zeros(
        (number, NUM_FRAMES, FRAME_SIZE, FRAME_SIZE, 1), "float32"
    )
    volumes[
        np.arange(number)[:, None, None, None],
        np.arange(NUM_FRAMES)[:, None, None],
        corners[..., 0, None, None] + pixels[:, None],
        corners[..., 1, None, None] + pixels,
        0,
    ] = digits[:, None]
    return volumes, labels.astype("int32")


def mean_frames(volumes: Array) -> Array:
    """Volumes in which each frame is replaced by the mean frame.

    >>> volume = np.reshape([0.0, 4.0], (1, 2, 1, 1, 1))
    >>> mean_frames(volume).ravel().tolist()
    [2.0, 2.0]
    """
    mean = volumes.mean(axis=1, keepdims=True)
    return np.repeat(mean, volumes.shape[1], axis=1)


def motion_network() -> keras.Sequential:
    """3-D CNN with two convolutions, global average pooling and four classes.

    Returns:
        Model from `(batch, 5, 15, 15, 1)` to probabilities of `DIRECTIONS`.

    Example:

    >>> motion_network().count_params()  # 8 (27 + 1) + 8 (8 27 + 1) + 4 (8 + 1)
    1996
    """
    return keras.Sequential(
        [
            keras.Input((NUM_FRAMES, FRAME_SIZE, FRAME_SIZE, 1)),
            layers.Conv3D(8, 3, activation="relu", name="conv3d_1"),
            layers.Conv3D(8, 3, activation="relu", name="conv3d_2"),
            layers.GlobalAveragePooling3D(name="global_pool"),
            layers.Dense(len(DIRECTIONS), "softmax", name="output"),
        ],
        name="motion_network",
    )
