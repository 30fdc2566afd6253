"""Tab: generate digits with a conditional GAN."""

import gradio

from dlunits.demo.image_html import image_row
from dlunits.demo.model_folder import ModelFolder
from dlunits.demo.tab_parts import show_errors
from dlunits.tasks.gan.generate import load_generator

MODELS = ("gan_mnist",)
ALL = "all"
MAX_COUNT = 50


def build(models: ModelFolder) -> None:
    """Adds the components of the tab to the page.

    Args:
        models: `ModelFolder`.
    """
    gradio.Markdown(
        "The generator of a conditional GAN generates images of a class from "
        "random numbers. The same seed gives the same images."
    )
    label = gradio.Radio(
        [ALL, *map(str, range(10))], value=ALL, label="Digit", elem_id="label"
    )
    with gradio.Row():
        count = gradio.Slider(
            1, MAX_COUNT, 20, step=1, label="Number of images"
        )
        seed = gradio.Number(0, label="Seed", precision=0, minimum=0)
    button = gradio.Button("Generate", variant="primary")
    result = gradio.HTML(elem_id="generated")

    @show_errors
    def generate(label: str, count: int, seed: int) -> str:
        generator = models.use("gan_mnist", load_generator)
        chosen = -1 if label == ALL else int(label)
        images = generator(count, seed, chosen)
        captions = [
            str(index % 10 if label == ALL else label)
            for index in range(len(images))
        ]
        return image_row(images, captions)

    inputs = [label, count, seed]
    button.click(generate, inputs, result)
    label.input(generate, inputs, result, show_progress="hidden")
