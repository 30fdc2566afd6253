"""Where the data sets are that benchmarks are made on."""

import os
import pathlib

# Prepared by TFDS, such as mnist/3.0.1; see CONTRIBUTING.md.
DATA = pathlib.Path(os.environ.get("DLUNITS_DATA", "../shared/data")) / "tfds"
