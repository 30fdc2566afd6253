"""The three labs: training, bias and variance, convolution."""

__all__ = ["keras_code", "sources", "training"]
