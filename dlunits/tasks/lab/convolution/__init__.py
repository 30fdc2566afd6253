"""The convolution lab: arithmetic, weight sharing, shifts, feature maps."""

__all__ = [
    "arithmetic",
    "figures",
    "motion",
    "networks",
    "percent",
    "report",
    "run_lab",
    "shifts",
    "subject",
    "sums",
    "train",
    "user_image",
]
