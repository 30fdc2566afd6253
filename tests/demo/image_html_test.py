"""HTML of images: pixels, colors and captions."""

import base64
import io
import re

import numpy as np
from PIL import Image

from dlunits.demo.image_html import image_row, signed_colors


def test_pixels_are_those_of_the_image():
    image = np.linspace(0, 1, 12).reshape(3, 4, 1)
    html = image_row([image, signed_colors(image[..., 0])], ["a", "b"])
    found = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
        for data in re.findall(r'base64,([^"]+)"', html)
    ]
    np.testing.assert_array_equal(found[0], np.rint(255 * image[..., 0]))
    assert found[1].shape == (3, 4, 3)


def test_a_caption_is_text_and_not_html():
    html = image_row([np.zeros((2, 2))], ['<b onclick="x">'])
    assert "<b" not in html
    assert html.count("&lt;b onclick=&quot;x&quot;&gt;") == 2


def test_colors_of_maps_without_a_value_are_white():
    assert (signed_colors(np.zeros((2, 2))) == 247).all()
