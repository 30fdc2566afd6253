"""Embedded example table for anomaly detection, which needs no download."""

import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.csv

from dlunits.atomic_files import atomic_write
from dlunits.typing import Path

LABEL_COLUMN = "diagnosis"
SOURCE = (
    "scikit-learn's WDBC: 30 measurements of cell nuclei in 569 breast "
    "tumors; trained on half of the benign ones, evaluated on the other half "
    "and all malignant ones"
)


def write_wdbc(
    folder: Path, seed: int = 0
) -> tuple[pathlib.Path, pathlib.Path]:
    """Writes the Wisconsin diagnostic breast cancer data as two CSV files.

    A random half of the 357 benign tumors is for training. The other half and
    the 212 malignant tumors are for evaluation, in the order of the data set.
    The column `diagnosis` is the label.

    Args:
        folder: Existing folder.
        seed: Seed of the split.

    Returns:
        `(train, evaluation)`, `pathlib.Path` of the files.

    Raises:
        OSError: If the files cannot be written.

    Reference: Street et al., 1993, "Nuclear feature extraction for breast
    tumor diagnosis", https://doi.org/10.1117/12.148698

    Example:

    >>> import tempfile
    >>> benign, others = write_wdbc(tempfile.mkdtemp())
    >>> len(benign.read_text().splitlines())  # a header and 357 // 2 rows
    179
    """
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    names = [str(name) for name in data.feature_names]
    classes = np.array([str(name) for name in data.target_names], object)
    table = pa.table(dict(zip(names, data.data.T, strict=True)))
    table = table.append_column(LABEL_COLUMN, [classes[data.target]])
    benign = np.flatnonzero(classes[data.target] == "benign")
    known = np.random.default_rng(seed).permutation(benign)[: len(benign) // 2]
    others = np.setdiff1d(np.arange(len(table)), known)
    folder = pathlib.Path(folder)
    paths = folder / "wdbc_benign.csv", folder / "wdbc_others.csv"
    for path, rows in zip(paths, (np.sort(known), others), strict=True):
        with atomic_write(path) as file:
            pa.csv.write_csv(
                table.take(rows),
                file,
                pa.csv.WriteOptions(quoting_style="none"),
            )
    return paths
