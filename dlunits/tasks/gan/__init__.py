"""Image generation with GANs."""

__all__ = [
    "augment_classifier",
    "evaluate",
    "generate",
    "report",
    "serve",
    "train",
]
