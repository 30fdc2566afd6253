"""Tab: draw a digit, and see the feature maps of LeNet-5."""

import base64
import binascii
import io
import pathlib

import gradio
import numpy as np
from PIL import Image

from dlunits.data.images.faint_ink import MIN_CONTRAST
from dlunits.demo.image_html import image_row, signed_colors
from dlunits.demo.model_folder import ModelFolder
from dlunits.demo.tab_parts import digit_reader, show_errors
from dlunits.tasks.digits.serve import FEATURE_LAYERS
from dlunits.tasks.digits.tensorflow_reader import TensorFlowReader
from dlunits.typing import Array

MODELS = ("lenet_mnist",)
CANVAS_SIZE = 280  # pixels, as in drawing.html
MAX_LENGTH = 2**20  # characters of a drawing
FOLDER = pathlib.Path(__file__).parent


def build(models: ModelFolder) -> None:
    """Adds the components of the tab to the page.

    Args:
        models: `ModelFolder`.
    """
    gradio.Markdown(
        "Draw a digit. After each stroke, it is cut out, scaled and centered "
        "as in MNIST, and classified by LeNet-5."
    )
    html, css, script = (
        (FOLDER / f"drawing.{suffix}").read_text("utf-8")
        for suffix in ("html", "css", "js")
    )
    with gradio.Row():
        with gradio.Column(min_width=280):
            drawing = gradio.HTML(
                html_template=html,
                css_template=css,
                js_on_load=script,
                elem_id="drawing",
            )
        with gradio.Column(min_width=280):
            probabilities = gradio.Label(
                label="Probabilities", num_top_classes=5, elem_id="digit"
            )
    seen = gradio.HTML(elem_id="seen")

    @show_errors
    def read(event: gradio.EventData) -> tuple[dict[str, float], str]:
        reader = models.use("lenet_mnist", digit_reader)
        return read_digit(reader, read_drawing(event.image))

    drawing.stroke(
        read,
        None,
        [probabilities, seen],
        trigger_mode="always_last",
        show_progress="hidden",
    )


def warm_up(models: ModelFolder) -> None:
    """Classifies a drawing, as the first call takes longer than the others.

    Args:
        models: `ModelFolder`.
    """
    page = np.full((CANVAS_SIZE, CANVAS_SIZE), 255, "uint8")
    page[60:220, 130:150] = 0
    read_digit(models.use("lenet_mnist", digit_reader), page)


def read_drawing(address: str) -> Array:
    """Decodes the data URL of a PNG file.

    Args:
        address: Data URL.

    Returns:
        Gray image `(height, width)`, uint8.

    Raises:
        ValueError: If it is not a data URL of a PNG file.
    """
    try:
        if len(address) > MAX_LENGTH:
            raise ValueError("it is too large")
        data = base64.b64decode(address.partition(",")[2], validate=True)
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            return np.asarray(image.convert("L"))
    except (OSError, ValueError, TypeError, binascii.Error) as error:
        raise ValueError(f"The drawing is not a PNG file: {error}") from None


def read_digit(
    reader: TensorFlowReader, page: Array
) -> tuple[dict[str, float], str]:
    """Classifies a drawn digit.

    Args:
        reader: `TensorFlowReader` of a digit classifier.
        page: Gray image `(height, width)`, uint8.

    Returns:
        `(probabilities, seen)`: dict from class to probability, and HTML of the
        preprocessed image and the feature maps of C1 and C3.

    Raises:
        ValueError: If the page is blank.
    """
    found = reader.extract_digit(page[..., None])
    if found["contrast"][0] < MIN_CONTRAST:
        raise ValueError("The canvas is empty: draw a digit.")
    digits = found["digits"]
    scores = reader.classify(digits)["scores"][0].tolist()
    probabilities = {str(digit): p for digit, p in enumerate(scores)}
    rows = [
        "<h3>Input of the network, 28 by 28 pixels</h3>",
        image_row(digits, ["preprocessed"], 112),
    ]
    if hasattr(reader.model, "feature_maps"):
        maps = reader.model.feature_maps(digits)
        for name in FEATURE_LAYERS:
            rows.append(feature_map_row(name.upper(), maps[name].numpy()[0]))
    return probabilities, "".join(rows)


def feature_map_row(name: str, maps: Array) -> str:
    """HTML of the feature maps `(height, width, maps)` of a layer."""
    height, width, count = maps.shape
    images = [signed_colors(each) for each in np.moveaxis(maps, -1, 0)]
    captions = [f"{name} {index + 1}" for index in range(count)]
    return (
        f"<h3>{name}: {count} feature maps, {height} by {width}; red is "
        f"positive, blue negative</h3>{image_row(images, captions)}"
    )
