"""Tab: continue a text with a language model, token by token."""

import time
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import gradio

from dlunits.demo.model_folder import ModelFolder
from dlunits.demo.tab_parts import show_errors
from dlunits.tasks.text.generate import TextGenerator

MODELS = ("text_tiny_shakespeare",)
MAX_LENGTH = 5000
UPDATE_SECONDS = 0.05  # between two updates of the page

T = TypeVar("T")


def build(models: ModelFolder) -> None:
    """Adds the components of the tab to the page.

    Args:
        models: `ModelFolder`.
    """
    gradio.Markdown(
        "A recurrent network that was trained on Shakespeare's plays continues "
        "your text character by character."
    )
    with gradio.Row():
        with gradio.Column(min_width=300):
            prompt = gradio.Textbox(
                "ROMEO:\n", label="Prompt", lines=3, elem_id="prompt"
            )
            temperature = gradio.Slider(
                0, 2, 0.8, step=0.05, label="Temperature"
            )
            top_k = gradio.Slider(0, 50, 0, step=1, label="Top k (0: all)")
            top_p = gradio.Slider(0.05, 1, 1, step=0.05, label="Top p (1: all)")
            length = gradio.Slider(
                10, MAX_LENGTH, 200, step=10, label="Number of characters"
            )
            seed = gradio.Number(0, label="Seed", precision=0, minimum=0)
            with gradio.Row():
                button = gradio.Button("Continue", variant="primary")
                stop = gradio.Button("Stop")
        with gradio.Column(min_width=300):
            text = gradio.Textbox(
                label="Text", lines=12, elem_id="text", interactive=False
            )
            probabilities = gradio.Label(
                label="Probabilities of the next character",
                num_top_classes=10,
                elem_id="next_characters",
                show_heading=False,
            )

    @show_errors
    def stream(*inputs: Any) -> Iterator[tuple[str, dict[str, float]]]:
        generator = models.use("text_tiny_shakespeare", TextGenerator)
        yield from at_most_every(
            UPDATE_SECONDS, stream_text(generator, *inputs)
        )

    inputs = [prompt, length, seed, temperature, top_k, top_p]
    started = button.click(
        stream, inputs, [text, probabilities], show_progress="hidden"
    )
    stop.click(None, cancels=started)


def stream_text(
    generator: TextGenerator,
    prompt: str,
    length: int,
    seed: int,
    temperature: float,
    top_k: int,
    top_p: float,
) -> Iterator[tuple[str, dict[str, float]]]:
    """Continues a text, with the probabilities of each next token.

    Args:
        generator: Language model.
        prompt: Text.
        length: Number of tokens.
        seed: Seed of the random numbers.
        temperature, top_k, top_p: As in
            `dlunits.tasks.text.token_sampling.sample_token`.

    Yields:
        `(text, probabilities)` after each token: the text so far, and the
        probabilities of the tokens from which the last one was drawn.
    """
    sampling = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    text = generator.normalize(prompt)
    for token, logits in generator.stream_steps(
        prompt, length, seed=seed, **sampling
    ):
        text += token
        found = generator.next_tokens(logits, **sampling)
        yield text, {visible(each): p for each, p in found.items()}


def at_most_every(seconds: float, items: Iterable[T]) -> Iterator[T]:
    """Limits the rate of items: drops those that follow another too fast.

    The last item is always kept. The network generates tokens faster than a
    browser shows them; updates that wait for the browser would still arrive
    after a click on the button that stops them.

    Args:
        seconds: Minimum time between two items.
        items: Iterable.

    Yields:
        The remaining items.

    Example:

    >>> list(at_most_every(60.0, "abc"))
    ['a', 'c']
    """
    due, late = 0.0, []
    for item in items:
        if time.monotonic() < due:
            late = [item]
            continue
        yield item
        due, late = time.monotonic() + seconds, []
    yield from late


def visible(token: str) -> str:
    r"""Replaces a token of whitespace by its name.

    >>> visible("\n"), visible(" "), visible("a")
    ('line end', 'space', 'a')
    """
    return {"\n": "line end", " ": "space", "\t": "tab"}.get(token, token)
