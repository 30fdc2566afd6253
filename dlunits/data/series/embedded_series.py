"""Embedded example series: an electroencephalogram from Matplotlib."""

import importlib.util
import pathlib

import numpy as np

from dlunits.atomic_files import atomic_write
from dlunits.typing import Path

CHANNELS = ("PG3", "PG5", "PG7", "PG9")
SECONDS = 10.0
SOURCE = (
    "Matplotlib's example of an electroencephalogram: four electrodes, 800 "
    "rows in 10 seconds"
)


def write_eeg(folder: Path) -> pathlib.Path:
    """Writes an electroencephalogram (EEG) from Matplotlib as a CSV file.

    The column `seconds` is the time; `PG3`, `PG5`, `PG7` and `PG9` are
    electrodes. A seizure begins during the recording, so the variance is
    higher at its end.

    Args:
        folder: Existing folder.

    Returns:
        `pathlib.Path` of the file, `eeg.csv`.

    Raises:
        OSError: If a file cannot be read or written.

    Example:

    >>> import tempfile
    >>> path = write_eeg(tempfile.mkdtemp())
    >>> header, first, *others = path.read_text().splitlines()
    >>> header, len(others)
    ('seconds,PG3,PG5,PG7,PG9', 799)
    """
    # Finds the file without importing Matplotlib.
    spec = importlib.util.find_spec("matplotlib")
    if spec is None or spec.origin is None:
        raise FileNotFoundError(
            "The example series is a file of Matplotlib, which is not "
            "installed. Install it: pip install matplotlib"
        )
    data = pathlib.Path(spec.origin).parent / "mpl-data/sample_data/eeg.dat"
    values = np.fromfile(data, "float64").reshape(-1, len(CHANNELS))
    times = np.arange(len(values)) * SECONDS / len(values)
    path = pathlib.Path(folder) / "eeg.csv"
    lines = [",".join(["seconds", *CHANNELS])]
    for time, row in zip(times, values, strict=True):
        lines.append(",".join(f"{cell:.9g}" for cell in (time, *row)))
    with atomic_write(path) as file:
        file.write(("\n".join(lines) + "\n").encode())
    return path
