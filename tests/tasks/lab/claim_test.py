"""Verdicts on claims."""

import pytest

from dlunits.tasks.lab.claim import Claim


@pytest.mark.parametrize(
    ("holds", "verdict"),
    [
        (True, "The claim holds here."),
        (False, "The claim did not hold here."),
        (None, "The claim was not measured."),
    ],
)
def test_the_text_ends_with_the_verdict(holds, verdict):
    assert Claim("A.", "B.", holds).text.endswith(f"Measured: B. {verdict}")
