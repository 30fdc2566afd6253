"""What all tabs of the page share: error messages, and missing models."""

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
    """Shows the errors of a function to the visitor of the page, as one line.

    Args:
        function: Function or generator that a tab calls.

    Returns:
        The same, with errors raised as `gradio.Error`.
    """

    def shown(error: Exception) -> gradio.Error:
        lines = str(error).splitlines() or [type(error).__name__]
        # Gradio shows messages as HTML, and this one may quote a file.
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
    """Reader of digits, for `ModelFolder.use`.

    Pages are prepared in this process, and classified by the model.
    """
    return TensorFlowReader(model)


def problem_html(problem: str) -> str:
    r"""HTML of why a tab cannot work, with the command on a line of its own.

    >>> print(problem_html("Train it:\nmake <it>"))
    <div class="problem"><p>Train it:</p><pre>make &lt;it&gt;</pre></div>
    """
    reason, _, command = html.escape(problem).partition("\n")
    block = f"<pre>{command}</pre>" if command else ""
    return f'<div class="problem"><p>{reason}</p>{block}</div>'
