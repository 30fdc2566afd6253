"""The three labs: training, bias and variance, convolution."""

__all__ = ["bias_variance", "keras_code", "sources", "training"]
