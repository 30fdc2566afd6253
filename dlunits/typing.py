"""Types that annotations of this package share."""

import os
from typing import Any, TypeAlias

import numpy.typing as npt

__all__ = ["Array", "ArrayLike", "Config", "Path", "Shape", "Tensor"]

# A tensor of the Keras backend, a `keras.KerasTensor`, or a NumPy array.
# Keras 3 has no common base class for them.
Tensor: TypeAlias = Any

Array: TypeAlias = npt.NDArray[Any]
ArrayLike: TypeAlias = npt.ArrayLike

# `None` stands for an axis whose length is known only when it is called.
Shape: TypeAlias = tuple[int | None, ...]

Path: TypeAlias = str | os.PathLike[str]

# Configuration of a Keras object, as `get_config` returns it.
Config: TypeAlias = dict[str, Any]
