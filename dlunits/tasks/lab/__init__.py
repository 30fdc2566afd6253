"""The three labs: training, bias and variance, convolution."""

__all__ = [
    "bias_variance",
    "convolution",
    "index_page",
    "keras_code",
    "recorded_run",
    "sources",
    "training",
]
