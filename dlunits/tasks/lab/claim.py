"""Claim about models or training, with the measured evidence."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Claim:
    """Claim with the measured evidence.

    Args:
        statement: The claim, one or more sentences.
        evidence: The measured numbers.
        holds: Whether the numbers support the claim; `None` if it was not
            measured.
        title: The claim in a few words, the title of its section.
        unit: Row of `docs/units/index.md` that the claim belongs to.
    """

    statement: str
    evidence: str
    holds: bool | None
    title: str = ""
    unit: str = ""

    @property
    def verdict(self) -> str:
        """`"holds here"`, `"did not hold here"` or `"was not measured"`."""
        if self.holds is None:
            return "was not measured"
        return "holds here" if self.holds else "did not hold here"

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
