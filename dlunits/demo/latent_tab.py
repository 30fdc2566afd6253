"""Tab: explore the latent space of a variational autoencoder."""

from typing import Any

import gradio
import numpy as np
import tensorflow as tf

from dlunits.demo.image_html import as_bytes, image_row
from dlunits.demo.model_folder import ModelFolder
from dlunits.demo.tab_parts import show_errors
from dlunits.typing import Array

MODELS = ("vae_mnist",)
LIMIT = 3.0  # of a coordinate; the prior is a standard normal distribution
NUM_TILES = 15  # images on each side of the map
IMAGE_SIZE = 28


def build(models: ModelFolder) -> None:
    """Adds the components of the tab to the page.

    Args:
        models: `ModelFolder`.
    """
    gradio.Markdown(
        "A variational autoencoder encodes each digit of MNIST as a point of "
        "a plane. Choose a point with the sliders or on the map to see the "
        "image that the decoder generates from it."
    )
    with gradio.Row():
        with gradio.Column(min_width=300):
            first, second = (
                gradio.Slider(
                    -LIMIT, LIMIT, 0, step=0.05, label=f"Coordinate {number}"
                )
                for number in (1, 2)
            )
            decoded = gradio.HTML(elem_id="decoded")
        with gradio.Column(min_width=300):
            plane = gradio.Image(
                label="Map of the plane",
                interactive=False,
                image_mode="L",
                format="png",
                elem_id="plane",
                buttons=[],
            )

    @show_errors
    def decode(first: float, second: float) -> str:
        images = decode_points(models.model("vae_mnist"), [[first, second]])
        return image_row(images, [f"decoder of ({first:g}, {second:g})"], 200)

    @show_errors
    def draw_map() -> Array:
        return latent_map(models.model("vae_mnist"))

    def choose(event: gradio.SelectData) -> tuple[float, float]:
        return point_of_pixel(*event.index)

    for slider in (first, second):
        slider.change(
            decode,
            [first, second],
            decoded,
            show_progress="hidden",
            trigger_mode="always_last",
        )
    plane.select(choose, None, [first, second], show_progress="hidden")
    gradio.on(None, decode, [first, second], decoded)
    gradio.on(None, draw_map, None, plane)


def decode_points(model: Any, points: Any) -> Array:
    """Decodes points `(points, 2)` to images `(points, 28, 28, 1)`."""
    codes = tf.constant(points, tf.float32)
    return model.signatures["decode"](codes=codes)["images"].numpy()


def latent_map(model: Any) -> Array:
    """Decoded images of a grid of points, uint8 `(height, width)`.

    The first coordinate increases to the right, the second one upwards.
    """
    step = 2 * LIMIT / NUM_TILES
    centers = np.arange(NUM_TILES) * step - LIMIT + step / 2
    points = [(x, y) for y in centers[::-1] for x in centers]
    images = decode_points(model, points)
    tiles = images.reshape(NUM_TILES, NUM_TILES, IMAGE_SIZE, IMAGE_SIZE)
    side = NUM_TILES * IMAGE_SIZE
    return as_bytes(tiles.transpose(0, 2, 1, 3).reshape(side, side))


def point_of_pixel(column: int, row: int) -> tuple[float, float]:
    """Point of the plane at a pixel of the map.

    >>> point_of_pixel(0, 0), point_of_pixel(210, 210)
    ((-3.0, 3.0), (0.0, 0.0))
    """
    scale = 2 * LIMIT / (NUM_TILES * IMAGE_SIZE)
    return (
        round(column * scale - LIMIT, 2),
        round(LIMIT - row * scale, 2),
    )
