"""Regularizers."""

from dlunits.regularizers.kl_sparsity import KLSparsity

__all__ = ["KLSparsity"]
