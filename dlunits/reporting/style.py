"""What the figures have in common: ink, width, axes and images."""

# Okabe and Ito's colors: told apart with every kind of color vision.
BLUE = "#0072b2"
VERMILLION = "#d55e00"
INK = "#333333"
PALE = "#e8eaed"
# Okabe and Ito's colors; beyond eight curves the dashes tell them apart.
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
WIDTH = 7.2  # inches, the width of a report's column
TIMES = " \N{MULTIPLICATION SIGN} "


def plain(axes, spines=True):
    """Takes from the axes what carries no data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_visible(spines)
    axes.spines[["left", "bottom"]].set_color(INK)
    axes.tick_params(
        colors=INK, labelsize=8, length=3 if spines else 0, width=0.6
    )
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set(color=INK, fontsize=9)


def frame(axes):
    """Leaves a thin frame around an image."""
    axes.axis("on")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(color=INK, linewidth=0.4)


def draw_image(axes, image):
    """Draws `(height, width)` dark on light, or `(height, width, 3)`."""
    if image.ndim == 3 and image.shape[-1] == 1:
        image = image[..., 0]
    axes.imshow(image, "gray_r")
    frame(axes)
