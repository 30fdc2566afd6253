"""The convolution lab: arithmetic, weight sharing, shifts, feature maps."""

__all__ = [
    "arithmetic",
    "claims",
    "figures",
    "motion",
    "networks",
    "report",
    "run_lab",
    "shifts",
    "subject",
    "sums",
    "train",
    "user_image",
]
