"""Deep-learning units for Keras 3.

`dlunits.layers` and `dlunits.models` run on every Keras backend. The rooms
that need more are imported by name: `dlunits.data` and `dlunits.serving` load
TensorFlow, `dlunits.reporting` loads matplotlib.
"""

from dlunits import layers as layers
from dlunits import models as models

__version__ = "0.1.0"
