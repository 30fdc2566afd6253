"""Training lab: runs that differ in one or two factors, side by side."""

__all__ = [
    "claims",
    "descent",
    "figures",
    "recipes",
    "report",
    "results",
    "train",
]
