"""Style of figures: colors, width, axes and images."""

from typing import Any

from dlunits.typing import Array

# Colors of Okabe and Ito, distinguishable with all kinds of color vision.
BLUE = "#0072b2"
VERMILLION = "#d55e00"
TEXT_COLOR = "#333333"
LIGHT_GRAY = "#e8eaed"
# Colors of Okabe and Ito; more than eight curves differ by their dashes.
CURVE_COLORS = (
    "#000000",
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#999999",
)
CURVE_DASHES = ("-", (0, (4, 1.5)), (0, (1, 1)))
WIDTH = 7.2  # inches, the width of the text of a report
TIMES = " \N{MULTIPLICATION SIGN} "


def style_axes(axes: Any, spines: bool = True) -> None:
    """Applies the style of reports to axes, without upper and right spines."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_visible(spines)
    axes.spines[["left", "bottom"]].set_color(TEXT_COLOR)
    axes.tick_params(
        colors=TEXT_COLOR, labelsize=8, length=3 if spines else 0, width=0.6
    )
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set(color=TEXT_COLOR, fontsize=9)


def frame_axes(axes: Any) -> None:
    """Draws a thin frame around an image, without ticks."""
    axes.axis("on")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(color=TEXT_COLOR, linewidth=0.4)


def show_image(axes: Any, image: Array) -> None:
    """Plots an image, `(height, width)` or `(height, width, 1 or 3)`.

    Integers are gray from 0 to 255, floats from 0 to 1. Other values are
    scaled, the minimum to black and the maximum to white.
    """
    if image.ndim == 3 and image.shape[-1] == 1:
        image = image[..., 0]
    white = 255 if image.dtype.kind in "iu" else 1
    fixed = image.size and image.min() >= 0 and image.max() <= white
    limits = {"vmin": 0, "vmax": white} if fixed else {}
    axes.imshow(image, "gray", **limits)
    frame_axes(axes)
