"""Detection of faint ink on synthetic photos."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from benchmarks.paper_photos import photograph
from dlunits.data.images.faint_ink import is_clear
from dlunits.data.images.handwriting import extract_digits


def found_on(seed=0, **drawing):
    """Whether faint ink is found, and the contrast of the page."""
    digit = load_digits().images[13]
    page = photograph(digit / 16, np.random.default_rng(seed), **drawing)
    contrast = float(extract_digits(page[None]).contrast[0])
    return is_clear(page / 255, contrast), contrast


@pytest.mark.parametrize("texture", [0, 0.005, 0.01])
@pytest.mark.parametrize("light", [True, False])
def test_ink_of_a_tenth_of_the_brightness_is_clear(texture, light):
    paper, ink = (0.9, 0.8) if light else (0.1, 0.2)
    clear, contrast = found_on(paper=paper, ink=ink, texture=texture)
    assert clear
    assert 0.08 < contrast < 0.15


@pytest.mark.parametrize("texture", [0, 0.01, 0.02])
@pytest.mark.parametrize("light", [{}, {"shadow": 0.4}, {"gradient": 0.5}])
def test_shadows_and_grain_are_not_ink(texture, light):
    for seed in range(5):
        clear, _ = found_on(
            seed, paper=0.85, ink=0.85, texture=texture, **light
        )
        assert not clear


def test_tiny_images_have_no_faint_ink():
    assert not is_clear(np.ones((6, 90)), 0.1)
