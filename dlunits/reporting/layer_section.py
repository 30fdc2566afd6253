"""Section of a report with the layers of a model."""

import keras

from dlunits.diagnostics import layer_table
from dlunits.reporting.html_report import Section

TEXT = (
    "Multiply-adds and FLOPs (floating-point operations; a multiply-add counts "
    "as two) are those of dense, convolution and pooling layers in the forward "
    "pass of one example. The output size of a convolution or pooling follows "
    "from input size, padding, kernel size and stride."
)


def layer_section(title: str, model: keras.Model) -> Section:
    """Section with the table of the layers of a model.

    Args:
        title: Heading of the section.
        model: Functional model, or built `Sequential` model.

    Returns:
        The section, with the table of `dlunits.diagnostics.layer_table`.

    Raises:
        ValueError: If the shape of a layer is unknown.

    Example:

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    >>> section = layer_section("Layers", model)
    >>> section.table[0]["parameters"]  # 2 * 3 + 3
    9
    """
    return Section(title, TEXT, table=layer_table(model))
