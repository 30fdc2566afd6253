"""Tab: read the digits on a photo."""

from typing import Any

import gradio

from dlunits.demo.model_folder import ModelFolder
from dlunits.demo.tab_parts import show_errors
from dlunits.tasks.digits.recognize_files import recognize_files
from dlunits.tasks.digits.tensorflow_reader import TensorFlowReader

MODELS = ("lenet_mnist",)


def build(models: ModelFolder) -> None:
    """Adds the contents of the tab."""
    gradio.Markdown("Upload a photo or a scan of handwritten digits.")
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

    For several digits it is the probability of the least sure one, by the text
    that they are.

    Raises:
        ValueError: If the file is no image, or shows no digit.
    """
    [result, *_] = recognize_files(TensorFlowReader(model), [path])
    if "error" in result:
        raise ValueError(f"The photo {result['error']}.")
    if "text" in result:
        sure = [each.get("confidence", 1.0) for each in result["digits"]]
        return {result["text"].replace("\n", " / "): min(sure)}
    return {str(digit): p for digit, p in enumerate(result["scores"])}
