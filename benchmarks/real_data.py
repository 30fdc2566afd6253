"""Folder of the prepared data sets of the benchmarks."""

import os
import pathlib

# Prepared by TFDS, such as mnist/3.0.1; see CONTRIBUTING.md.
DATA = pathlib.Path(os.environ.get("DLUNITS_DATA", "../shared/data")) / "tfds"
SHARED = pathlib.Path(__file__).parents[2] / "shared/data"


def add_data_dir(parser, contents="tfds/"):
    """Adds the argument `--data_dir`, the folder of the data sets."""
    parser.add_argument(
        "--data_dir",
        type=pathlib.Path,
        default=os.environ.get("DLUNITS_DATA", SHARED),
        help=f"folder that contains {contents}",
    )
