"""Text that a cell prints piece by piece, as one output.

The output of `%%bash` arrives in pieces of 100 characters, and that of a text
generator character by character. myst-nb adds a line break after each of them.
"""

import re


def merge_streams(outputs):
    r"""Joins the texts of all outputs of a stream, which stay in their order.

    >>> pieces = [
    ...     {"output_type": "stream", "name": "stdout", "text": text}
    ...     for text in ("1 %\r", "100 %\nEn", "d\n")
    ... ]
    >>> merge_streams(pieces)[0]["text"]
    '100 %\nEnd\n'
    """
    merged, streams = [], {}
    for output in outputs:
        if output["output_type"] != "stream":
            merged.append(output)
        elif output["name"] in streams:
            streams[output["name"]]["text"] += output["text"]
        else:
            streams[output["name"]] = output
            merged.append(output)
    for output in streams.values():
        # What is before a carriage return is overwritten, as by progress bars.
        output["text"] = re.sub(r"[^\n]*\r(?!\n)", "", output["text"])
    return merged


def setup(app):
    from myst_nb.core import render

    render.coalesce_streams = merge_streams
    return {"parallel_read_safe": True, "parallel_write_safe": True}
