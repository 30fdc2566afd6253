"""Tab: denoise an image."""

import functools
from typing import Any

import gradio
import numpy as np
import tensorflow as tf

from dlunits.data.images import image_datasets
from dlunits.data.images.corruption import gaussian_noise
from dlunits.data.images.image_files import read_image
from dlunits.demo.image_html import image_row
from dlunits.demo.model_folder import ModelFolder
from dlunits.demo.tab_parts import show_errors
from dlunits.metrics import image_quality
from dlunits.typing import Array

MODELS = ("denoiser_mnist",)
MAX_SIZE = 1024  # pixels, longer side of an uploaded image


def build(models: ModelFolder) -> None:
    """Adds the components of the tab to the page.

    Args:
        models: `ModelFolder`.
    """
    gradio.Markdown(
        "Gaussian noise is added to a digit, or to your own image, and a "
        "denoising autoencoder removes it. It was trained on MNIST with a "
        "standard deviation of the noise of 0.5."
    )
    with gradio.Row():
        with gradio.Column(min_width=300):
            digit = gradio.Slider(0, 9, 3, step=1, label="Digit")
            noise = gradio.Slider(
                0, 1, 0.5, step=0.05, label="Noise, standard deviation"
            )
            upload = gradio.Image(
                label="Your own image, instead of the digit",
                type="filepath",
                sources=["upload", "clipboard"],
                height=180,
                buttons=[],
            )
            button = gradio.Button("Denoise", variant="primary")
        with gradio.Column(min_width=300):
            result = gradio.HTML(elem_id="denoised")

    @show_errors
    def denoise(digit: int, noise: float, path: str | None) -> str:
        image = example_digits()[digit] if path is None else read_gray(path)
        return denoise_image(models.model("denoiser_mnist"), image, noise)

    inputs = [digit, noise, upload]
    button.click(denoise, inputs, result)
    for slider in (digit, noise):
        slider.release(denoise, inputs, result, show_progress="hidden")


def denoise_image(model: Any, image: Array, noise: float) -> str:
    """Adds noise to an image and denoises it.

    Args:
        model: SavedModel of a denoiser, or `RemoteModel`.
        image: `(height, width, 1)`, float32 in [0, 1].
        noise: Standard deviation of the noise, in the unit of the image.

    Returns:
        HTML of the original, the noisy and the denoised image, with the PSNR
        of the last two.
    """
    noisy = gaussian_noise(noise)(image[None], (0, 0))
    denoised = model.signatures["denoise"](images=noisy)["denoised"].numpy()
    captions = ["original"]
    for name, found in (("noisy", noisy.numpy()), ("denoised", denoised)):
        if min(image.shape[:2]) >= 11:  # the window size of SSIM
            psnr = image_quality(found, image[None])["psnr"][0]
            name = f"{name}, PSNR {psnr:.1f} dB"
        captions.append(name)
    return image_row([image, noisy[0].numpy(), denoised[0]], captions, 160)


@functools.cache
def example_digits() -> list[Array]:
    """One image of each digit, from scikit-learn's digits."""
    images, labels = image_datasets.load("digits").test
    return [
        images[list(labels).index(label)].astype("float32") / 255
        for label in range(10)
    ]


def read_gray(path: str) -> Array:
    """Reads a gray image `(height, width, 1)`, float32 in [0, 1]."""
    image = read_image(path)
    gray = np.asarray(image.colors, "float32").mean(axis=-1, keepdims=True)
    height, width, _ = gray.shape
    factor = MAX_SIZE / max(height, width)
    if factor < 1:
        size = [max(1, round(height * factor)), max(1, round(width * factor))]
        gray = tf.image.resize(gray, size, method="area").numpy()
    return gray
