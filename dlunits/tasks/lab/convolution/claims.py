"""What the measurements say about claims on convolutional networks."""

import dataclasses

import numpy as np

from dlunits.metrics import confidence_interval
from dlunits.typing import ArrayLike


@dataclasses.dataclass(frozen=True)
class Claim:
    """A claim, and what was measured.

    Args:
        statement: The claim, one or more sentences.
        evidence: The measured numbers.
        holds: Whether the numbers support the claim; `None` if it was not
            measured.
    """

    statement: str
    evidence: str
    holds: bool | None

    @property
    def text(self) -> str:
        """Two paragraphs for a section of a report.

        >>> print(Claim("2 + 2 = 4.", "The sum is 4.", True).text)
        Claim: 2 + 2 = 4.
        <BLANKLINE>
        Measured: The sum is 4. The claim holds here.
        """
        return (
            f"Claim: {self.statement}\n\nMeasured: {self.evidence} The claim "
            f"{self.verdict}."
        )

    @property
    def verdict(self) -> str:
        """`"holds here"`, `"did not hold here"` or `"was not measured"`."""
        if self.holds is None:
            return "was not measured"
        return "holds here" if self.holds else "did not hold here"


def percent(values: ArrayLike) -> str:
    """Mean of fractions with its confidence interval, in percent.

    >>> percent([0.5]), percent([0.1, 0.2, 0.3])
    ('50.0 %', '20.0 ± 24.8 %')
    """
    mean, half = confidence_interval(values)
    if np.isnan(half):
        return f"{100 * mean:.1f} %"
    return f"{100 * mean:.1f} \N{PLUS-MINUS SIGN} {100 * half:.1f} %"
