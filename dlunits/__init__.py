"""Deep-learning units for Keras 3.

What is imported here runs on every Keras backend. The rooms that need more are
imported by name: `dlunits.data` and `dlunits.serving` load TensorFlow,
`dlunits.reporting` loads matplotlib.
"""

from dlunits import layers as layers
from dlunits import losses as losses
from dlunits import metrics as metrics
from dlunits import models as models
from dlunits import regularizers as regularizers

__version__ = "0.1.0"
