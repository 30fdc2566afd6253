"""Bias, variance and noise over complexity, learning curves, early stopping."""

__all__ = [
    "experiments",
    "figures",
    "problems",
    "report",
    "stacked_networks",
]
