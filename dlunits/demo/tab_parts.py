"""Parts that all tabs of the demo page share: messages about errors."""

import functools
import html
import inspect
import pathlib
from collections.abc import Callable
from typing import Any

import gradio
import tensorflow as tf

from dlunits.tasks.digits.tensorflow_reader import TensorFlowReader

USER_ERRORS = (OSError, ValueError, tf.errors.OpError)


def show_errors(function: Callable) -> Callable:
    """Decorator that shows the errors of a function on the page, as one line.

    Args:
        function: Function or generator that a tab calls.

    Returns:
        Function or generator that raises errors as `gradio.Error`.
    """

    def shown(error: Exception) -> gradio.Error:
        lines = str(error).splitlines() or [type(error).__name__]
        # Gradio shows messages as HTML, and they may contain texts of a file.
        return gradio.Error(
            html.escape(lines[0]), duration=None, print_exception=False
        )

    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def generate(*arguments: Any) -> Any:
            try:
                yield from function(*arguments)
            except USER_ERRORS as error:
                raise shown(error) from None

        return generate

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except USER_ERRORS as error:
            raise shown(error) from None

    return call


def digit_reader(version: pathlib.Path, model: Any) -> TensorFlowReader:
    """Creates a reader of digits, for `ModelFolder.use`.

    Images are preprocessed in this process, and classified by the model.

    Args:
        version: Not used.
        model: SavedModel of a digit classifier, or `RemoteModel`.

    Returns:
        `TensorFlowReader`.
    """
    return TensorFlowReader(model)


def problem_html(problem: str) -> str:
    r"""HTML of the reason why a model cannot be used, and of the command.

    Args:
        problem: Reason, and on the next line the command, which may be missing.

    Returns:
        HTML, in which the text is escaped.

    Example:

    >>> print(problem_html("Train it:\nmake <it>"))
    <div class="problem"><p>Train it:</p><pre>make &lt;it&gt;</pre></div>
    """
    reason, _, command = html.escape(problem).partition("\n")
    block = f"<pre>{command}</pre>" if command else ""
    return f'<div class="problem"><p>{reason}</p>{block}</div>'
