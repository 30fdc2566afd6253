"""Training lab: comparison of runs that differ in one or two factors."""

__all__ = [
    "claims",
    "descent",
    "figures",
    "recipes",
    "report",
    "results",
    "train",
]
