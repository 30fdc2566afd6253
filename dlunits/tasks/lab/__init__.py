"""Labs: experiments on training, bias and variance, and convolution."""

__all__ = [
    "bias_variance",
    "claim",
    "convolution",
    "index_page",
    "keras_code",
    "ordered_batches",
    "output_probabilities",
    "paired_comparison",
    "recorded_run",
    "sources",
    "training",
]
