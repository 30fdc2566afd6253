"""Bias-variance decomposition, learning curves and early stopping."""

__all__ = [
    "experiments",
    "figures",
    "problems",
    "report",
    "stacked_networks",
]
