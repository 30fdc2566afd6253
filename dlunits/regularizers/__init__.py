"""Keras regularizers that Keras does not have, one class a file."""

from dlunits.regularizers.kl_sparsity import KLSparsity as KLSparsity

__all__ = ["KLSparsity"]
