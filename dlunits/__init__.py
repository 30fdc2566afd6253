"""Deep-learning units for Keras 3.

The packages imported here run on every Keras backend. Import the others by
name: `dlunits.data` and `dlunits.serving` load TensorFlow, `dlunits.reporting`
loads matplotlib, `dlunits.tasks` loads all of them. `dlunits.sklearn` has
estimators of scikit-learn.

`import dlunits` loads Keras and registers the classes that saved models refer
to. With the environment variable `DLUNITS_LAZY_IMPORT=1` it does neither, for
programs that need only what runs without Keras; they import the packages by
name.
"""

import os

if os.environ.get("DLUNITS_LAZY_IMPORT") != "1":
    from dlunits import (
        activations,
        layers,
        losses,
        metrics,
        models,
        regularizers,
    )

__version__ = "0.1.0"

__all__ = [
    "activations",
    "layers",
    "losses",
    "metrics",
    "models",
    "regularizers",
]
