"""Type aliases for annotations."""

import os
from typing import Any, TypeAlias

import numpy.typing as npt

__all__ = ["Array", "ArrayLike", "Config", "Path", "Shape", "Tensor"]

# A tensor of the Keras backend, a `keras.KerasTensor` or a NumPy array, which
# have no common base class in Keras 3.
Tensor: TypeAlias = Any

Array: TypeAlias = npt.NDArray[Any]
ArrayLike: TypeAlias = npt.ArrayLike

# `None` is the length of an axis that is known only when data are given.
Shape: TypeAlias = tuple[int | None, ...]

Path: TypeAlias = str | os.PathLike[str]

# Configuration of a Keras object, as `get_config` returns it.
Config: TypeAlias = dict[str, Any]
