"""Demo page: tabs, style and server."""

import contextlib
import os
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

# Gradio reads it when it is imported, and when a component is created.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio

from dlunits.demo import (
    anomaly_tab,
    denoising_tab,
    digit_tab,
    gan_tab,
    latent_tab,
    photo_tab,
    text_tab,
)
from dlunits.demo.model_folder import ModelFolder
from dlunits.demo.tab_parts import problem_html

TABS = {
    "Draw": digit_tab,
    "Photo": photo_tab,
    "Denoise": denoising_tab,
    "Latent plane": latent_tab,
    "GAN": gan_tab,
    "Text": text_tab,
    "Anomalies": anomaly_tab,
}
MAX_FILE_SIZE = 64 * 2**20  # bytes
SYSTEM_FONTS = ("system-ui", "sans-serif")
SYSTEM_MONO_FONTS = ("ui-monospace", "monospace")
STYLE = """
.gradio-container {
    width: 100%; max-width: 1000px !important; margin: 0 auto !important
}
.image-row {display: flex; flex-wrap: wrap; gap: 8px}
.image-row figure {margin: 0}
.image-row img {
    image-rendering: pixelated; border: 1px solid var(--border-color-primary)
}
.image-row figcaption {
    font-size: 12px; text-align: center; color: var(--body-text-color)
}
#ranking ol {list-style: decimal; padding-left: 2em}
#ranking ul {list-style: disc; padding-left: 1.5em; margin-bottom: 8px}
.problem pre {white-space: pre-wrap; overflow-wrap: anywhere}
#plane img {image-rendering: pixelated; width: 100%; cursor: crosshair}
"""


def build_page(models: ModelFolder) -> gradio.Blocks:
    """Builds the demo page.

    Args:
        models: `ModelFolder`.

    Returns:
        `gradio.Blocks`. A tab whose model is missing shows the command that
        trains it.
    """
    with gradio.Blocks(title="dlunits demo", analytics_enabled=False) as page:
        gradio.Markdown("# dlunits\nTrained models to try.")
        for label, tab in TABS.items():
            with gradio.Tab(label):
                problems = filter(None, map(models.problem, tab.MODELS))
                if problem := next(problems, None):
                    gradio.HTML(problem_html(problem))
                else:
                    tab.build(models)
    return page


@contextlib.contextmanager
def serve_page(models: ModelFolder, port: int | None) -> Iterator[str]:
    """Serves the page on the loopback interface while the context is open.

    Uploaded files are kept in a temporary folder, which is removed at the end.

    Args:
        models: `ModelFolder`.
        port: Port, or `None` for the first free one from 7860 on.

    Yields:
        Address of the page.

    Raises:
        OSError: If the port is in use.
    """
    theme: Any = gradio.themes.Default(
        font=SYSTEM_FONTS, font_mono=SYSTEM_MONO_FONTS
    )
    with tempfile.TemporaryDirectory(prefix="dlunits_demo_") as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        tempfile.tempdir = folder
        page = build_page(models)
        page.queue(default_concurrency_limit=4)
        try:
            _, address, _ = page.launch(
                server_name="127.0.0.1",
                server_port=port,
                prevent_thread_lock=True,
                share=False,
                quiet=True,
                ssr_mode=False,
                run_history=False,
                footer_links=[],
                max_file_size=MAX_FILE_SIZE,
                enable_monitoring=False,
                theme=theme,
                css=STYLE,
            )
            threading.Thread(target=warm_up, args=[models], daemon=True).start()
            yield address
        finally:
            page.close(verbose=False)
            tempfile.tempdir = None


def warm_up(models: ModelFolder) -> None:
    """Loads the models, so that the first requests are not slow.

    Args:
        models: `ModelFolder`.
    """
    for tab in TABS.values():
        for name in tab.MODELS:
            with contextlib.suppress(ValueError):  # the tab shows the error
                models.model(name)
    with contextlib.suppress(ValueError):
        digit_tab.warm_up(models)
