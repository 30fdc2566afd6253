"""Folder of the prepared data sets that benchmarks use."""

import os
import pathlib

# Prepared by TFDS, such as mnist/3.0.1; see CONTRIBUTING.md.
DATA = pathlib.Path(os.environ.get("DLUNITS_DATA", "../shared/data")) / "tfds"
