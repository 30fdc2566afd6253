"""A series to try forecasting on, where there is no other."""

import importlib.util
import pathlib

import numpy as np

from dlunits.atomic_files import atomic_write

CHANNELS = ("PG3", "PG5", "PG7", "PG9")
SECONDS = 10.0
SOURCE = (
    "Matplotlib's example of an electroencephalogram: four electrodes, 800 "
    "rows in 10 seconds"
)


def write_eeg(folder):
    """Writes the electroencephalogram that Matplotlib ships as a CSV file.

    The column `seconds` is the time, `PG3`, `PG5`, `PG7` and `PG9` are the
    electrodes. A seizure begins in it; so the end is livelier than the start,
    which no forecaster can know.

    Args:
        folder: Folder that exists.

    Returns:
        `pathlib.Path` of the file.

    Raises:
        OSError: If it cannot be read or written.

    Example:

    >>> import tempfile
    >>> path = write_eeg(tempfile.mkdtemp())
    >>> header, first, *others = path.read_text().splitlines()
    >>> header, len(others)
    ('seconds,PG3,PG5,PG7,PG9', 799)
    """
    package = importlib.util.find_spec("matplotlib").origin
    data = pathlib.Path(package).parent / "mpl-data/sample_data/eeg.dat"
    values = np.fromfile(data, "float64").reshape(-1, len(CHANNELS))
    times = np.arange(len(values)) * SECONDS / len(values)
    path = pathlib.Path(folder) / "eeg.csv"
    lines = [",".join(["seconds", *CHANNELS])]
    for time, row in zip(times, values, strict=True):
        lines.append(",".join(f"{cell:.9g}" for cell in (time, *row)))
    with atomic_write(path) as file:
        file.write(("\n".join(lines) + "\n").encode())
    return path
