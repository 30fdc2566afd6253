"""Tab: read the digits on a photo."""

from typing import Any

import gradio

from dlunits.demo.model_folder import ModelFolder
from dlunits.demo.tab_parts import show_errors
from dlunits.tasks.digits.recognize_files import recognize_files

MODELS = ("lenet_mnist",)


def build(models: ModelFolder) -> None:
    """Adds the contents of the tab."""
    gradio.Markdown("Upload a photo or a scan of a handwritten digit.")
    with gradio.Row():
        with gradio.Column(min_width=300):
            photo = gradio.Image(
                label="Photo",
                type="filepath",
                sources=["upload", "clipboard"],
                elem_id="photo",
                buttons=[],
            )
            button = gradio.Button("Read the photo", variant="primary")
        with gradio.Column(min_width=300):
            probabilities = gradio.Label(
                label="Digit", num_top_classes=3, elem_id="photo_digit"
            )

    @show_errors
    def read(path: str | None) -> dict[str, float]:
        if path is None:
            raise ValueError("Choose a photo first.")
        return read_photo(models.model("lenet_mnist"), path)

    button.click(read, photo, probabilities)


def read_photo(model: Any, path: str) -> dict[str, float]:
    """Probabilities of the digits for the digit on a photo.

    Raises:
        ValueError: If the file is no image, or shows no digit.
    """
    [result, *_] = recognize_files(model, [path])
    if "error" in result:
        raise ValueError(f"The photo {result['error']}.")
    return {str(digit): p for digit, p in enumerate(result["scores"])}
