"""Tab: find and classify the digits on a photo."""

from typing import Any

import gradio
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dlunits.data.images.image_files import find_pages
from dlunits.demo.model_folder import ModelFolder
from dlunits.demo.tab_parts import digit_reader, show_errors
from dlunits.tasks.digits.recognize_files import read_image, read_page
from dlunits.typing import Array

MODELS = ("lenet_mnist",)
READ, REFUSED = "#16a34a", "#dc2626"  # colors of boxes


def build(models: ModelFolder) -> None:
    """Adds the components of the tab to the page.

    Args:
        models: `ModelFolder`.
    """
    gradio.Markdown(
        "Upload a photo or a scan of handwritten digits. Each digit is found "
        "and classified; a shape that is probably not a digit is marked with "
        "a question mark."
    )
    with gradio.Row():
        with gradio.Column(min_width=280):
            photo = gradio.Image(
                label="Photo",
                type="filepath",
                sources=["upload", "clipboard"],
                elem_id="photo",
                buttons=[],
            )
            button = gradio.Button("Read the photo", variant="primary")
        with gradio.Column(min_width=280):
            text = gradio.Textbox(
                label="Digits", elem_id="photo_text", interactive=False
            )
            boxes = gradio.Image(
                label="Positions",
                interactive=False,
                format="png",
                elem_id="photo_boxes",
                buttons=[],
            )

    @show_errors
    def read(path: str | None) -> tuple[str, Array]:
        if path is None:
            raise ValueError("Choose a photo first.")
        return read_photo(models.use("lenet_mnist", digit_reader), path)

    button.click(read, photo, [text, boxes])


def read_photo(reader: Any, path: str) -> tuple[str, Array]:
    """Finds and classifies the digits on a photo.

    Args:
        reader: `dlunits.tasks.digits.tensorflow_reader.TensorFlowReader`.
        path: Path of an image file.

    Returns:
        `(text, image)`: the digits in reading order, and the photo with a box
        around each, uint8 `(height, width, 3)`.

    Raises:
        ValueError: If the file is not an image, or has no digit.
    """
    file = find_pages([path])[0]
    try:
        page = read_page(file)
        result = read_image(reader, page)
    except ValueError as error:
        raise ValueError(f"The photo {error}.") from None
    digits = result.get("digits", [result])
    image = Image.fromarray(page).convert("RGB")
    draw = ImageDraw.Draw(image)
    line_width = max(2, max(image.size) // 250)
    font = ImageFont.load_default(size=max(14, max(image.size) // 20))
    for digit in digits:
        color = READ if "digit" in digit else REFUSED
        scale = np.tile(image.size, 2)
        left, top, right, bottom = np.multiply(digit["box"], scale)
        draw.rectangle((left, top, right, bottom), None, color, line_width)
        text = str(digit.get("digit", "?"))
        draw.text((left, top), text, color, font, anchor="lb")
    return result.get("text", str(result.get("digit"))), np.asarray(image)
